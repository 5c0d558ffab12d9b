"""All reads for one binding, into frozen facts."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.names import ANNOTATION_REQUESTED_AT
from vaultbind.api.refs import ObjectKey, VaultObjectRef
from vaultbind.bindings.apply import SecretIndex
from vaultbind.bindings.compare import (
    compare,
    is_synced,
    is_written,
    shown,
    source_of,
    stamp,
    with_trouble,
    with_unknown,
)
from vaultbind.bindings.content import trouble_of, with_content
from vaultbind.bindings.facts import Existing, Facts
from vaultbind.bindings.intake import Prepared
from vaultbind.bindings.manifest import decode_data, is_merge, is_orphan, is_unwritten
from vaultbind.bindings.missing import find_gone
from vaultbind.bindings.ownership import Owner, decide_ownership
from vaultbind.bindings.passwords import Found, PasswordReader
from vaultbind.bindings.plan import MAX_OBJECTS
from vaultbind.bindings.refresh import compare_kept, find_lost, kept_refs, with_kept
from vaultbind.engine.cache import RawObject
from vaultbind.engine.clock import Clock
from vaultbind.engine.engine import GoneError
from vaultbind.engine.queue import Priority
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS
from vaultbind.vaults.causes import Trouble
from vaultbind.vaults.reads import Reading
from vaultbind.vaults.session import VaultSession

LONGEST_REQUEST = 1024
"""Characters of status.lastHandledRequest in the CRD."""


@dataclass(slots=True, kw_only=True)
class BindingObserver:
    """Reads the vault through its session and the cluster through index and client."""

    client: KubeClient
    index: SecretIndex
    passwords: PasswordReader
    clock: Clock
    stale_after: timedelta
    asks: bool = False
    """Whether nothing watches Secrets, so that the index knows only what was asked for or written."""
    verified: dict[ObjectKey, tuple[str, str]] = field(default_factory=dict)
    """uid and resourceVersion of a Secret whose content was compared although its owners look wrong."""
    shown: dict[ObjectKey, tuple[object, object]] = field(default_factory=dict)
    """What a binding without Secret was to tell after its last read, and what the vault showed then."""
    owed: set[ObjectKey] = field(default_factory=set)
    """Whose requested look failed: until one succeeds, what an older look showed does not count."""

    async def observe(
        self,
        key: ObjectKey,
        obj: RawObject,
        prepared: Prepared,
        priority: Priority,
        found: Mapping[str, Any] | None = None,
    ) -> Facts:
        """Find out what to decide on. `found`: metadata of a Secret that the index does not have.

        Raises KubeError where the Secret has to be read and cannot be, GoneError where the binding is gone.
        """
        facts = await self.begin(key, obj, prepared, found)
        session = prepared.session
        if session is not None and is_unwritten(facts.spec):
            return await self._observe_unwritten(facts, obj, prepared, session, priority)
        if session is None or (facts.existing and facts.existing.ownership.owner is Owner.FOREIGN):
            return facts
        if prepared.trouble is not None:
            return self._observe_unknown(facts, obj, prepared.trouble, session)
        if facts.existing is None and is_written(facts):
            await self.check_alive(key, facts.uid)
        forced = key in self.owed or is_requested(facts.request, facts.status)
        if not forced:
            facts = await self._recognize(facts, obj, prepared, session)
            if facts.in_sync or facts.trouble is not None or (facts.gone and facts.existing is None):
                return facts
        if not facts.spec.follows:  # until there is a Secret, it is told of what looks show
            session.book.note(key, facts.spec.vault, prepared.parsed.refs)
        not_before = self.clock.monotonic() if forced else 0.0
        facts = await self._read(facts, prepared, session, priority, not_before)
        if forced:
            (self.owed.add if facts.trouble else self.owed.discard)(key)
        return await self._read_existing(facts)

    def _observe_unknown(
        self, facts: Facts, obj: RawObject, trouble: Trouble, session: VaultSession
    ) -> Facts:
        """What to tell where it is not known which objects there should be; a requested look stays owed."""
        key = facts.key
        if is_requested(facts.request, facts.status):
            self.owed.add(key)
        forced = key in self.owed
        return with_unknown(facts, trouble, session, obj, self.verified.get(key), forced=forced)

    async def _recognize(
        self, facts: Facts, obj: RawObject, prepared: Prepared, session: VaultSession
    ) -> Facts:
        """Whether all is as it was; a fresh binding has nothing to compare, and need not wait for a look."""
        if facts.existing is not None and not facts.spec.follows:
            return compare_kept(facts, prepared.parsed.refs, self.verified.get(facts.key))
        if facts.existing is not None:
            await session.looked.wait()
            return await self._compare(facts, obj, prepared, session)
        if is_synced(obj, Reason.SECRET_DELETED):
            await session.looked.wait()  # gone still: nobody needs to ask again
            return replace(facts, gone=find_gone(facts.spec, session.known.sightings))
        return facts

    async def _compare(
        self, facts: Facts, obj: RawObject, prepared: Prepared, session: VaultSession
    ) -> Facts:
        """Whether all is as it was; the state of the Secrets with passwords is a part of it."""
        if facts.spec.passwords:
            facts = _with_passwords(facts, await self.passwords.ask(facts.key.namespace, facts.spec))
            if facts.trouble is not None:
                return facts
        facts = compare(facts, prepared, session, self.verified.get(facts.key))
        return with_trouble(facts, session, obj) if facts.in_sync else facts

    async def begin(
        self, key: ObjectKey, obj: RawObject, prepared: Prepared, found: Mapping[str, Any] | None = None
    ) -> Facts:
        """Facts before anything is compared; reads only what the index does not have. Raises KubeError."""
        facts = self.known(key, obj, prepared, found)
        if is_unwritten(facts.spec):
            return facts
        if self.asks and found is None and (facts.existing is not None or is_written(facts)):
            found = await self.ask(key.namespace, facts.spec.target.name)
            facts = self.known(key, obj, prepared, found)
        if facts.existing is None and (is_merge(facts.spec) or is_synced(obj, Reason.SECRET_NOT_OWNED)):
            found = await self._find(key.namespace, facts.spec.target.name)
            return self.known(key, obj, prepared, found)
        return facts

    def known(
        self, key: ObjectKey, obj: RawObject, prepared: Prepared, found: Mapping[str, Any] | None = None
    ) -> Facts:
        """Facts without any read."""
        spec = prepared.parsed.spec
        assert spec is not None  # noqa: S101 - refused before
        metadata = found or self.index.get(key.namespace, spec.target.name)
        metadata = None if is_unwritten(spec) else metadata
        uid = prepared.parsed.uid
        now = self.clock.now()
        return Facts(
            key=key,
            uid=uid,
            spec=spec,
            now=now,
            status=obj.get("status") or {},
            request=request_of(obj),
            generation=None if spec.follows else prepared.parsed.generation,
            existing=_existing(metadata, spec, key, uid) if metadata is not None else None,
            stale=prepared.session is not None and prepared.session.is_stale(now, self.stale_after),
        )

    async def ask(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """Metadata of a Secret, by the cluster's answer where nothing watches. Raises KubeError."""
        if not self.asks:
            return self.index.get(namespace, name)
        found = await self._find(namespace, name)
        self.index.forget(namespace, name)  # one that has lost our label is not kept
        if found is not None:
            self.index.put(found)
        return found

    async def _find(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        try:
            found = await self.client.get_metadata(SECRETS, namespace, name)
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                return None
            raise
        metadata: Mapping[str, Any] = found["metadata"]
        return metadata

    async def check_alive(self, key: ObjectKey, uid: str) -> None:
        """Ask whether the binding itself is still there. Raises GoneError, KubeError.

        A Secret that is gone may have been collected with its binding, before the feed tells of that.
        """
        try:
            found = await self.client.get_metadata(VAULT_BINDINGS, key.namespace, key.name)
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                raise GoneError from None
            raise
        if found["metadata"].get("uid") != uid:
            raise GoneError

    async def _observe_unwritten(
        self, facts: Facts, obj: RawObject, prepared: Prepared, session: VaultSession, priority: Priority
    ) -> Facts:
        """Read what a pod would get, but only if the vault shows something else than at the last time."""
        key = facts.key
        forced = key in self.owed or is_requested(facts.request, facts.status)
        if facts.status.get("revision"):  # a fresh one need not wait for a look
            await session.looked.wait()
        if not forced and self.shown.get(key) == (_told(facts.status), shown(prepared, session)):
            return with_trouble(replace(facts, in_sync=True), session, obj)
        not_before = self.clock.monotonic() if forced else 0.0
        facts = await self._read(facts, prepared, session, priority, not_before)
        if forced:
            (self.owed.add if facts.trouble else self.owed.discard)(key)
        self.shown.pop(key, None)
        if facts.content is not None:
            told = _versions(facts.content.objects[:MAX_OBJECTS])
            self.shown[key] = (told, shown(prepared, session))
        return facts

    # -- values -------------------------------------------------------------------------------------

    async def _read(
        self, facts: Facts, prepared: Prepared, session: VaultSession, priority: Priority, not_before: float
    ) -> Facts:
        if facts.spec.passwords:
            facts = _with_passwords(facts, await self.passwords.read(facts.key.namespace, facts.spec))
            if facts.trouble is not None:
                return facts
        if facts.kept:
            return await self._read_kept(facts, prepared, session, priority)
        refs = prepared.parsed.refs
        found = await self._get(refs, facts.key, session, priority, not_before)
        return self._with_read(facts, session, found)

    async def _read_kept(
        self, facts: Facts, prepared: Prepared, session: VaultSession, priority: Priority
    ) -> Facts:
        """Read the versions that were written, to repair with them."""
        asked = kept_refs(facts, prepared.parsed.refs)
        found = await self._get(tuple(asked.values()), facts.key, session, priority)
        if not isinstance(found, Trouble):
            missing = Reading(value=None, started=self.clock.monotonic())
            found = {ref: found[asked[ref]] if ref in asked else missing for ref in prepared.parsed.refs}
            found = find_lost(facts.spec, asked, found) or found
        return with_kept(self._with_read(facts, session, found))

    async def _get(
        self,
        refs: tuple[VaultObjectRef, ...],
        key: ObjectKey,
        session: VaultSession,
        priority: Priority,
        not_before: float = 0.0,
    ) -> Mapping[VaultObjectRef, Reading] | Trouble:
        results = await asyncio.gather(
            *(session.read(ref, key, priority, not_before=not_before) for ref in refs),
            return_exceptions=True,
        )
        readings: dict[VaultObjectRef, Reading] = {}
        for ref, result in zip(refs, results, strict=True):
            if isinstance(result, BaseException):
                return trouble_of(result, ref)
            readings[ref] = result
        return readings

    def _with_read(
        self, facts: Facts, session: VaultSession, readings: Mapping[VaultObjectRef, Reading] | Trouble
    ) -> Facts:
        if isinstance(readings, Trouble):
            return replace(facts, trouble=readings)
        age = self.clock.monotonic() - min((item.started for item in readings.values()), default=0.0)
        looked_at = self.clock.now() - timedelta(seconds=age if readings else 0.0)
        return with_content(facts, source_of(facts, session), readings, looked_at)

    async def _read_existing(self, facts: Facts) -> Facts:
        """Read the Secret itself, once, because its content has to be compared."""
        if facts.existing is None or facts.content is None:
            return facts
        name = facts.spec.target.name
        try:
            secret = await self.client.get(SECRETS, facts.key.namespace, name)
        except KubeError as error:
            if error.kind is not KubeErrorKind.NOT_FOUND:
                raise
            self.index.forget(facts.key.namespace, name)
            return replace(facts, existing=None)
        existing = _existing(secret["metadata"], facts.spec, facts.key, facts.uid)
        return replace(
            facts,
            existing=replace(
                existing,
                type=secret.get("type"),
                immutable=bool(secret.get("immutable")),
                data=decode_data(secret),
            ),
        )

    def drop(self, key: ObjectKey) -> None:
        """Forget what is remembered of a binding."""
        self.verified.pop(key, None)
        self.shown.pop(key, None)
        self.owed.discard(key)

    def note_verified(self, facts: Facts) -> None:
        """Remember that this state of the Secret holds the right content, whoever owns its keys."""
        if facts.existing is not None and facts.content is not None and facts.drift.data:
            self.verified[facts.key] = stamp(facts.existing.metadata)


def _with_passwords(facts: Facts, found: Found | Trouble) -> Facts:
    if isinstance(found, Trouble):
        return replace(facts, trouble=found)
    return replace(facts, passwords=found)


def _told(status: Mapping[str, Any]) -> object:
    """Versions that a status tells: where its write was lost, what was read has to be read again."""
    return _versions(status.get("objects") or ())


def _versions(objects: Iterable[Mapping[str, Any]]) -> object:
    return tuple((item["kind"], item["name"], item["version"]) for item in objects)


def is_requested(request: str, status: Mapping[str, Any]) -> bool:
    """Whether a request is one that was not handled yet; taking the annotation away asks for nothing."""
    return request not in ("", str(status.get("lastHandledRequest") or ""))


def request_of(obj: RawObject) -> str:
    """The request annotation, cut to what the status can echo."""
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(ANNOTATION_REQUESTED_AT, ""))[:LONGEST_REQUEST]


def _existing(metadata: Mapping[str, Any], spec: BindingSpec, key: ObjectKey, uid: str) -> Existing:
    ownership = decide_ownership(metadata, binding=key.name, uid=uid, by_label=is_orphan(spec))
    if is_merge(spec):
        ownership = replace(ownership, owner=Owner.OURS)
    return Existing(metadata=metadata, ownership=ownership)
