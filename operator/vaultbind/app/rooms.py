"""Rooms as the engine sees them: several may report on one object."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from vaultbind.api.conditions import ConditionType, Reason, Status, find_condition
from vaultbind.api.refs import ObjectKey
from vaultbind.bindings.intake import Intake
from vaultbind.bindings.reconcile import BindingRoom
from vaultbind.engine.cache import RawObject
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Report, merge_reports
from vaultbind.expiry.absence import Absences, Deleted
from vaultbind.expiry.judge import judge_expiry
from vaultbind.expiry.reconcile import ExpiryRoom
from vaultbind.expiry.renewals import Renewals
from vaultbind.expiry.rotation import KeyRotations
from vaultbind.expiry.times import parse_time
from vaultbind.rollouts.reconcile import RolloutRoom
from vaultbind.telemetry.recorders import VaultMetrics
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.room import VaultRoom


@dataclass(slots=True, kw_only=True)
class WholeBinding:
    """A binding's Secret, the expiry of what is in it, and the workloads that use it."""

    bindings: BindingRoom
    rollouts: RolloutRoom
    intake: Intake
    hub: VaultHub
    absences: Absences
    now: Callable[[], datetime]

    async def reconcile(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        """Report of the bindings room, with condition Expiring and the rollout added."""
        report = await self.bindings.reconcile(key, obj, priority)
        if obj is None:
            self.rollouts.drop(key)
        if report is not None:
            report = await self._tell_deleted(key, report)
        if report is None or obj is None or not report.conditions:
            return report
        revision = report.fields.get("revision") or (obj.get("status") or {}).get("revision")
        if not revision:
            return report
        added = [self._judge(key, obj, report)]
        if _is_synced(report):
            spec = self.intake.spec_of(key, obj)
            restarts = spec.restarts if spec is not None else ()
            added.append(await self.rollouts.reconcile(key, obj, restarts, int(revision)))
        return merge_reports(report, *added)

    async def _tell_deleted(self, key: ObjectKey, report: Report) -> Report:
        """Tell apart what is missing from what is deleted and can be recovered."""
        if not any(item.reason is Reason.OBJECT_NOT_FOUND for item in report.conditions):
            return report
        deleted = await self.absences.find_deleted(key)
        return tell_deleted(report, deleted) if deleted is not None else report

    def _judge(self, key: ObjectKey, obj: RawObject, report: Report) -> Report:
        status = obj.get("status") or {}
        expires = parse_time(report.fields.get("expires", status.get("expires")))
        early = any(item.reason is Reason.OBJECT_NOT_YET_VALID for item in report.conditions)
        condition = judge_expiry(expires, self.now(), self._thresholds(key, obj), not_yet_valid=early)
        return Report(conditions=(condition,))

    def _thresholds(self, key: ObjectKey, obj: RawObject) -> tuple[timedelta, ...]:
        spec = self.intake.spec_of(key, obj)
        if spec is not None and spec.warn_before is not None:
            return spec.warn_before
        vault = self.hub.book.vault_of(key)
        resolution = self.hub.resolve(vault) if vault is not None else None
        if resolution is None or resolution.spec is None:
            return ()
        return resolution.spec.warn_before


def tell_deleted(report: Report, deleted: Deleted) -> Report:
    """Let a report say of objects that are not found that they are `deleted`, where that is all of them."""
    absent, gone = Reason.OBJECT_NOT_FOUND, Reason.OBJECT_DELETED
    conditions = []
    for item in report.conditions:
        if item.reason is not absent:
            words = item.message.replace(absent.word, gone.word) if deleted.whole else item.message
            conditions.append(replace(item, message=words))
        elif deleted.whole:
            conditions.append(replace(item, reason=gone, message=deleted.words))
        else:
            conditions.append(replace(item, message=f"{item.message}; {deleted.words}"))
    return replace(report, conditions=tuple(conditions))


def _is_synced(report: Report) -> bool:
    return any(item.type is ConditionType.SYNCED and item.status is Status.TRUE for item in report.conditions)


@dataclass(slots=True, kw_only=True)
class VaultAndExpiry:
    """A KeyVault's connection, and the expiry of the objects in it."""

    vaults: VaultRoom
    expiry: ExpiryRoom
    renewals: Renewals
    rotations: KeyRotations

    async def reconcile(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        """Report of the vaults' room with what the room of expiry has to tell."""
        report = await self.vaults.reconcile(key, obj, priority)
        if obj is None:
            self.expiry.forget(key)
            self.renewals.forget(key)
            self.rotations.forget(key)
        if report is None or obj is None or not report.conditions:
            return report
        judged = self.expiry.judge(key, obj)
        await self.renewals.observe(key, self.expiry.urgent(key))
        renewals = self.renewals.report(key, _told(obj, ConditionType.RENEWAL_FAILED))
        return merge_reports(report, judged, renewals, await self._rotate(key, obj))

    async def _rotate(self, key: ObjectKey, obj: RawObject) -> Report:
        """Follow `spec.rotation`; without rules nothing is asked."""
        resolution = self.expiry.hub.resolve(key)
        rules = resolution.spec.rotation if resolution is not None and resolution.spec is not None else ()
        if not rules:
            self.rotations.forget(key)
            return Report()
        await self.rotations.observe(key, self.expiry.objects(key), rules, self.expiry.now())
        return self.rotations.report(key, _told(obj, ConditionType.ROTATION_UNMET))


def _told(obj: RawObject, kind: ConditionType) -> str:
    """Message that a condition has in the status; empty without one."""
    told = find_condition(obj.get("status") or {}, kind)
    return str(told["message"]) if told is not None else ""


class LookMetrics:
    """Hands looks to the vault's own recorder."""

    def __init__(self, metrics: VaultMetrics) -> None:
        self._metrics = metrics

    def looked(self, vault: str, detection: str, outcome: str) -> None:
        """Count one look; `vault` is its URL, the label its host, as in all other metrics of vaults."""
        self._metrics.of(urlsplit(vault).netloc).looked(detection, outcome)

    def compared_clocks(self, vault: str, ahead: float) -> None:
        """Show by how many seconds the vault's clock is ahead of ours."""
        self._metrics.clock_ahead.labels(urlsplit(vault).netloc).set(ahead)
