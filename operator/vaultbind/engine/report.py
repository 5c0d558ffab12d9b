"""What a room concludes about one object, and how several conclusions become one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vaultbind.api.conditions import Condition, Reason


class NoteType(StrEnum):
    """Types of an Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An Event to post."""

    type: NoteType
    reason: Reason
    message: str
    once: str = ""
    """Name of what it tells: whoever tells it again makes no second Event. Empty: each moment is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A room's conclusion. Empty conditions leave the object's status alone."""

    conditions: tuple[Condition, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Further status fields; None removes one."""
    notes: tuple[Note, ...] = ()
    retry: bool = False
    """Come back with back-off."""
    retry_after: float | None = None
    """Seconds; with `retry`: not before that."""
    next_in: float | None = None
    """Seconds until the next look at this object; with `retry`: at the latest."""


def merge_reports(first: Report, *others: Report) -> Report:
    """One report out of several: conditions and notes in order, the earliest next time."""
    reports = (first, *others)
    nexts = [report.next_in for report in reports if report.next_in is not None]
    return Report(
        conditions=tuple(condition for report in reports for condition in report.conditions),
        fields={name: value for report in reports for name, value in report.fields.items()},
        notes=tuple(note for report in reports for note in report.notes),
        retry=any(report.retry for report in reports),
        retry_after=max((r.retry_after for r in reports if r.retry_after is not None), default=None),
        next_in=min(nexts, default=None),
    )
