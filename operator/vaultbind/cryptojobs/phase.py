"""Pure: how far a job is, told from its status alone, and how long until time changes that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from vaultbind.api.conditions import ConditionType, Status, find_condition
from vaultbind.api.cryptojob import CryptoJobSpec

CLAIM_SPAN: Final = timedelta(seconds=60)
"""How long a claim of an operator that may be alive stands, where no Lease says who works."""
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """This process, as claims know it."""

    name: str
    began: datetime
    exclusive: bool
    """A Lease says that nobody else works: whoever has claimed a job before is gone."""


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


def claim_left(status: Mapping[str, Any], claimant: Claimant, now: datetime) -> float:
    """Seconds for which a job is left to another operator that has claimed it; 0 where it may be taken up.

    What was claimed before this process began, or in that second, is a dead one's: times have whole seconds.
    """
    ready = find_condition(status, ConditionType.READY) or {}
    stamps = (status.get("startTime"), ready.get("lastTransitionTime"), status.get("takenOverAt"))
    times = tuple(map(parse_stamp, stamps))
    claimed = max((time for time in times if time is not None), default=None)
    by = status.get("claimedBy")
    if claimant.exclusive or claimed is None or not by or by == claimant.name or claimed < claimant.began:
        return 0.0
    return max(0.0, _left(claimed, CLAIM_SPAN, now))


def is_claim_to_renew(status: Mapping[str, Any], claimant: Claimant) -> bool:
    """Whether a job that was claimed has to be claimed anew: another one may want to take it up, too.

    A Lease says that nobody else does.
    """
    return bool(status.get("keyId")) and not claimant.exclusive and status.get("claimedBy") != claimant.name


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
