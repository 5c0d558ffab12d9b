"""Pure: what was found and done, as conditions and status fields. The table of states is here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vaultbind.api.conditions import Condition, ConditionType, Reason, Status, find_condition
from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.cryptojobs.facts import (
    Applied,
    Claim,
    Conclude,
    Decision,
    Expire,
    Facts,
    GiveUp,
    HoldBack,
    Rest,
    Result,
    Rotate,
    Setback,
    Weight,
)
from vaultbind.cryptojobs.operate import encode
from vaultbind.cryptojobs.phase import deadline_left, parse_stamp, stamp
from vaultbind.cryptojobs.setbacks import final
from vaultbind.engine.report import Report
from vaultbind.vaults.policy import Denial


def report_invalid(denial: Denial) -> Report:
    """A job whose spec cannot be used; it cannot change, but a newer release may know more."""
    return Report(conditions=_stuck(denial.reason, denial.message))


def report(facts: Facts, decision: Decision, applied: Applied, now: datetime) -> Report:
    """Report one pass over a job; `facts.now` is when it began, `now` when all was done."""
    if isinstance(decision, Rest | Expire):
        return _report_finished(facts, decision, applied)
    if isinstance(decision, HoldBack):
        return _report_suspended()
    setback = decision.setback if isinstance(decision, GiveUp) else applied.setback
    if setback is not None:
        return _report_setback(facts, setback, applied.result, now)
    if isinstance(decision, Claim):
        return _report_claim(facts, decision)
    if isinstance(decision, Conclude):
        message, result = decision.message, Result(key_id=decision.key_id)
        return _report_complete(facts, decision.reason, message, result, now)
    result = applied.result or Result(key_id="")
    return _report_complete(facts, Reason.COMPLETED, _done(facts, decision, result), result, now)


def _report_finished(facts: Facts, decision: Rest | Expire, applied: Applied) -> Report:
    """The end is final, and another operator's job is its own: only the generation that was seen moves on."""
    if isinstance(decision, Expire):
        failed = applied.setback is not None
        return Report(retry=failed, retry_after=applied.setback.retry_after if applied.setback else None)
    old = tuple(_repeat(item) for item in facts.status.get("conditions") or ())
    return Report(conditions=tuple(item for item in old if item is not None), next_in=decision.next_in)


def _repeat(item: Mapping[str, Any]) -> Condition | None:
    reason = next((reason for reason in Reason if reason.word == item.get("reason")), None)
    kind = next((kind for kind in ConditionType if kind.value == item.get("type")), None)
    if reason is None or kind is None:
        return None
    message = str(item.get("message", ""))
    return Condition(type=kind, status=Status(item["status"]), reason=reason, message=message)


def _report_suspended() -> Report:
    """ActiveDeadlineSeconds begin anew; a claim stays, so that a rotation is not done twice."""
    message = "spec.suspend is true"
    return Report(
        conditions=(
            _condition(ConditionType.SUSPENDED, Status.TRUE, Reason.SUSPENDED, message),
            _condition(ConditionType.READY, Status.UNKNOWN, Reason.SUSPENDED, message),
        ),
        fields={"startTime": None},
    )


def _report_claim(facts: Facts, decision: Claim) -> Report:
    """Claimed: the write of this status decides who goes on, and the next pass does the work."""
    message = f"{facts.spec.operation} with key {facts.spec.key} comes next"
    return Report(
        conditions=(
            *_resumed(facts),
            _condition(ConditionType.READY, Status.UNKNOWN, Reason.RUNNING, message),
        ),
        fields={
            **_started(facts),
            "claimedBy": facts.operator,
            "keyId": decision.key_id,
            **({"algorithm": decision.algorithm} if decision.algorithm else {}),
            **({"takenOverAt": stamp(facts.now)} if facts.claim_to_renew else {}),
        },
        next_in=0.0,
    )


def _report_complete(facts: Facts, reason: Reason, message: str, result: Result, now: datetime) -> Report:
    fields = {**_ended(facts, now), **_told(facts, result)}
    return Report(
        conditions=(
            *_resumed(facts),
            _condition(ConditionType.COMPLETE, Status.TRUE, reason, message),
            _condition(ConditionType.READY, Status.TRUE, reason, message),
        ),
        fields=fields,
        next_in=facts.spec.ttl.total_seconds() if facts.spec.ttl is not None else None,
    )


