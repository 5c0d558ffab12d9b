"""Pure: how far a job is, told from its status alone, and how long until time changes that."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from vaultbind.api.conditions import ConditionType, Status, find_condition
from vaultbind.api.cryptojob import CryptoJobSpec

_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"


class Phase(Enum):
    """States of a job; FINISHED is final."""

    FINISHED = auto()
    SUSPENDED = auto()
    OVERDUE = auto()  # not finished, and activeDeadlineSeconds are over
    NEW = auto()
    CLAIMED = auto()


def decide_phase(spec: CryptoJobSpec, status: Mapping[str, Any], now: datetime) -> Phase:
    """Tell how far a job is."""
    if is_finished(status):
        return Phase.FINISHED
    if spec.suspend:
        return Phase.SUSPENDED
    left = deadline_left(spec, status, now)
    if left is not None and left <= 0:
        return Phase.OVERDUE
    return Phase.CLAIMED if status.get("keyId") else Phase.NEW


def is_finished(status: Mapping[str, Any]) -> bool:
    """Whether the job has completed or failed."""
    return any(has_condition(status, kind) for kind in (ConditionType.COMPLETE, ConditionType.FAILED))


def has_condition(status: Mapping[str, Any], kind: ConditionType) -> bool:
    """Whether a condition is True."""
    found = find_condition(status, kind)
    return found is not None and found.get("status") == Status.TRUE.value


def deadline_left(spec: CryptoJobSpec, status: Mapping[str, Any], now: datetime) -> float | None:
    """Seconds until activeDeadlineSeconds are over; they begin now where the job has not begun."""
    if spec.active_deadline is None:
        return None
    return _left(parse_stamp(status.get("startTime")) or now, spec.active_deadline, now)


def ttl_left(spec: CryptoJobSpec, status: Mapping[str, Any], now: datetime) -> float | None:
    """Seconds until a finished job is to be deleted."""
    finished = parse_stamp(status.get("completionTime"))
    if spec.ttl is None or finished is None:
        return None
    return _left(finished, spec.ttl, now)


def _left(start: datetime, span: timedelta, now: datetime) -> float:
    return (start + span - now).total_seconds()


def stamp(moment: datetime) -> str:
    """A time as a status has it."""
    return moment.strftime(_STAMP)


def parse_stamp(text: object) -> datetime | None:
    """A time of a status; None where there is none, or none that can be read."""
    try:
        return datetime.strptime(str(text), _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
