"""The chart, rendered."""

import pytest

from tests.chart.release import Helm, Rendered


@pytest.fixture(scope="session")
def default(helm: Helm) -> Rendered:
    """The chart with its own values."""
    return helm.render()