def _report_setback(facts: Facts, setback: Setback, result: Result | None, now: datetime) -> Report:
    """Wait, try again or fail for good."""
    attempts = int(facts.status.get("attempts") or 0)
    if setback.weight is Weight.ATTEMPT:
        attempts += 1
        if attempts > facts.spec.backoff_limit:
            message = (
                f"{attempts} attempts failed, the last one with {setback.reason.word}: {setback.message}"
            )
            spent = final(Reason.BACKOFF_LIMIT_EXCEEDED, message)
            return _report_failed(facts, spent, attempts, None, now)
    if setback.weight is Weight.FINAL:
        return _report_failed(facts, setback, attempts, result, now)
    conditions = [
        *_resumed(facts),
        _condition(ConditionType.READY, Status.FALSE, setback.reason, setback.message),
    ]
    if setback.reason.stalled:
        conditions.append(_condition(ConditionType.STALLED, Status.TRUE, setback.reason, setback.message))
    return Report(
        conditions=tuple(conditions),
        fields={**_started(facts), **({"attempts": attempts} if attempts else {})},
        retry=not setback.woken,
        retry_after=setback.retry_after,
        next_in=deadline_left(facts.spec, facts.status, now),
    )


def _report_failed(
    facts: Facts, setback: Setback, attempts: int, result: Result | None, now: datetime
) -> Report:
    fields = {**_ended(facts, now), **({"attempts": attempts} if attempts else {})}
    if result is not None:
        fields |= _told(facts, result)
    return Report(
        conditions=(
            *_resumed(facts),
            _condition(ConditionType.FAILED, Status.TRUE, setback.reason, setback.message),
            *_stuck(setback.reason, setback.message),
        ),
        fields=fields,
        next_in=facts.spec.ttl.total_seconds() if facts.spec.ttl is not None else None,
    )


def _stuck(reason: Reason, message: str) -> tuple[Condition, ...]:
    return (
        _condition(ConditionType.READY, Status.FALSE, reason, message),
        _condition(ConditionType.STALLED, Status.TRUE, reason, message),
    )


def _resumed(facts: Facts) -> tuple[Condition, ...]:
    """A job that was suspended once keeps telling that it no longer is, as a Job does."""
    if find_condition(facts.status, ConditionType.SUSPENDED) is None:
        return ()
    return (
        _condition(ConditionType.SUSPENDED, Status.FALSE, Reason.RESUMED, "spec.suspend is no longer true"),
    )


def _condition(kind: ConditionType, status: Status, reason: Reason, message: str) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)


# -- fields -----------------------------------------------------------------------------------------


def _started(facts: Facts) -> dict[str, Any]:
    return {"startTime": facts.status.get("startTime") or stamp(facts.now)}


def _ended(facts: Facts, now: datetime) -> dict[str, Any]:
    started = _started(facts)
    begun = parse_stamp(started["startTime"]) or facts.now
    return {**started, "completionTime": stamp(now), "duration": _duration(begun, now)}


def _duration(begun: datetime, ended: datetime) -> str:
    seconds = max(0, int((ended - begun).total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "m"), (seconds, "s")]
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def _told(facts: Facts, result: Result) -> dict[str, Any]:
    """Which key it was, where the result is or, if it goes into the status, what it is."""
    fields: dict[str, Any] = {"keyId": result.key_id or facts.status.get("keyId")}
    if result.algorithm:
        fields["algorithm"] = result.algorithm
    before = facts.status.get("keyId")
    if facts.spec.operation is CryptoOperation.ROTATE_KEY and before and before != result.key_id:
        fields["previousKeyId"] = before
    if facts.spec.output.kind is not None:
        return {**fields, "output": {"kind": facts.spec.output.kind.value, "name": facts.spec.output.name}}
    told = {"value": result.value or None, "valid": result.valid}
    told |= {
        name: encode(value)
        for name, value in (("iv", result.iv), ("tag", result.tag), ("aad", result.aad))
        if value is not None
    }
    shown = {name: value for name, value in told.items() if value is not None}
    return {**fields, **({"result": shown} if shown else {})}


def _done(facts: Facts, decision: Decision, result: Result) -> str:
    spec = facts.spec
    if isinstance(decision, Rotate):
        return f"key {spec.key} has a new version"
    if spec.operation is CryptoOperation.VERIFY:
        return f"the signature is {'valid' if result.valid else 'not valid'}"
    where = f"{spec.output.kind} {spec.output.name}" if spec.output.kind is not None else "the status"
    return f"{spec.operation} is done, the result is in {where}"
