"""The condition Expiring."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.api.conditions import ConditionType, Reason, Status
from vaultbind.expiry.judge import judge_expiry
from vaultbind.expiry.times import parse_time

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
LIMITS = (30 * DAY, 7 * DAY, DAY)
VALID, SOON, EXPIRED = Reason.VALID, Reason.EXPIRES_SOON, Reason.EXPIRED

CASES = [
    pytest.param(None, LIMITS, VALID, "no bound object has an expiry date", id="no date"),
    pytest.param(31 * DAY, LIMITS, VALID, "the earliest expiry is 2026-12-25T12:00:00Z", id="far"),
    pytest.param(30 * DAY + SECOND, LIMITS, VALID, "the earliest expiry is", id="a second before the first"),
    pytest.param(
        30 * DAY,
        LIMITS,
        SOON,
        "secret a expires at 2026-12-24T12:00:00Z, within 30d; renew",
        id="first threshold",
    ),
    pytest.param(8 * DAY, LIMITS, SOON, "within 30d", id="still the first"),
    pytest.param(7 * DAY, LIMITS, SOON, "within 7d", id="second threshold"),
    pytest.param(2 * SECOND, LIMITS, SOON, "within 1d", id="last threshold"),
    pytest.param(2 * SECOND, (DAY, 30 * DAY), SOON, "within 1d", id="thresholds in any order"),
    pytest.param(
        timedelta(0), LIMITS, EXPIRED, "secret a expired at 2026-11-24T12:00:00Z", id="this very second"
    ),
    pytest.param(-40 * DAY, LIMITS, EXPIRED, "renew it in the vault", id="long expired"),
    pytest.param(SECOND, (), VALID, "the earliest expiry is", id="no thresholds"),
    pytest.param(-SECOND, (), EXPIRED, "expired at", id="no thresholds and expired"),
]


@pytest.mark.parametrize(("left", "limits", "reason", "words"), CASES)
def test_judgement(left: timedelta | None, limits: tuple[timedelta, ...], reason: Reason, words: str) -> None:
    condition = judge_expiry(None if left is None else NOW + left, NOW, limits, subject="secret a")
    assert (condition.type, condition.reason) == (ConditionType.EXPIRING, reason)
    assert condition.status is (Status.FALSE if reason is VALID else Status.TRUE)
    assert words in condition.message


@pytest.mark.parametrize("left", [None, DAY, -DAY])
def test_what_is_not_valid_yet_comes_first(left: timedelta | None) -> None:
    expires = None if left is None else NOW + left
    condition = judge_expiry(expires, NOW, LIMITS, not_yet_valid=True)
    assert (condition.status, condition.reason) == (Status.TRUE, Reason.NOT_YET_VALID)


@given(left=st.integers(1, 40 * 86_400))
def test_the_message_moves_only_at_a_threshold(left: int) -> None:
    expires = NOW + left * SECOND
    crossed = [limit for limit in LIMITS if left * SECOND <= limit]
    now = judge_expiry(expires, NOW, LIMITS)
    next_second = judge_expiry(expires, NOW + SECOND, LIMITS)
    moved = left == 1 or any((left - 1) * SECOND <= limit < left * SECOND for limit in LIMITS)
    assert (now != next_second) is moved
    assert (now.status is Status.TRUE) is bool(crossed)


@pytest.mark.parametrize(
    ("text", "time"), [(None, None), ("", None), ("2026-11-24T12:00:00Z", NOW)], ids=["none", "empty", "time"]
)
def test_times_of_a_status(text: str | None, time: datetime | None) -> None:
    assert parse_time(text) == time
