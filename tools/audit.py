"""Known vulnerabilities among the locked packages: `make audit`; `make check` asks once a day where it can.

`--when-reachable` is for machines without a network and for people who commit twenty times a day: what cannot
be asked is told and passes, and a clean answer holds for its lock until midnight (UTC).
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
STAMP = Path(sys.prefix) / "audit.stamp"
SECONDS = 30
"""For the whole of it where nobody insists; one request may take five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What pip-audit has said: its report, or why there is none."""

    report: dict[str, Any] | None
    trouble: str = ""


Ask = Callable[[], Answer]


def ask(lock: Path, seconds: float | None) -> Answer:
    """Ask the service that pip-audit asks."""
    command = [Path(sys.executable).with_name("pip-audit"), "--require-hashes", "--disable-pip", "-r", lock]
    try:
        done = subprocess.run(
            [*map(str, command), "--format=json", "--progress-spinner=off", "--timeout=5"],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(report=None, trouble=f"no answer in {seconds} s")
    try:
        return Answer(report=json.loads(done.stdout))
    except ValueError:
        lines = done.stderr.strip().splitlines() or ["no report"]
        return Answer(report=None, trouble=lines[-1][:300])


def find_vulnerable(report: dict[str, Any]) -> list[str]:
    """One line per package and vulnerability; what could not be audited counts, too."""
    told = []
    for item in report["dependencies"]:
        if "skip_reason" in item:
            told.append(f"{item['name']}: not audited: {item['skip_reason']}")
        for found in item.get("vulns", ()):
            fixed = ", ".join(found.get("fix_versions", ())) or "none yet"
            told.append(f"{item['name']} {item['version']}: {found['id']}, fixed in: {fixed}")
    return told


def audit(ask: Ask, lock: bytes, stamp: Path, today: date, *, when_reachable: bool) -> tuple[int, list[str]]:
    """The exit status and what is to be said."""
    mark = f"{today} {hashlib.sha256(lock).hexdigest()}"
    if when_reachable and stamp.exists() and stamp.read_text(encoding="utf-8") == mark:
        return 0, []
    answer = ask()
    if answer.report is None:
        if when_reachable:
            return 0, [f"skipped, the service cannot be asked: {answer.trouble}"]
        return 1, [answer.trouble]
    if found := find_vulnerable(answer.report):
        return 1, [*found, "make lock UPGRADE=1 takes newer versions"]
    stamp.write_text(mark, encoding="utf-8")
    return 0, [f"{len(answer.report['dependencies'])} packages, no known vulnerability"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--when-reachable", action="store_true", help="once a day, and not without a network")
    when_reachable = parser.parse_args(arguments).when_reachable
    status, told = audit(
        lambda: ask(LOCK, SECONDS if when_reachable else None),
        LOCK.read_bytes(),
        STAMP,
        datetime.now(UTC).date(),
        when_reachable=when_reachable,
    )
    for line in told:
        print(f"audit: {line}", file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
