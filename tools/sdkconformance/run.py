"""Run one suite against an emulator, and hold the outcome against what is expected."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.sdkconformance.environment import Environment
from tools.sdkconformance.process import Running, emulator
from tools.sdkconformance.suites import STANDIN, Suite

REAL_VAULT = "https://conformance.vault.azure.net"
REAL_HSM = "https://conformance.managedhsm.azure.net"
TEST_SECONDS = 600
"""For one test: the SDK's asynchronous pollers have no limit of their own."""
PYTEST = (
    *("-c", os.devnull, "--rootdir", ".", "-p", "devtools_testutils.plugin", "-p", "no:cacheprovider"),
    *("-o", "asyncio_mode=strict", "-o", "asyncio_default_fixture_loop_scope=function"),
    *("--ignore", "perfstress_tests", "-W", "ignore", "--timeout", str(TEST_SECONDS), "--tb=short", "-q"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a suite is run; `tests` are ids, none means all."""

    fast: bool = True
    """Whether fixed waits of the SDK and its suites are shortened."""
    premium: bool = False
    managed_hsm: bool = False
    all_versions: bool = False
    real_names: bool = False
    """Whether the vault has a name of Azure's, so that the SDK checks the challenge, too."""
    tests: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    """More for pytest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of each test (`passed`, `failed`, `skipped`), and what pytest printed."""

    tests: Mapping[str, str]
    output: str = field(repr=False)

    def named(self, outcome: str) -> frozenset[str]:
        """Ids of the tests with this outcome."""
        return frozenset(test for test, got in self.tests.items() if got == outcome)

    def excerpt(self, test: str) -> str:
        """What pytest said where the test failed, without the clients' logs."""
        name = test.rsplit("::", 1)[-1]
        _, found, rest = self.output.partition(f" {test.split('::')[1]}.{name} ___")
        return (
            f"{test}: {self.tests.get(test, 'not run')}\n{rest.split('------ Captured')[0] if found else ''}"
        )


def expected_of(suite: Suite, options: Options) -> frozenset[str]:
    """Ids of the tests that must pass under these options."""
    expected = suite.expected()
    if suite.name == "keys" and options.premium:
        expected |= suite.expected("premium")
    if suite.name == "keys" and options.managed_hsm:
        expected |= suite.expected("managed-hsm")
    return expected & frozenset(options.tests) if options.tests else expected


def run_suite(environment: Environment, suite: Suite, options: Options) -> Outcome:
    """Start an emulator and run the suite on it; raises UnavailableError, RuntimeError (nothing was run)."""
    with tempfile.TemporaryDirectory(prefix="vaultbind-sdk-") as scratch:
        folder = Path(scratch)
        tests = environment.unpack(suite, folder)
        with emulator(folder) as running:
            outcome = _run_pytest(environment, suite, options, running, tests)
        log = (folder / "emulator.log").read_text(encoding="utf-8")
        return replace(outcome, output=f"{outcome.output}\n{log}") if log else outcome


def _run_pytest(
    environment: Environment, suite: Suite, options: Options, running: Running, tests: Path
) -> Outcome:
    results = tests / "outcome.json"
    versions = ("--all-api-versions",) if suite.name == "keys" and options.all_versions else ()
    unwanted = [word for test in suite.deselected() for word in ("--deselect", test)]
    command = [str(environment.python), "-m", "pytest", *PYTEST, *versions, *unwanted]
    done = subprocess.run(
        [*command, *options.arguments, *(options.tests or (".",))],
        cwd=tests,
        env=_environ(suite, options, running, results),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if not results.exists():
        raise RuntimeError(f"{suite.name}: pytest ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return Outcome(tests=json.loads(results.read_text(encoding="utf-8")), output=done.stdout)


def _environ(suite: Suite, options: Options, running: Running, results: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PYTEST_"))}
    environ = {
        **ours,
        "PYTHONPATH": str(STANDIN),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_PROXY": "*",
        "SSL_CERT_FILE": str(running.ca_file),
        "REQUESTS_CA_BUNDLE": str(running.ca_file),
        "AZURE_TEST_RUN_LIVE": "true",
        "AZURE_KEYVAULT_URL": REAL_VAULT if options.real_names else running.url,
        "KEYVAULT_SKU": "premium" if options.premium else "standard",
        "VAULTBIND_SDK_SUITE": suite.name,
        "VAULTBIND_SDK_RESULTS": str(results),
        "VAULTBIND_SDK_AUTHORITY": running.url,
        "VAULTBIND_SDK_CONNECT": running.endpoint,
    }
    switches = {"FAST": options.fast, "ATTESTATION": options.premium, "ALL_VERSIONS": options.all_versions}
    environ |= {f"VAULTBIND_SDK_{name}": "1" for name, is_on in switches.items() if is_on}
    if options.managed_hsm:
        environ["AZURE_MANAGEDHSM_URL"] = REAL_HSM
    return environ


def render_verdict(
    suite: Suite, outcome: Outcome, expected: frozenset[str], least: int = 0
) -> tuple[bool, Sequence[str]]:
    """Whether all is well, and the lines to print: what failed, what is missing, and the counts.

    All is well when every expected test passed, none failed, and at least `least` passed.
    """
    missing = sorted(expected - outcome.named("passed"))
    failed = outcome.named("failed")
    is_short = len(outcome.named("passed")) < least
    counts = ", ".join(f"{len(outcome.named(word))} {word}" for word in ("passed", "failed", "skipped"))
    lines = [
        *(f"  must pass, but did not: {test}" for test in missing),
        *(f"  failed: {test}" for test in sorted(failed - set(missing))),
        *([f"  fewer than {least} tests passed"] if is_short else []),
        f"{suite.name}: {len(expected) - len(missing)} of {len(expected)} expected tests passed ({counts})",
    ]
    return not missing and not failed and not is_short, lines
