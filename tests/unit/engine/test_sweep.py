"""A list held against the cache."""

import pytest

from tests.unit.engine.objects import key_of
from vaultbind.engine.sweep import SweepResult, Versions, compare

A = key_of("a")
ONE, TWO, NAMESAKE = {A: ("u1", 1)}, {A: ("u1", 2)}, {A: ("u2", 9)}
GONE, BEHIND, FINE = SweepResult(gone=((A, "u1"),)), SweepResult(behind=(A,)), SweepResult()


@pytest.mark.parametrize(
    ("listed", "before", "now", "result"),
    [
        pytest.param(ONE, ONE, ONE, FINE, id="the same"),
        pytest.param({}, ONE, ONE, GONE, id="deletion missed"),
        pytest.param({}, ONE, {}, FINE, id="deletion came meanwhile"),
        pytest.param({}, {}, ONE, FINE, id="created since the list: no deletion"),
        pytest.param({}, ONE, NAMESAKE, FINE, id="replaced since the list"),
        pytest.param(NAMESAKE, ONE, ONE, GONE, id="replaced, and the watch did not tell"),
        pytest.param(TWO, ONE, ONE, BEHIND, id="change missed"),
        pytest.param(TWO, ONE, TWO, FINE, id="change came meanwhile"),
        pytest.param(ONE, ONE, TWO, FINE, id="the cache is ahead of the list"),
        pytest.param(ONE, {}, {}, BEHIND, id="creation missed"),
    ],
)
def test_compare(listed: Versions, before: Versions, now: Versions, result: SweepResult) -> None:
    assert compare(listed, before, now) == result
