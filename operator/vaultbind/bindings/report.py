"""Pure: what was found and done, as conditions, status fields and Events. The table of states is here."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vaultbind.api.conditions import Condition, ConditionType, Reason, Status, find_condition
from vaultbind.bindings.apply import Applied
from vaultbind.bindings.facts import Decision, Facts, Keep, Refuse, Remove
from vaultbind.bindings.manifest import is_unwritten
from vaultbind.bindings.missing import describe_gone
from vaultbind.bindings.plan import MAX_OBJECTS
from vaultbind.bindings.refresh import describe_kept
from vaultbind.engine.report import Note, NoteType, Report
from vaultbind.vaults.causes import Trouble
from vaultbind.vaults.policy import Denial

_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"

MOST_VERSIONS = 3
"""New versions that an Event names."""


def report_denial(
    denial: Denial, status: Mapping[str, Any], *, has_secret: bool, now: datetime, stale_after: timedelta
) -> Report:
    """A binding that may not ask the vault; its KeyVault's or its own next change brings it back.

    A Secret that is kept is looked at again when it no longer counts as good.
    """
    if denial.reason.stalled:
        return Report(conditions=_bad(denial.reason, denial.message, stalled=True))
    trouble = Trouble(reason=denial.reason, message=denial.message)
    ready = _ready_in_trouble(trouble, status, has_secret=has_secret, now=now, stale_after=stale_after)
    kept = ready.status is Status.TRUE
    until_stale = max(stale_after - _age(status, now), timedelta(0)).total_seconds() + 1.0
    return Report(conditions=(ready, _synced(trouble)), next_in=until_stale if kept else None)


def report_suspended(status: Mapping[str, Any]) -> Report:
    """Ready stays what it was; Synced is unknown."""
    synced = Condition(
        type=ConditionType.SYNCED,
        status=Status.UNKNOWN,
        reason=Reason.SUSPENDED,
        message="spec.suspend is true",
    )
    old = find_condition(status, ConditionType.READY)
    ready = Condition(
        type=ConditionType.READY,
        status=Status(old["status"]) if old else Status.UNKNOWN,
        reason=_reason_named(str(old["reason"])) if old else Reason.SUSPENDED,
        message=str(old.get("message", "")) if old else "spec.suspend is true",
    )
    return Report(conditions=(ready, synced))


def report(facts: Facts, decision: Decision, applied: Applied, stale_after: timedelta) -> Report:
    """Report one pass over a binding."""
    if facts.trouble is not None:
        return _report_trouble(facts, facts.trouble, stale_after)
    if applied.error is not None:
        trouble = Trouble(
            reason=Reason.CLUSTER_ERROR,
            message=applied.error.message,
            retry_after=applied.error.retry_after,
        )
        return _report_trouble(facts, trouble, stale_after)
    if isinstance(decision, Refuse):
        stalled = decision.reason.stalled
        conditions = _bad(decision.reason, decision.message, stalled=stalled)
        return Report(conditions=conditions, fields=_asked(facts), retry=True)
    if facts.stale:
        trouble = Trouble(
            reason=Reason.UNREACHABLE, message="the vault has been failing; its KeyVault says why"
        )
        return _report_trouble(facts, trouble, stale_after)
    if facts.gone and facts.content is None and not facts.in_sync:
        return _report_deleted(facts, decision)
    return Report(conditions=_good(facts), fields=_fields(facts, decision), notes=_notes(facts, decision))


def _report_deleted(facts: Facts, decision: Decision) -> Report:
    """There is no Secret, as the spec says; the object's return brings it back."""
    back = "they are" if len(facts.gone) > 1 else "it is"
    made = f"Secret {facts.spec.target.name} was deleted (whenMissing), and is made anew once {back} back"
    message = f"{describe_gone(facts)}; {made}"
    pairs = ((ConditionType.READY, Status.FALSE), (ConditionType.SYNCED, Status.TRUE))
    conditions = tuple(
        Condition(type=kind, status=status, reason=Reason.SECRET_DELETED, message=message)
        for kind, status in pairs
    )
    fields = _handled(facts) | {"secretName": None, "expires": None, "objects": [], "objectCount": 0}
    if isinstance(decision, Remove):
        fields["lastChanged"] = facts.now.strftime(_STAMP)
    return Report(conditions=conditions, fields=fields, notes=_notes(facts, decision))


def _report_trouble(facts: Facts, trouble: Trouble, stale_after: timedelta) -> Report:
    if trouble.reason.stalled:
        conditions = _bad(trouble.reason, trouble.message, stalled=True)
        return Report(conditions=conditions, fields=_asked(facts), retry=True)
    ready = _ready_in_trouble(
        trouble,
        facts.status,
        has_secret=facts.existing is not None and int(facts.status.get("revision") or 0) > 0,
        now=facts.now,
        stale_after=timedelta(0) if facts.stale else stale_after,
    )
    return Report(
        conditions=(ready, _synced(trouble)),
        fields=_asked(facts),
        retry=True,
        retry_after=trouble.retry_after,
    )


