"""One pass over a binding: observe, plan, apply, report."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from vaultbind.api.conditions import Reason
from vaultbind.api.refs import ObjectKey
from vaultbind.bindings.apply import Applied, SecretWriter
from vaultbind.bindings.facts import Decision, Facts, Keep, Refuse
from vaultbind.bindings.find import Finder
from vaultbind.bindings.intake import Intake, Prepared
from vaultbind.bindings.manifest import is_unwritten, manager_of
from vaultbind.bindings.observe import BindingObserver
from vaultbind.bindings.ownership import Owner, decide_ownership
from vaultbind.bindings.pace import RepairPace
from vaultbind.bindings.plan import decide
from vaultbind.bindings.report import report, report_denial, report_suspended
from vaultbind.engine.cache import RawObject
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Report, merge_reports
from vaultbind.kube.errors import KubeError


class SyncObserver(Protocol):
    """Told of each write; must not block."""

    def secret_written(self, verb: str, outcome: str) -> None:
        """Verb is create, patch, recreate, remove or refuse; outcome is ok or error."""

    def drift_repaired(self) -> None:
        """Somebody else's change was undone."""


@dataclass(slots=True, kw_only=True)
class BindingRoom:
    """Works on VaultBinding objects."""

    intake: Intake
    observer: BindingObserver
    writer: SecretWriter
    watcher: SyncObserver
    stale_after: timedelta
    pace: RepairPace = field(default_factory=RepairPace)
    finder: Finder = field(init=False)

    def __post_init__(self) -> None:
        """Let those who look for objects ask the same hub."""
        self.finder = Finder(hub=self.intake.hub)

    async def reconcile(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        """Look at one binding. Raises StaleStateError, GoneError where the cluster has moved on meanwhile."""
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            self._drop(key)
            return None
        prepared = self.intake.prepare(key, obj)
        status = obj.get("status") or {}
        spec = prepared.parsed.spec
        if spec is not None and spec.suspend:
            return report_suspended(status)
        if prepared.denial is not None:
            return report_denial(
                prepared.denial,
                status,
                has_secret=await self._has_secret(key, prepared),
                now=self.observer.clock.now(),
                stale_after=self.stale_after,
            )
        return await self._sync(key, obj, prepared, priority)

    async def _sync(self, key: ObjectKey, obj: RawObject, prepared: Prepared, priority: Priority) -> Report:
        try:
            if prepared.parsed.spec is not None and prepared.parsed.spec.data_from:
                prepared = await self.finder.find(key, obj, prepared, priority)
            facts = await self.observer.observe(key, obj, prepared, priority)
            decision, applied = await self._act(facts)
            if applied is not None and applied.found is not None:
                facts = await self.observer.observe(key, obj, prepared, priority, applied.found)
                decision, applied = await self._act(facts)
            if applied is None:
                return Report(next_in=self._repair_wait(key, decision))
            if is_done(facts, decision, applied):
                await self._retire_former(facts)
                if not facts.spec.follows and (facts.in_sync or facts.content is not None):
                    self.intake.settle(key, facts.spec)
        except KubeError as error:
            facts = self.observer.known(key, obj, prepared)
            decision, applied = Keep(), Applied(error=error)
        told = report(facts, decision, applied, self.stale_after)
        asks_again = facts.spec.passwords and facts.spec.follows
        return _with_next_question(told, prepared) if asks_again else told

    async def _retire_former(self, facts: Facts) -> None:
        """Delete the Secret of a former target, once what replaces it is right."""
        former = str(facts.status.get("secretName") or "")
        if not former or (former == facts.spec.target.name and not is_unwritten(facts.spec)):
            return
        metadata = await self.observer.ask(facts.key.namespace, former)
        if metadata is None:
            return
        ownership = decide_ownership(metadata, binding=facts.key.name, uid=facts.uid)
        if ownership.owner is Owner.OURS:
            await self.writer.retire(facts.key, former, metadata)

    async def _act(self, facts: Facts) -> tuple[Decision, Applied | None]:
        """Decide and write; None instead of a result where a repair has to wait."""
        decision = decide(facts)
        if isinstance(decision, Keep):
            self.observer.note_verified(facts)
            return decision, Applied()
        if self._repair_wait(facts.key, decision):
            return decision, None
        manager = manager_of(facts.spec, facts.uid)
        applied = await self.writer.apply(facts.key, facts.spec.target.name, decision, manager)
        self.watcher.secret_written(type(decision).__name__.lower(), "error" if applied.error else "ok")
        if applied.written and decision.note is Reason.REPAIRED:
            self.watcher.drift_repaired()
            self.pace.note(facts.key, self.observer.clock.monotonic())
        return decision, applied

    def _repair_wait(self, key: ObjectKey, decision: Decision) -> float:
        if decision.note is not Reason.REPAIRED:
            return 0.0
        return self.pace.wait(key, self.observer.clock.monotonic())

    async def _has_secret(self, key: ObjectKey, prepared: Prepared) -> bool:
        spec = prepared.parsed.spec
        if spec is None or is_unwritten(spec):
            return False
        try:
            return await self.observer.ask(key.namespace, spec.target.name) is not None
        except KubeError:
            return self.observer.index.get(key.namespace, spec.target.name) is not None

    def _drop(self, key: ObjectKey) -> None:
        self.intake.drop(key)
        self.pace.drop(key)
        self.finder.drop(key)
        self.observer.drop(key)


def _with_next_question(told: Report, prepared: Prepared) -> Report:
    """No watch tells of a Secret with a password: it is asked for as often as the vault is looked at."""
    assert prepared.session is not None  # noqa: S101 - else there is a denial
    return merge_reports(told, Report(next_in=prepared.session.spec.refresh_interval.total_seconds()))


def is_done(facts: Facts, decision: Decision, applied: Applied) -> bool:
    """Whether the Secret is now what the binding asks for."""
    if facts.trouble is not None or applied.error is not None or isinstance(decision, Refuse):
        return False
    return facts.in_sync or facts.content is not None or bool(facts.gone)
