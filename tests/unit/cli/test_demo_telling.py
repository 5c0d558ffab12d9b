"""How the demo tells its story, and what its JSON has."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from vaultbind.cli.demo.narration import ConsoleNarrator, SilentNarrator, find_program, render_hints
from vaultbind.cli.demo.outcome import Closing, Cost, Report, State, StepResult, render_report

COST = Cost(vault={"get": 3, "list": 2}, writes={"secrets": 1})
GOOD = StepResult(
    name="rotate",
    title="waiting",
    state=State.VERIFIED,
    seconds=1.26,
    told="it [bold]came[/bold]",
    closing=Closing(notes=("took little",), cost=COST),
)
BAD = StepResult(
    name="repair", title="waiting", state=State.FAILED, seconds=2.0, expected="this", seen="that"
)
SKIPPED = StepResult(name="delete", title="never")


def tell(report: Report, *, terminal: bool = False) -> str:
    stream = io.StringIO()
    narrator = ConsoleNarrator(Console(file=stream, force_terminal=terminal, width=40, highlight=False))
    for step in report.steps:
        if step.state is not State.SKIPPED:
            with narrator.waiting(step.name, step.title):
                pass
            narrator.tell(step)
    narrator.summarize(report)
    return stream.getvalue()


def test_without_a_terminal_there_are_plain_unbroken_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(variable, raising=False)
    text = tell(Report(cluster="c", seconds=3.3, steps=[GOOD]))
    assert text.replace("\n", "").isprintable()
    assert "   1.3s  ok      rotate     it [bold]came[/bold] [1.3s]\n" in text
    assert text.endswith("1 of 1 steps verified in 3.3 s\n")
    assert "took little\n" in text


def test_a_terminal_gets_colour_and_a_spinner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = tell(Report(cluster="c", seconds=3.3, steps=[GOOD]), terminal=True)
    assert "\x1b[1;32mok" in text
    assert "rotate: waiting" in text


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    text = tell(Report(cluster="c", seconds=3.3, steps=[GOOD]), terminal=True)
    assert "\x1b[1;32m" not in text
    assert "32m" not in text


def test_a_failure_tells_what_was_expected_what_was_seen_and_where_the_log_is() -> None:
    text = tell(Report(cluster="c", seconds=3.3, steps=[GOOD, BAD, SKIPPED], log="folder/operator.log"))
    assert "step repair failed; 1 of 3 steps verified" in text
    for line in ("expected:       this", "seen:           that", "operator's log: folder/operator.log"):
        assert f"  {line}\n" in text


def test_a_log_that_does_not_exist_is_not_named() -> None:
    assert "log" not in tell(Report(cluster="c", seconds=1.0, steps=[BAD]))


def test_a_good_report_as_json() -> None:
    report = Report(cluster="c", seconds=3.33, steps=[GOOD], kubeconfig="k", vault_url="https://v")
    document = render_report(report)
    assert json.loads(json.dumps(document)) == {
        "ok": True,
        "cluster": "c",
        "seconds": 3.3,
        "steps": [
            {
                "name": "rotate",
                "title": "waiting",
                "state": "verified",
                "seconds": 1.3,
                "told": "it [bold]came[/bold]",
                "notes": ["took little"],
                "vaultRequests": {"get": 3, "list": 2},
                "clusterWrites": {"secrets": 1},
            }
        ],
        "kubeconfig": "k",
        "vaultUrl": "https://v",
    }


def test_a_bad_report_as_json() -> None:
    document = render_report(Report(cluster="c", seconds=3.3, steps=[GOOD, BAD, SKIPPED], log="l"))
    assert document["ok"] is False
    assert [step["state"] for step in document["steps"]] == ["verified", "failed", "skipped"]
    assert document["failure"] == {"step": "repair", "expected": "this", "seen": "that", "log": "l"}
    assert "kubeconfig" not in document


def test_a_report_is_good_only_if_all_was_verified() -> None:
    assert Report(cluster="c", seconds=0, steps=[GOOD]).ok
    assert not Report(cluster="c", seconds=0, steps=[GOOD, SKIPPED]).ok
    assert not Report(cluster="c", seconds=0, steps=[GOOD, BAD]).ok


def test_silence_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    narrator = SilentNarrator()
    narrator.say("a")
    with narrator.waiting("a", "b"):
        narrator.tell(BAD)
    narrator.summarize(Report(cluster="c", seconds=0, steps=[BAD]))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("kubeconfig", "embedded"), [("", False), ("folder/kubeconfig", True)])
def test_hints_name_what_is_there_and_what_is_not(kubeconfig: str, embedded: bool) -> None:
    text = "\n".join(
        render_hints(
            kubeconfig=kubeconfig,
            vault_url="https://shop.vault.localhost:7",
            ca_file="folder/ca.pem",
            namespace="ns",
            token_url="https://127.0.0.1:7/msi/token",
            embedded=embedded,
            program="bin/vaultbind",
        )
    )
    assert "  bin/vaultbind expiry\n" in text
    assert "| bin/vaultbind crypto sign" in text
    assert ("export KUBECONFIG=folder/kubeconfig" in text) is bool(kubeconfig)
    assert "kubectl get vb,ckv -A" in text
    assert ("nor the rules (CEL) of our kinds" in text) is embedded
    assert "resource=https://vault.localhost:7'" in text


@pytest.mark.parametrize(("on_path", "beside"), [(True, True), (False, True), (False, False)])
def test_the_program_is_named_so_that_another_terminal_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, on_path: bool, beside: bool
) -> None:
    """`make demo` puts nothing on the PATH of whoever called it."""
    program = tmp_path / "vaultbind"
    if beside:
        program.touch(mode=0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path) if on_path else "")
    assert find_program() == (str(program) if beside and not on_path else "vaultbind")