def _ready_in_trouble(
    trouble: Trouble, status: Mapping[str, Any], *, has_secret: bool, now: datetime, stale_after: timedelta
) -> Condition:
    """A good Secret stays Ready until the trouble has lasted for `stale_after`."""
    if has_secret and _age(status, now) <= stale_after and stale_after:
        message = f"the last good Secret is kept; {trouble.reason.word}"
        return Condition(
            type=ConditionType.READY, status=Status.TRUE, reason=Reason.SECRET_KEPT, message=message
        )
    return Condition(
        type=ConditionType.READY, status=Status.FALSE, reason=trouble.reason, message=trouble.message
    )


def _age(status: Mapping[str, Any], now: datetime) -> timedelta:
    """For how long Synced has been False."""
    old = find_condition(status, ConditionType.SYNCED)
    if old is None or old.get("status") != Status.FALSE.value:
        return timedelta(0)
    since = datetime.strptime(str(old["lastTransitionTime"]), _STAMP).replace(tzinfo=UTC)
    return now - since


def _reason_named(word: str) -> Reason:
    return next((reason for reason in Reason if reason.word == word), Reason.SUSPENDED)


def _synced(trouble: Trouble) -> Condition:
    return Condition(
        type=ConditionType.SYNCED, status=Status.FALSE, reason=trouble.reason, message=trouble.message
    )


def _bad(reason: Reason, message: str, *, stalled: bool) -> tuple[Condition, ...]:
    types = [ConditionType.READY, ConditionType.SYNCED]
    conditions = [Condition(type=kind, status=Status.FALSE, reason=reason, message=message) for kind in types]
    if stalled:
        conditions.append(
            Condition(type=ConditionType.STALLED, status=Status.TRUE, reason=reason, message=message)
        )
    return tuple(conditions)


def _good(facts: Facts) -> tuple[Condition, ...]:
    reason, message = Reason.SYNCED, _what_is_held(facts)
    if facts.gone:
        reason, message = Reason.PRUNED, f"{describe_gone(facts)}; {message}"
    told = find_condition(facts.status, ConditionType.SYNCED)
    if facts.is_held and told is not None:  # nothing was seen that could tell otherwise
        reason, message = _reason_named(str(told["reason"])), str(told.get("message", ""))
    return tuple(
        Condition(type=kind, status=Status.TRUE, reason=reason, message=message)
        for kind in (ConditionType.READY, ConditionType.SYNCED)
    )


def _what_is_held(facts: Facts) -> str:
    if is_unwritten(facts.spec):
        return "pods that name this binding get what the vault holds; there is no Secret"
    if not facts.spec.follows:
        return describe_kept(facts.spec)
    without = " without its keys" if facts.gone else ""
    return f"Secret {facts.spec.target.name} holds what the vault holds{without}"


def _handled(facts: Facts) -> dict[str, Any]:
    return {"lastHandledRequest": facts.request or None}


def _asked(facts: Facts) -> dict[str, Any]:
    """The vault was asked, the conditions say what came of it; who does not follow has to ask again."""
    return _handled(facts) if facts.spec.follows else {}


def _fields(facts: Facts, decision: Decision) -> dict[str, Any]:
    fields = _handled(facts)
    if facts.content is None:
        return fields
    objects = facts.content.objects
    told = facts.status.get("revision")
    revision = told if isinstance(decision, Refuse | Remove) else decision.revision or told
    fields |= {
        "secretName": None if is_unwritten(facts.spec) else facts.spec.target.name,
        "revision": revision or 1,
        "expires": min((item["expires"] for item in objects if "expires" in item), default=None),
        "objects": [dict(item) for item in objects[:MAX_OBJECTS]],
        "objectCount": len(objects),
    }
    if revision != told:
        fields["lastChanged"] = facts.now.strftime(_STAMP)
    return fields


def _notes(facts: Facts, decision: Decision) -> tuple[Note, ...]:
    if isinstance(decision, Keep) or decision.note is None:
        return ()
    name = facts.spec.target.name
    words = {
        Reason.UPDATED: f"Secret {name} updated: {decision.detail}{_versions(facts)}",
        Reason.REPAIRED: f"Secret {name} repaired: {decision.detail}",
        Reason.RECREATED: f"Secret {name} recreated: {decision.detail}{_versions(facts)}",
        Reason.PRUNED: f"Secret {name} pruned: {decision.detail}",
        Reason.SECRET_DELETED: f"Secret {name} deleted: {decision.detail}",
    }
    message = words.get(decision.note, decision.detail)
    return (Note(type=NoteType.NORMAL, reason=decision.note, message=message),)


def _versions(facts: Facts) -> str:
    """Which objects have another version than the status tells: `; secret a OLD -> NEW`, the first few."""
    before = {(item["kind"], item["name"]): item.get("version") for item in facts.status.get("objects") or ()}
    after = facts.content.objects if facts.content is not None else ()
    moved = [
        f"{item['kind']} {item['name']} {old} -> {item['version']}"
        for item in after
        if (old := before.get((item["kind"], item["name"]))) and old != item.get("version")
    ]
    more = f" and {len(moved) - MOST_VERSIONS} more" if len(moved) > MOST_VERSIONS else ""
    return f"; {', '.join(moved[:MOST_VERSIONS])}{more}" if moved else ""
