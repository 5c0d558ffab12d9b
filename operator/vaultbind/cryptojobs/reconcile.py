"""One pass over a job: observe, plan, apply, report."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vaultbind.api.conditions import ConditionType, Status
from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.api.refs import ObjectKey
from vaultbind.cryptojobs.apply import JobWorker
from vaultbind.cryptojobs.facts import Applied, Decision, Facts, GiveUp, Run
from vaultbind.cryptojobs.intake import JobIntake
from vaultbind.cryptojobs.observe import JobObserver
from vaultbind.cryptojobs.phase import is_finished, parse_stamp, stamp
from vaultbind.cryptojobs.plan import decide
from vaultbind.cryptojobs.report import report, report_invalid
from vaultbind.cryptojobs.rules import choose_algorithm
from vaultbind.engine.cache import RawObject
from vaultbind.engine.clock import Clock
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Report


class CryptoObserver(Protocol):
    """Told of each attempt and each end; must not block."""

    def attempted(self, operation: str, algorithm: str, outcome: str) -> None:
        """Outcome is done or the reason of the setback; `algorithm` as `algorithm_label` gives it."""

    def finished(self, operation: str, outcome: str, seconds: float) -> None:
        """Outcome is complete or failed; seconds from `status.startTime` to the end."""


@dataclass(slots=True, kw_only=True)
class CryptoJobRoom:
    """Works on CryptoJob objects."""

    intake: JobIntake
    observer: JobObserver
    worker: JobWorker
    watcher: CryptoObserver
    clock: Clock
    _begun: dict[ObjectKey, datetime] = field(default_factory=dict)
    """When jobs that are not finished began; their status has whole seconds only."""

    async def reconcile(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        """Look at one job. Raises StaleStateError where the cluster has moved on meanwhile."""
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            self.intake.drop(key)
            self.observer.forget(key)
            self._begun.pop(key, None)
            return None
        prepared = self.intake.prepare(key, obj)
        if prepared.parsed.denial is not None:
            finished = is_finished(
                obj.get("status") or {}
            )  # and final, whatever a newer release thinks of it
            return None if finished else report_invalid(prepared.parsed.denial)
        facts = await self.observer.observe(key, obj, prepared, priority)
        if not facts.status.get("startTime"):
            self._begun[key] = facts.now
        decision = decide(facts)
        applied = await self.worker.apply(facts, decision, prepared.session)
        now = self.clock.now()
        told = report(facts, decision, applied, now)
        self._count(facts, decision, applied, told, now)
        return told

    def _count(self, facts: Facts, decision: Decision, applied: Applied, told: Report, now: datetime) -> None:
        operation = facts.spec.operation.value
        setback = decision.setback if isinstance(decision, GiveUp) else applied.setback
        if setback is not None or applied.result is not None:
            outcome = setback.reason.word if setback is not None else "done"
            used = applied.result.algorithm if applied.result is not None else ""
            self.watcher.attempted(operation, used or algorithm_label(facts, decision), outcome)
        ends = [
            item.type
            for item in told.conditions
            if item.type in (ConditionType.COMPLETE, ConditionType.FAILED) and item.status is Status.TRUE
        ]
        if ends and "completionTime" in told.fields:
            seconds = (now - self._begin(facts.key, told)).total_seconds()
            self.watcher.finished(operation, ends[0].value.lower(), seconds)

    def _begin(self, key: ObjectKey, told: Report) -> datetime:
        """When a job that has ended began: exactly, if this process has seen it."""
        text = told.fields.get("startTime")
        begun = self._begun.pop(key, None)
        if begun is not None and stamp(begun) == text:
            return begun
        return parse_stamp(text) or self.clock.now()


def algorithm_label(facts: Facts, decision: Decision) -> str:
    """Algorithm of an attempt: "none" for RotateKey, "unknown" where the key has to be read first."""
    spec, status = facts.spec, facts.status
    if spec.operation is CryptoOperation.ROTATE_KEY:
        return "none"
    if isinstance(decision, Run):
        return decision.algorithm
    named = str(status.get("algorithm") or (facts.payload.algorithm if facts.payload is not None else ""))
    usual = choose_algorithm(spec, named, facts.vault_key) if facts.vault_key is not None else ""
    return spec.algorithm or named or usual or "unknown"
