"""Rooms as the engine sees them: several may report on one object."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from vaultbind.api.conditions import ConditionType, Reason, Status, find_condition, parse_condition
from vaultbind.api.keyvault import RotationRule
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.bindings.intake import Intake
from vaultbind.bindings.reconcile import BindingRoom
from vaultbind.engine.cache import RawObject
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Report, merge_reports
from vaultbind.expiry.absence import Absences, Deleted
from vaultbind.expiry.ends import Ends
from vaultbind.expiry.judge import judge_expiry
from vaultbind.expiry.notices import Notices
from vaultbind.expiry.reconcile import ExpiryRoom
from vaultbind.expiry.renewals import Renewals
from vaultbind.expiry.rotation import KeyRotations
from vaultbind.expiry.times import parse_time
from vaultbind.rendering.wanted import name_of
from vaultbind.rollouts.reconcile import RolloutRoom
from vaultbind.telemetry.recorders import VaultMetrics
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.look import Sighting, can_have_own_end
from vaultbind.vaults.room import VaultRoom
from vaultbind.vaults.session import VaultSession

LONGEST_WAIT = timedelta(seconds=30)
WAIT_STEP = 0.2
JUDGED = (ConditionType.EXPIRING, ConditionType.RENEWAL_FAILED, ConditionType.ROTATION_UNMET)
"""Conditions of a KeyVault that follow from a judgement."""
NOTHING_SEEN: Final[Mapping[str, None]] = dict.fromkeys(
    ("objects", "expired", "expiring", "ending", "soonest")
)
"""Status fields of a KeyVault that tell of the objects in its vault."""


@dataclass(slots=True, kw_only=True)
class WholeBinding:
    """A binding's Secret, the expiry of what is in it, and the workloads that use it."""

    bindings: BindingRoom
    rollouts: RolloutRoom
    intake: Intake
    hub: VaultHub
    absences: Absences
    now: Callable[[], datetime]
    _passed: set[ObjectKey] = field(default_factory=set)
    """Bindings that have had their first turn in this process."""

    def is_awaited(self, vault: ObjectKey) -> bool:
        """Whether a binding that knows when a certificate of a KeyVault ends has still to have its turn."""
        resolution = self.hub.resolve(vault)
        if resolution is None or resolution.session is None:
            return False
        sightings = resolution.session.known.sightings
        return any(
            can_have_own_end(ref, sightings.get(ref))
            for reader in self.hub.book.readers_of(vault)
            if reader not in self._passed
            for ref in self.hub.book.refs_of(reader)
        )

    async def reconcile(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        """Report of the bindings room, with condition Expiring and the rollout added."""
        seen = self._sightings(key)
        report = await self.bindings.reconcile(key, obj, priority)
        self._passed.add(key)
        if obj is None:
            self._passed.discard(key)
            self.rollouts.drop(key)
        elif report is not None and _is_synced(report):
            self._teach_ends(key, obj, report, seen)
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
            changed = _last_changed(obj, report) if restarts else None
            added.append(
                await self.rollouts.reconcile(
                    key, obj, restarts, int(revision), changed=changed, now=self.now()
                )
            )
        return merge_reports(report, *added)

    def _sightings(self, key: ObjectKey) -> dict[VaultObjectRef, Sighting]:
        """How the objects look that a binding wants, as far as they do."""
        session = self._session(key)
        known = session.known.sightings if session is not None else {}
        seen = {ref: known.get(ref) for ref in self.hub.book.refs_of(key)}
        return {ref: sighting for ref, sighting in seen.items() if sighting is not None}

    def _session(self, key: ObjectKey) -> VaultSession | None:
        vault = self.hub.book.vault_of(key)
        resolution = self.hub.resolve(vault) if vault is not None else None
        return resolution.session if resolution is not None else None

    def _teach_ends(
        self, key: ObjectKey, obj: RawObject, report: Report, seen: Mapping[VaultObjectRef, Sighting]
    ) -> None:
        """Let the vault's session know when objects end, which a binding's read has shown, now or earlier.

        So a restart, which reads nothing, knows it from the status. What does not follow the vault may hold
        an older version than the vault shows, and teaches nothing.
        """
        objects = report.fields.get("objects", (obj.get("status") or {}).get("objects")) or ()
        told = [(item, ends) for item in objects if (ends := parse_time(item.get("expires"))) is not None]
        session = self._session(key) if told else None
        if session is None or obj["spec"].get("refreshPolicy", "Follow") != "Follow":
            return
        seen = {**self._sightings(key), **seen}
        for item, ends in told:
            pinned = VaultObjectRef(VaultObjectKind(item["kind"]), item["name"], item.get("version", ""))
            ref = pinned if pinned in seen else VaultObjectRef(pinned.kind, pinned.name)
            if ref in seen:
                session.known.learn_end(ref, seen[ref], ends)

    async def _tell_deleted(self, key: ObjectKey, report: Report) -> Report:
        """Tell apart what is missing from what is deleted and can be recovered."""
        self.absences.forget_found(key)
        if not any(item.reason is Reason.OBJECT_NOT_FOUND for item in report.conditions):
            return report
        deleted = await self.absences.find_deleted(key)
        return tell_deleted(report, deleted) if deleted is not None else report

    def _judge(self, key: ObjectKey, obj: RawObject, report: Report) -> Report:
        status = obj.get("status") or {}
        expires = report.fields.get("expires", status.get("expires"))
        early = any(item.reason is Reason.OBJECT_NOT_YET_VALID for item in report.conditions)
        condition = judge_expiry(
            parse_time(expires),
            self.now(),
            self._thresholds(key, obj),
            subject=self._name_first(key, obj, report, expires),
            not_yet_valid=early,
        )
        return Report(conditions=(condition,))

    def _name_first(self, key: ObjectKey, obj: RawObject, report: Report, expires: str | None) -> str:
        """The object that expires then; a status has the first 64 only."""
        objects = report.fields.get("objects", (obj.get("status") or {}).get("objects")) or ()
        first = next((item for item in objects if expires and item.get("expires") == expires), None)
        spec = self.intake.spec_of(key, obj) if first is not None else None
        return name_of(spec, first["kind"], first["name"]) if first and spec else "an object"

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


def _last_changed(obj: RawObject, report: Report) -> datetime | None:
    return parse_time(report.fields.get("lastChanged") or (obj.get("status") or {}).get("lastChanged"))


def _is_synced(report: Report) -> bool:
    return any(item.type is ConditionType.SYNCED and item.status is Status.TRUE for item in report.conditions)


@dataclass(slots=True, kw_only=True)
class VaultAndExpiry:
    """A KeyVault's connection, and the expiry of the objects in it."""

    vaults: VaultRoom
    expiry: ExpiryRoom
    ends: Ends
    notices: Notices
    renewals: Renewals
    rotations: KeyRotations
    is_awaited: Callable[[ObjectKey], bool]
    """Whether bindings will soon show more of a KeyVault's objects than a list."""
    _waits: dict[ObjectKey, datetime] = field(default_factory=dict)
    """By KeyVault that was not judged yet: since when its bindings are waited for."""

    async def reconcile(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        """Report of the vaults' room with what the room of expiry has to tell."""
        report = await self.vaults.reconcile(key, obj, priority)
        if obj is None:
            self.expiry.forget(key)
            self.renewals.forget(key)
            self.rotations.forget(key)
            self._waits.pop(key, None)
        if report is None or obj is None or not report.conditions:
            return report
        facts = self.expiry.observe(key, obj)
        if facts is None:
            return merge_reports(report, self._keep(key, obj))
        if self._is_too_early(key):
            return merge_reports(report, self._keep(key, obj), Report(next_in=WAIT_STEP))
        facts = await self.ends.learn(key, facts)
        facts = await self.notices.learn(key, facts, self._rules(key))
        judged = self.expiry.judge(key, obj, facts)
        await self.renewals.observe(key, self.expiry.urgent(key))
        renewals = self.renewals.report(key, _told(obj, ConditionType.RENEWAL_FAILED))
        return merge_reports(report, judged, renewals, await self._rotate(key, obj))

    def _keep(self, key: ObjectKey, obj: RawObject) -> Report:
        """What the status says of expiry stands until this process has judged; not of another spec."""
        resolution = self.expiry.hub.resolve(key)
        if resolution is None or resolution.session is None:
            return Report(fields=NOTHING_SEEN)
        status, generation = obj.get("status") or {}, obj["metadata"].get("generation")
        found = (find_condition(status, kind) for kind in JUDGED)
        told = (item for item in found if item is not None and item.get("observedGeneration") == generation)
        return Report(
            conditions=tuple(item for item in map(parse_condition, told) if item is not None),
            fields={} if status.get("observedGeneration") == generation else NOTHING_SEEN,
        )

    def _is_too_early(self, key: ObjectKey) -> bool:
        """Whether a first judgement waits for what bindings know: so a restart tells what was told before."""
        now = self.expiry.now()
        since = self._waits.setdefault(key, now)
        return not self.expiry.has_judged(key) and now - since < LONGEST_WAIT and self.is_awaited(key)

    def _rules(self, key: ObjectKey) -> tuple[RotationRule, ...]:
        resolution = self.expiry.hub.resolve(key)
        return resolution.spec.rotation if resolution is not None and resolution.spec is not None else ()

    async def _rotate(self, key: ObjectKey, obj: RawObject) -> Report:
        """Follow `spec.rotation`; without rules nothing is asked."""
        rules = self._rules(key)
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
