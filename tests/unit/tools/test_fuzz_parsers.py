"""The fuzz targets in short; `make fuzz` runs them for long. And that they would see a bug."""

from collections import Counter

import pytest

from tools.fuzz_parsers import TARGETS, FuzzError, Target, run, try_one

COUNT = {
    "specs": 300,
    "pods": 300,
    "certificates": 80,
    "values": 300,
    "templates": 300,
    "broker": 60,
    "tokens": 300,
    "events": 200,
    "reviews": 200,
    "keys": 200,
    "clients": 200,
    "assertions": 200,
    "callers": 200,
    "inputs": 300,
    "signatures": 300,
}


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_parsed_or_refused(name: str) -> None:
    told = run(name, TARGETS[name], "ci", range(COUNT[name]))
    assert told.startswith(f"{name}: {COUNT[name]} inputs")


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "broker"])
def test_both_happen(name: str) -> None:
    """Input that is always refused at the door would test the door."""
    found = Counter(try_one(name, TARGETS[name], "both", number) for number in range(250))
    assert min(found[True], found[False]) >= 5, found


def test_a_bug_is_told_with_what_repeats_it() -> None:
    def parse(given: int) -> None:
        if given > 90:
            raise KeyError(given)

    broken = Target(draw=lambda draw: draw.randrange(100), run=parse, refusals=(ValueError,))
    with pytest.raises(FuzzError, match="--seed s --only broken --first") as told:
        run("broken", broken, "s", range(1_000))
    number = int(str(told.value).split("--first ")[1].split(":")[0])
    with pytest.raises(FuzzError):
        try_one("broken", broken, "s", number)
