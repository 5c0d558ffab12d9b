"""Run the test tiers, one pytest each, and count them: what `make test` does.

    python -m tools.tiers [TIER...] [-- PYTEST-ARGUMENT...]

Prints one closing line per tier, what failed once more (a machine that tests far away keeps the end of its
output), and, as the last line, the sum: `N passed, N failed, N skipped`.
A tier that this machine cannot run is skipped aloud and counts as one skipped; a tier named in
`VAULTBIND_REQUIRE_TIERS` (comma-separated) that does not run, or of which no test passes, counts as failed.
"""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.gobuild import BuildError
from tools.helm.build import ensure as ensure_helm
from tools.podcluster import why_not as why_no_pods
from tools.promrules.build import ensure as ensure_promrules
from tools.sdkconformance.environment import UnavailableError
from tools.sdkconformance.environment import ensure as ensure_suites
from tools.testbin.build import ensure

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "test-results"
REQUIRED = "VAULTBIND_REQUIRE_TIERS"
VAULT = "VAULTBIND_E2E_VAULT_URL"
LONGEST_RECALL = 12
WIDEST_RECALL = 200
"""Lines of a failure's message that are told again, and characters of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One tier: its marker, where its tests are, and what must be there (returns why not, or "")."""

    name: str
    folders: tuple[str, ...]
    prepare: Callable[[], str]
    workers: int = 1
    """Processes that share its test files. For two processors: flows wait now and then. With a real API
    server there is one, which keeps them busy by itself: two would let removals of CRDs take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of a tier's tests."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def prepare_nothing() -> str:
    return ""


def prepare_chart() -> str:
    """Build helm and the evaluator of alerts where they are missing."""
    return _why_not(ensure_helm) or _why_not(ensure_promrules)


def prepare_binaries() -> str:
    """Build the real API server and helm where they are missing."""
    return _why_not(ensure) or _why_not(ensure_helm)


def _why_not(make: Callable[[], object]) -> str:
    try:
        make()
    except BuildError as error:
        return str(error)
    return ""


def prepare_suites() -> str:
    """Fetch the Azure SDK's test suites and what they run with, where they are missing."""
    try:
        ensure_suites()
    except UnavailableError as error:
        return str(error)
    return ""


def find_vault() -> str:
    """A real vault is used only when somebody names one."""
    return "" if os.environ.get(VAULT) else f"{VAULT} names no vault"


TIERS = {
    tier.name: tier
    for tier in (
        Tier(name="unit", folders=("tests/unit", "tests/architecture"), prepare=prepare_nothing, workers=2),
        Tier(name="flow", folders=("tests/flow",), prepare=prepare_nothing, workers=3),
        Tier(name="chart", folders=("tests/chart",), prepare=prepare_chart),
        Tier(name="apiserver", folders=("tests/apiserver", "tests/flow"), prepare=prepare_binaries),
        Tier(name="sdk", folders=("tests/sdk",), prepare=prepare_suites),
        Tier(name="pods", folders=("tests/pods",), prepare=why_no_pods),
        Tier(name="azure", folders=("tests/azure",), prepare=find_vault),
    )
}


def run(tier: Tier, arguments: Sequence[str], *, required: bool) -> Tally:
    """Run one tier and print its closing line."""
    started = time.monotonic()
    _report_of(tier).unlink(missing_ok=True)
    reason = tier.prepare()
    if not reason and not any((ROOT / folder).is_dir() for folder in tier.folders):
        reason = f"there is no {' or '.join(tier.folders)}"
    if reason:
        tally = Tally(failed=1) if required else Tally(skipped=1)
        word = "FAILED, it is required, but" if required else "SKIPPED:"
        print(f"tier {tier.name}: {tally}: {word} {reason}", flush=True)
        return tally
    print(f"\n=== tier {tier.name}", flush=True)
    tally = _run_pytest(tier, arguments)
    remark = ""
    if required and tally.passed == 0:
        tally += Tally(failed=1)
        remark = f" ({REQUIRED} wants it, and no test passed)"
    print(f"tier {tier.name}: {tally} in {time.monotonic() - started:.0f}s{remark}", flush=True)
    return tally


def _report_of(tier: Tier) -> Path:
    return RESULTS / f"{tier.name}.xml"


def _run_pytest(tier: Tier, arguments: Sequence[str]) -> Tally:
    report = _report_of(tier)
    folders = [folder for folder in tier.folders if (ROOT / folder).is_dir()]
    command = [sys.executable, "-m", "pytest", "-q", "-m", tier.name, f"--junitxml={report}"]
    if tier.workers > 1:
        command += ["-n", str(tier.workers), "--dist", "loadfile"]
    status = subprocess.run([*command, *folders, *arguments], cwd=ROOT, check=False).returncode
    no_tests = 5
    if status == no_tests:
        return Tally()
    tally = summarize(report)
    crashed = status != 0 and tally.failed == 0
    return tally + Tally(failed=1) if crashed else tally


def summarize(report: Path) -> Tally:
    """Count the tests of a JUnit report; none (pytest crashed) counts as one failed."""
    if not report.is_file():
        return Tally(failed=1)
    total = Tally()
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - pytest just wrote it
        tests, errors, failures, skipped = (
            int(suite.get(name, "0")) for name in ("tests", "errors", "failures", "skipped")
        )
        failed = errors + failures
        total += Tally(passed=max(tests - failed - skipped, 0), failed=failed, skipped=skipped)
    return total


def recall(report: Path) -> list[str]:
    """What failed, a paragraph each: the test, and how its message begins."""
    if not report.is_file():
        return []
    told = []
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest just wrote it
        for failure in (*case.iter("failure"), *case.iter("error")):
            lines = failure.get("message", "").splitlines()[:LONGEST_RECALL]
            name = f"FAILED {case.get('classname')}::{case.get('name')}"
            told.append("\n    ".join((name, *(line[:WIDEST_RECALL] for line in lines))))
    return told


def main(arguments: Sequence[str]) -> int:
    names, rest = _split(arguments)
    required = [name.strip() for name in os.environ.get(REQUIRED, "").split(",") if name.strip()]
    unknown = sorted({*names, *required} - set(TIERS))
    if unknown:
        print(f"unknown tiers: {', '.join(unknown)}; there are: {', '.join(TIERS)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(parents=True, exist_ok=True)
    wanted = names or list(TIERS)
    missing = [name for name in required if name not in wanted]
    total = sum((run(TIERS[name], rest, required=name in required) for name in wanted), Tally())
    total += Tally(failed=len(missing))
    for name in missing:
        print(f"tier {name}: required, but not asked for")
    failures = [text for name in wanted for text in recall(RESULTS / f"{name}.xml")]
    (RESULTS / "failures.txt").write_text("".join(f"{text}\n" for text in failures))
    (RESULTS / "summary.txt").write_text(f"{total}\n")
    print(*failures, f"\n{total}", sep="\n", flush=True)
    return 1 if total.failed or not total.passed else 0


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return list(arguments), []
    at = list(arguments).index("--")
    return list(arguments[:at]), list(arguments[at + 1 :])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
