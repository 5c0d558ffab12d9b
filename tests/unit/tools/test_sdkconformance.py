"""What `make sdk-conformance` expects and how it judges; the suites themselves are in tier sdk."""

import importlib.util
from pathlib import Path

import pytest

from tools.sdkconformance import environment, suites
from tools.sdkconformance.run import Options, Outcome, expected_of, render_verdict
from tools.sdkconformance.suites import STANDIN, SUITES, digest_standin, find_mistakes

WAITS = STANDIN / "devtools_testutils" / "waits.py"


def test_what_is_expected_was_not_lowered_and_the_standin_is_the_known_one() -> None:
    assert {suite.name: suite.goal for suite in SUITES.values()} == {
        "secrets": 33,
        "keys": 84,
        "certificates": 52,
    }
    assert find_mistakes() == []


def test_more_tests_are_expected_with_better_hardware() -> None:
    keys = SUITES["keys"]
    assert len(expected_of(keys, Options(premium=True))) == 84 + 12
    assert len(expected_of(keys, Options(premium=True, managed_hsm=True))) == 84 + 12 + 78
    one = min(keys.expected())
    assert expected_of(keys, Options(tests=(one, "unknown"))) == {one}


def test_a_changed_standin_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(suites, "STANDIN", tmp_path)
    assert any("standin.sha256" in mistake for mistake in find_mistakes())
    with pytest.raises(environment.UnavailableError, match=digest_standin()):
        environment.ensure({"XDG_CACHE_HOME": str(tmp_path)})


def test_a_changed_archive_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / SUITES["keys"].archive).write_bytes(b"other")
    place = environment.Environment(python=tmp_path, archives=tmp_path)
    with pytest.raises(environment.UnavailableError, match="is not the file that"):
        place.unpack(SUITES["keys"], tmp_path)


def test_each_deselected_test_has_its_reason() -> None:
    lines = (suites.HERE / "deselected.txt").read_text().splitlines()
    rows = [line.split(maxsplit=2) for line in lines if not line.startswith("#")]
    assert all(len(row) == 3 and row[0] in SUITES for row in rows)
    for suite in SUITES.values():
        assert not suite.expected() & set(suite.deselected())


@pytest.mark.parametrize(
    ("tests", "is_well"),
    [
        ({"a": "passed", "b": "passed", "c": "skipped"}, True),
        ({"a": "passed", "b": "skipped"}, False),
        ({"a": "passed"}, False),
        ({"a": "passed", "b": "passed", "c": "failed"}, False),
    ],
    ids=["all passed", "one was skipped", "one is gone", "another one failed"],
)
def test_verdicts(tests: dict[str, str], is_well: bool) -> None:
    verdict, lines = render_verdict(SUITES["keys"], Outcome(tests=tests, output=""), frozenset({"a", "b"}))
    assert verdict is is_well
    assert lines[-1].startswith("keys: ")
    assert len(lines) == 1 or not is_well


@pytest.mark.parametrize(
    ("module", "function", "asked", "waited"),
    [
        ("azure.keyvault.keys._polling", "run", 2, 0.05),
        ("test_key_client", "_create_rsa_key", 2, 0.05),
        ("test_key_client", "test_key_crud_operations", 2, 1.05),
        ("test_samples_keys", "test_example_keys_recover", 60, 1.05),
        ("azure.core.pipeline.policies._retry", "sleep", 2, 2),
    ],
)
def test_which_waits_are_shortened(module: str, function: str, asked: float, waited: float) -> None:
    spec = importlib.util.spec_from_file_location("waits", WAITS)
    assert spec is not None
    assert spec.loader is not None
    waits = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(waits)
    scope = {"__name__": module, "shorten": waits.shorten, "sys": __import__("sys"), "asked": asked}
    exec(f"def {function}(): return shorten(asked, sys._getframe())", scope)
    assert scope[function]() == waited


def test_fewer_tests_than_before_are_too_few() -> None:
    outcome = Outcome(tests={"a": "passed", "b": "passed"}, output="")
    verdict, lines = render_verdict(SUITES["keys"], outcome, frozenset({"a"}), 3)
    assert not verdict
    assert "fewer than 3" in lines[0]
