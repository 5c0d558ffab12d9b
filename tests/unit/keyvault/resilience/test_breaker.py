"""The breaker's states as a table of what happens to it."""

import pytest

from vaultbind.keyvault.resilience.breaker import Breaker, BreakerConfig, BreakerState

CONFIG = BreakerConfig(failures=2, open_seconds=2.0, max_open_seconds=5.0)
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN

STORIES = [
    ("nothing yet", "", CLOSED),
    ("one failure", "f", CLOSED),
    ("two failures", "ff", OPEN),
    ("a success between", "fsf", CLOSED),
    ("late failures while open", "fff", OPEN),
    ("too early", "ff+1a", OPEN),
    ("a probe", "ff+2a", HALF_OPEN),
    ("a good probe", "ff+2as", CLOSED),
    ("a bad probe", "ff+2af", OPEN),
    ("a cancelled probe", "ff+2ax", HALF_OPEN),
    ("closing forgets failures", "ff+2asf", CLOSED),
    ("a late success closes", "ffs", CLOSED),
]


@pytest.mark.parametrize(("story", "state"), [row[1:] for row in STORIES], ids=[row[0] for row in STORIES])
def test_states(story: str, state: BreakerState) -> None:
    breaker, _ = tell(story)

    assert breaker.state is state


AT = {CLOSED: "", OPEN: "ff", HALF_OPEN: "ff+2a"}
"""How to come into each state."""
TABLE = {
    # from      too early, asks    in time, asks      succeeded  failed   abandoned
    CLOSED: {"a": CLOSED, "+9a": CLOSED, "s": CLOSED, "f": CLOSED, "x": CLOSED},
    OPEN: {"a": OPEN, "+2a": HALF_OPEN, "s": CLOSED, "f": OPEN, "x": OPEN},
    HALF_OPEN: {"a": HALF_OPEN, "+9a": HALF_OPEN, "s": CLOSED, "f": OPEN, "x": HALF_OPEN},
}


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [(before, event, after) for before, row in TABLE.items() for event, after in row.items()],
)
def test_the_table_of_states(before: BreakerState, event: str, after: BreakerState) -> None:
    assert tell(AT[before])[0].state is before
    assert tell(AT[before] + event)[0].state is after


WAITS = [
    ("closed", "", 0.0),
    ("just opened", "ff", 2.0),
    ("a second later", "ff+1", 1.0),
    ("time is up", "ff+2", 0.0),
    ("one probe at a time", "ff+2a", 2.0),
    ("after a cancelled probe", "ff+2ax", 0.0),
    ("doubled after a bad probe", "ff+2af", 4.0),
    ("at most the maximum", "ff+2af+4af", 5.0),
    ("as short as at first after it was closed", "ff+2asff", 2.0),
]


@pytest.mark.parametrize(("story", "wait"), [row[1:] for row in WAITS], ids=[row[0] for row in WAITS])
def test_admission(story: str, wait: float) -> None:
    breaker, now = tell(story)

    assert breaker.admit(now) == wait


def tell(story: str) -> tuple[Breaker, float]:
    """f: failed, s: succeeded, a: asks, x: abandoned, +N: N seconds pass."""
    breaker, now = Breaker(CONFIG), 100.0
    steps = iter(story)
    for step in steps:
        match step:
            case "f":
                breaker.failed(now)
            case "s":
                breaker.succeeded()
            case "a":
                breaker.admit(now)
            case "x":
                breaker.abandoned()
            case _:
                now += float(next(steps))
    return breaker, now
