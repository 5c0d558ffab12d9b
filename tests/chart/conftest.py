"""The chart, rendered, and Prometheus' own evaluation of what it brings."""

import os
from pathlib import Path

import pytest

from tests.chart.release import Helm, Rendered
from tools.promrules.build import find as find_promrules


@pytest.fixture(scope="session")
def default(helm: Helm) -> Rendered:
    """The chart with its own values."""
    return helm.render()


@pytest.fixture(scope="session")
def promrules() -> Path:
    """The program that evaluates rules and queries."""
    path = find_promrules()
    if path is None:
        reason = "no evaluator of alerts: run `make testbin` (it needs Go)"
        if "chart" in os.environ.get("VAULTBIND_REQUIRE_TIERS", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    return path
