"""Pure: what was judged of a KeyVault's objects, as condition, status fields and Events."""

from datetime import datetime, timedelta
from typing import Any

from vaultbind.api.conditions import Condition, ConditionType, Reason, Status
from vaultbind.api.durations import render_duration
from vaultbind.engine.report import Note, NoteType, Report
from vaultbind.expiry.cloudevents import occurrence_of
from vaultbind.expiry.facts import VaultFacts, VaultJudgement
from vaultbind.expiry.soonest import find_soonest
from vaultbind.expiry.times import render_time
from vaultbind.keyvault import ObjectProperties
from vaultbind.keyvault.rotation.judgement import Event, Telling, Validity

MOST_NOTES = 10
"""Events of one kind in one pass; what is more is told by its number."""

_COMMAND = "`vaultbind expiry`"
_REASONS = {
    Event.EXPIRED: Reason.EXPIRED,
    Event.NEAR_EXPIRY: Reason.EXPIRES_SOON,
    Event.ROTATED: Reason.ROTATED,
}


def report(facts: VaultFacts, judgement: VaultJudgement, *, sent_until: datetime | None = None) -> Report:
    """Report on one KeyVault; `expiryToldUntil` moves only when something is told of an expiry.

    `toldOf` says of which vault both times are, so that a KeyVault that leads elsewhere begins anew.
    """
    sent = render_time(sent_until) if sent_until is not None else None
    told = judgement.state.told_until
    if not facts.watched:
        nothing = dict.fromkeys(("expired", "expiring", "ending", "soonest", "eventsSentUntil"))
        return Report(fields={"objects": len(facts.objects), **nothing})
    fields: dict[str, Any] = {
        "objects": len(facts.objects),
        "expired": judgement.counts.get(Validity.EXPIRED, 0),
        "expiring": judgement.counts.get(Validity.EXPIRES_SOON, 0),
        "expiryToldUntil": render_time(told) if told is not None else None,
        "eventsSentUntil": sent,
        "toldOf": facts.vault if told is not None or sent is not None else None,
        **_named(facts),
    }
    return Report(conditions=(_condition(facts, judgement),), fields=fields, notes=_notes(facts, judgement))


def _named(facts: VaultFacts) -> dict[str, Any]:
    """Name the objects that no binding's status has: of a vault that is watched whole (ADR 0029)."""
    if not facts.whole:
        return {"ending": None, "soonest": None}
    found = find_soonest(facts.objects, facts.now)
    return {"ending": found.ending, "soonest": list(found.entries)}


def _condition(facts: VaultFacts, judgement: VaultJudgement) -> Condition:
    counts = judgement.counts
    widest = max((*facts.warn_before, *facts.notices.values()), default=timedelta(0))
    parts = []
    if counts.get(Validity.EXPIRED):
        parts.append(f"{counts[Validity.EXPIRED]} expired")
    if counts.get(Validity.EXPIRES_SOON):
        parts.append(f"{counts[Validity.EXPIRES_SOON]} within {render_duration(widest)} of their expiry")
    if counts.get(Validity.NOT_YET_VALID):
        parts.append(f"{counts[Validity.NOT_YET_VALID]} not valid yet")
    if not parts:
        return Condition(
            type=ConditionType.EXPIRING,
            status=Status.FALSE,
            reason=Reason.VALID,
            message="no watched object needs attention",
        )
    if judgement.soonest is not None:
        parts.append(f"the first is {_ends(judgement.soonest)}")
    return Condition(
        type=ConditionType.EXPIRING, status=Status.TRUE, reason=_reason(judgement), message=", ".join(parts)
    )


def _reason(judgement: VaultJudgement) -> Reason:
    if judgement.counts.get(Validity.EXPIRED):
        return Reason.EXPIRED
    return Reason.EXPIRES_SOON if judgement.counts.get(Validity.EXPIRES_SOON) else Reason.NOT_YET_VALID


def _notes(facts: VaultFacts, judgement: VaultJudgement) -> tuple[Note, ...]:
    notes: list[Note] = []
    for event, reason in _REASONS.items():
        told = [telling for telling in judgement.tellings if telling.event is event]
        if event is Event.ROTATED and not facts.whole:
            continue  # each binding tells of its new content, with the versions
        kind = NoteType.NORMAL if event is Event.ROTATED else NoteType.WARNING
        notes += [
            Note(type=kind, reason=reason, message=_sentence(item), once=occurrence_of(facts.vault, item))
            for item in told[:MOST_NOTES]
        ]
        if len(told) > MOST_NOTES:
            all_of_them = "the metric vaultbind_object_expiry_timestamp_seconds" if facts.whole else _COMMAND
            message = f"and {len(told) - MOST_NOTES} more objects; {all_of_them} shows them"
            notes.append(Note(type=kind, reason=reason, message=message))
    return tuple(notes)


def _sentence(telling: Telling) -> str:
    properties = telling.properties
    if telling.event is Event.ROTATED:
        return f"{properties.kind.value} {properties.name} has a new version"
    if telling.event is Event.EXPIRED:
        return f"{_ends(properties, 'expired at')}; renew it in the vault"
    return f"{_ends(properties, 'expires at')}, within {render_duration(telling.threshold or timedelta(0))}"


def _ends(properties: ObjectProperties, verb: str = "at") -> str:
    moment = render_time(properties.expires_on) if properties.expires_on is not None else "an unknown time"
    return f"{properties.kind.value} {properties.name} {verb} {moment}"
