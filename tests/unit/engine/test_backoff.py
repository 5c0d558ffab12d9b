"""Back-off: ceilings double up to the limit, the delay is drawn below them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.engine.backoff import Backoff, BackoffPolicy


@pytest.mark.parametrize(
    ("failures", "ceiling"),
    [(1, 5.0), (2, 10.0), (3, 20.0), (6, 160.0), (7, 300.0), (8, 300.0), (5_000, 300.0)],
)
def test_the_ceiling_doubles_up_to_the_limit(failures: int, ceiling: float) -> None:
    assert BackoffPolicy().ceiling(failures) == ceiling


def test_failures_are_counted_by_key_until_a_success() -> None:
    backoff: Backoff[str] = Backoff(draw=lambda: 0.5)
    assert [backoff.fail("a") for _ in range(3)] == [2.5, 5.0, 10.0]
    assert backoff.fail("b") == 2.5
    backoff.succeed("a")
    backoff.succeed("never failed")
    assert backoff.fail("a") == 2.5
    assert backoff.fail("b") == 5.0


@given(draw=st.floats(0, 1, exclude_max=True), failures=st.integers(1, 12))
def test_the_delay_lies_between_a_tenth_of_the_ceiling_and_the_ceiling(draw: float, failures: int) -> None:
    backoff: Backoff[str] = Backoff(draw=lambda: draw)
    delays = [backoff.fail("a") for _ in range(failures)]
    ceiling = BackoffPolicy().ceiling(failures)
    assert ceiling / 10 <= delays[-1] <= ceiling
