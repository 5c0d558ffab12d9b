"""Pure: from the status that an object has and a report, the merge patch and the Events to send."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vaultbind.api.conditions import Condition, ConditionType, Status, merge_conditions
from vaultbind.engine.report import Note, NoteType, Report

_TOLD: tuple[ConditionType, ...] = (ConditionType.SYNCED, ConditionType.EXPIRING)


def render_status_patch(obj: Mapping[str, Any], report: Report, now: datetime) -> dict[str, Any] | None:
    """Return the body of a merge patch of /status, or None where nothing would change.

    It carries uid and resourceVersion: a namesake or a newer state refuses it.
    """
    if not report.conditions:
        return None
    old: Mapping[str, Any] = obj.get("status") or {}
    metadata = obj["metadata"]
    generation = int(metadata.get("generation", 0))
    wanted: dict[str, Any] = dict(report.fields)
    wanted["observedGeneration"] = generation
    wanted["conditions"] = merge_conditions(
        old.get("conditions") or (), report.conditions, generation=generation, now=now
    )
    changed = {name: value for name, value in wanted.items() if old.get(name) != value}
    if not changed:
        return None
    return {
        "metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
        "status": changed,
    }


def decide_notes(obj: Mapping[str, Any], report: Report) -> tuple[Note, ...]:
    """Events that follow from conditions: one where a condition turned bad or recovered.

    A first success is not told: the status shows it.
    """
    old = {item.get("type"): item for item in (obj.get("status") or {}).get("conditions") or ()}
    told = [
        _note_of_change(old.get(condition.type.value), condition)
        for condition in report.conditions
        if condition.type in _told_types(report.conditions)
    ]
    return tuple(note for note in told if note is not None)


def _is_same(old: Mapping[str, Any] | None, new: Condition) -> bool:
    """Whether a condition says what it said; for Expiring another threshold is another message."""
    if old is None or old.get("status") != new.status.value or old.get("reason") != new.reason.word:
        return False
    return new.type is not ConditionType.EXPIRING or old.get("message") == new.message


def _told_types(conditions: Sequence[Condition]) -> tuple[ConditionType, ...]:
    """Ready is told only where there is no Synced that says the same more exactly.

    Expiring of a KeyVault sums up; its room tells each object by a note of its own.
    """
    if any(condition.type is ConditionType.SYNCED for condition in conditions):
        return _TOLD
    return (ConditionType.READY,)


def _note_of_change(old: Mapping[str, Any] | None, new: Condition) -> Note | None:
    bad = Status.TRUE if new.type is ConditionType.EXPIRING else Status.FALSE
    if _is_same(old, new) or new.status is Status.UNKNOWN:
        return None
    if new.status is bad:
        return Note(type=NoteType.WARNING, reason=new.reason, message=new.message)
    if old is not None and old.get("status") == bad.value:
        return Note(type=NoteType.NORMAL, reason=new.reason, message=new.message)
    return None
