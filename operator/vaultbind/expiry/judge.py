"""Pure: the condition Expiring of a binding."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from vaultbind.api.conditions import Condition, ConditionType, Reason, Status
from vaultbind.api.durations import render_duration
from vaultbind.expiry.times import render_time


def judge_expiry(
    expires: datetime | None,
    now: datetime,
    warn_before: Sequence[timedelta],
    *,
    subject: str = "an object",
    not_yet_valid: bool = False,
) -> Condition:
    """Judge the earliest expiry of a binding's objects against the thresholds.

    `subject` is the object that expires first, as messages name it. `not_yet_valid` tells that an object
    cannot be used yet, which comes first. The message moves only when a threshold is crossed.
    """
    if not_yet_valid:
        return _condition(Status.TRUE, Reason.NOT_YET_VALID, "an object is not valid yet; Synced names it")
    if expires is None:
        return _condition(Status.FALSE, Reason.VALID, "no bound object has an expiry date")
    stamp = render_time(expires)
    if expires <= now:
        return _condition(Status.TRUE, Reason.EXPIRED, f"{subject} expired at {stamp}; renew it in the vault")
    crossed = [limit for limit in warn_before if now >= expires - limit]
    if not crossed:
        return _condition(Status.FALSE, Reason.VALID, f"the earliest expiry is {stamp}")
    limit = render_duration(min(crossed))
    message = f"{subject} expires at {stamp}, within {limit}; renew it in the vault"
    return _condition(Status.TRUE, Reason.EXPIRES_SOON, message)


def _condition(status: Status, reason: Reason, message: str) -> Condition:
    return Condition(type=ConditionType.EXPIRING, status=status, reason=reason, message=message)
