"""The Azure SDK's own tests, each of them, against our emulator; `make sdk-conformance` has more of them."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.sdkconformance.environment import UnavailableError, ensure
from tools.sdkconformance.run import Options, Outcome, run_suite
from tools.sdkconformance.suites import SUITES

CHOSEN = tuple(SUITES[name] for name in ("keys", "certificates", "secrets"))  # the longest first
pytestmark = pytest.mark.timeout(1800)
"""The first test waits for all suites."""


@pytest.fixture(scope="session")
def outcomes() -> Mapping[str, Outcome]:
    try:
        environment = ensure()
    except UnavailableError as error:
        if "sdk" in os.environ.get("VAULTBIND_REQUIRE_TIERS", ""):
            pytest.fail(str(error))
        pytest.skip(str(error))
    with ThreadPoolExecutor(max_workers=2) as pool:
        done = pool.map(lambda suite: run_suite(environment, suite, Options()), CHOSEN)
    return {suite.name: outcome for suite, outcome in zip(CHOSEN, done, strict=True)}


@pytest.mark.parametrize(
    ("suite", "test"), [(suite.name, test) for suite in CHOSEN for test in sorted(suite.expected())]
)
def test_of_the_sdk_passes(outcomes: Mapping[str, Outcome], suite: str, test: str) -> None:
    outcome = outcomes[suite]
    assert outcome.tests.get(test) == "passed", outcome.excerpt(test)


@pytest.mark.parametrize("suite", [suite.name for suite in CHOSEN])
def test_nothing_else_of_the_suite_fails(outcomes: Mapping[str, Outcome], suite: str) -> None:
    assert outcomes[suite].named("failed") == frozenset()
