"""What `make check` and `make audit` make of pip-audit's answers."""

import re
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tools.audit import Answer, ask, audit, find_vulnerable
from tools.gen_chart import ROOT

TODAY = date(2026, 11, 26)
CLEAN = Answer(report={"dependencies": [{"name": "a", "version": "1", "vulns": []}]})
BAD = Answer(
    report={
        "dependencies": [
            {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}]},
            {"name": "b", "version": "3", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]},
        ]
    }
)
AWAY = Answer(report=None, trouble="no route to host")


def answering(*answers: Answer) -> Callable[[], Answer]:
    """Each once; a question too many fails."""
    left = iter(answers)
    return lambda: next(left)


@pytest.mark.parametrize(
    ("answer", "when_reachable", "status", "told"),
    [
        (CLEAN, False, 0, "1 packages, no known vulnerability"),
        (CLEAN, True, 0, "1 packages, no known vulnerability"),
        (BAD, False, 1, "a 1: PYSEC-1, fixed in: 1.1, 2.0"),
        (BAD, True, 1, "a 1: PYSEC-1, fixed in: 1.1, 2.0"),
        (AWAY, False, 1, "no route to host"),
        (AWAY, True, 0, "skipped, the service cannot be asked: no route to host"),
    ],
)
def test_answers(tmp_path: Path, answer: Answer, when_reachable: bool, status: int, told: str) -> None:
    stamp = tmp_path / "stamp"
    found = audit(answering(answer), b"lock", stamp, TODAY, when_reachable=when_reachable)
    assert (found[0], found[1][0]) == (status, told)
    assert stamp.exists() == (answer is CLEAN)


def test_a_clean_answer_holds_for_a_day_and_a_lock(tmp_path: Path) -> None:
    def again(lock: bytes, today: date, *answers: Answer, when_reachable: bool = True) -> int:
        given = answering(*answers)
        return audit(given, lock, tmp_path / "stamp", today, when_reachable=when_reachable)[0]

    assert again(b"lock", TODAY, CLEAN) == 0
    assert again(b"lock", TODAY) == 0
    assert again(b"other", TODAY, BAD) == 1
    assert again(b"lock", date(2026, 11, 27), BAD) == 1
    assert again(b"lock", TODAY, BAD, when_reachable=False) == 1, "who insists is not put off"


def test_what_was_not_audited_is_no_clean_answer() -> None:
    assert find_vulnerable({"dependencies": [{"name": "a", "skip_reason": "not found"}]}) == [
        "a: not audited: not found"
    ]


@pytest.mark.parametrize(
    ("program", "seconds", "expected"),
    [
        ("print('{\"dependencies\": []}'); sys.exit(1)", 20, Answer(report={"dependencies": []})),
        ("sys.exit('ERROR\\nno connection')", 20, Answer(report=None, trouble="no connection")),
        ("", 20, Answer(report=None, trouble="no report")),
        ("import time; time.sleep(60)", 0.2, Answer(report=None, trouble="no answer in 0.2 s")),
    ],
    ids=["a report", "no connection", "silence", "too slow"],
)
def test_the_program_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, seconds: float, expected: Any
) -> None:
    stub = tmp_path / "pip-audit"
    stub.write_text(f"#!{sys.executable}\nimport sys\nassert '--require-hashes' in sys.argv\n{program}\n")
    stub.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert ask(tmp_path / "lock", seconds) == expected


def test_make_asks() -> None:
    recipes = dict(
        re.findall(r"^(check|audit):[^\n]*\n((?:\t[^\n]*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    assert "python -m tools.audit --when-reachable\n" in recipes["check"]
    assert "python -m tools.audit\n" in recipes["audit"]
