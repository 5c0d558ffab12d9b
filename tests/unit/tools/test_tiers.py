"""Counting of the tiers: what a required tier that did not run does to the result."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools import tiers
from tools.tiers import Tally, Tier, recall, summarize

Pytest = Callable[[Tier, object], Tally]


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tiers, "RESULTS", tmp_path)
    monkeypatch.delenv(tiers.REQUIRED, raising=False)
    return tmp_path


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what pytest will have counted, and why a tier cannot run."""

    def say(tally: Tally = Tally(), *, missing: str = "") -> None:  # noqa: B008 - a frozen value
        monkeypatch.setattr(tiers, "_run_pytest", lambda tier, arguments: tally)
        tier = Tier(name="apiserver", folders=("tests",), prepare=lambda: missing)
        monkeypatch.setattr(tiers, "TIERS", {"apiserver": tier})

    return say


@pytest.mark.parametrize(
    ("tally", "missing", "required", "status", "line"),
    [
        pytest.param(Tally(passed=3), "", "", 0, "3 passed, 0 failed, 0 skipped", id="passed"),
        pytest.param(Tally(passed=3, failed=1), "", "", 1, "3 passed, 1 failed, 0 skipped", id="failed"),
        pytest.param(
            Tally(skipped=2), "", "apiserver", 1, "0 passed, 1 failed, 2 skipped", id="required, all skipped"
        ),
        pytest.param(Tally(), "", "apiserver", 1, "0 passed, 1 failed, 0 skipped", id="required, no tests"),
        pytest.param(
            Tally(), "no Go", "apiserver", 1, "0 passed, 1 failed, 0 skipped", id="required, cannot run"
        ),
        pytest.param(Tally(), "no Go", "", 1, "0 passed, 0 failed, 1 skipped", id="nothing ran at all"),
    ],
)
def test_result(
    outcome: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tally: Tally,
    missing: str,
    required: str,
    status: int,
    line: str,
) -> None:
    outcome(tally, missing=missing)
    monkeypatch.setenv(tiers.REQUIRED, required)
    assert tiers.main(["apiserver"]) == status
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == line
    assert any(item.startswith("tier apiserver: ") for item in printed)


def test_a_required_tier_that_nobody_knows_is_an_error(
    outcome: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome(Tally(passed=1))
    monkeypatch.setenv(tiers.REQUIRED, "apiserver,pods")
    assert tiers.main([]) == 2


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        pytest.param(
            '<testsuites><testsuite tests="7" errors="1" failures="2" skipped="1"/></testsuites>',
            Tally(passed=3, failed=3, skipped=1),
            id="all kinds",
        ),
        pytest.param(None, Tally(failed=1), id="pytest wrote nothing"),
    ],
)
def test_summarize(tmp_path: Path, xml: str | None, expected: Tally) -> None:
    report = tmp_path / "report.xml"
    if xml is not None:
        report.write_text(xml)
    assert summarize(report) == expected


def test_what_failed_is_told_again_in_short(tmp_path: Path) -> None:
    report = tmp_path / "flow.xml"
    long = "&#10;".join(["AssertionError: it is not there", *(f"line {number}" for number in range(30))])
    report.write_text(
        f"""<testsuites><testsuite tests="3">
        <testcase classname="tests.a" name="test_good"/>
        <testcase classname="tests.a" name="bad[sandbox]"><failure message="{long}">x</failure></testcase>
        <testcase classname="tests.a" name="test_worse"><error message="{"y" * 500}">x</error></testcase>
        </testsuite></testsuites>"""
    )
    bad, worse = recall(report)
    assert bad.splitlines()[:3] == [
        "FAILED tests.a::bad[sandbox]",
        "    AssertionError: it is not there",
        "    line 0",
    ]
    assert len(bad.splitlines()) == 1 + tiers.LONGEST_RECALL
    assert worse == f"FAILED tests.a::test_worse\n    {'y' * tiers.WIDEST_RECALL}"
    assert recall(tmp_path / "none.xml") == []
