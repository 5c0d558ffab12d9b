"""All reads for one binding, into frozen facts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.names import ANNOTATION_REQUESTED_AT
from vaultbind.api.refs import ObjectKey, VaultObjectRef
from vaultbind.bindings.apply import SecretIndex
from vaultbind.bindings.drift import decide_drift
from vaultbind.bindings.facts import Content, Existing, Facts
from vaultbind.bindings.intake import Prepared
from vaultbind.bindings.manifest import (
    decode_data,
    is_merge,
    is_unwritten,
    manager_of,
    mark_annotation,
    render_metadata,
)
from vaultbind.bindings.mark import Mark, parse_mark
from vaultbind.bindings.ownership import Owner, decide_ownership
from vaultbind.engine.cache import RawObject
from vaultbind.engine.clock import Clock
from vaultbind.engine.engine import GoneError
from vaultbind.engine.queue import Priority
from vaultbind.keyvault import KeyVaultError
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS
from vaultbind.rendering.digest import digest_input, matches, parse_digest, source_digest
from vaultbind.rendering.problems import RenderProblem
from vaultbind.rendering.render import Rendered, render
from vaultbind.rendering.values import VaultValue
from vaultbind.vaults.causes import Trouble, decide_trouble, trouble_for_readers
from vaultbind.vaults.look import Sighting, sighting_of
from vaultbind.vaults.reads import Reading
from vaultbind.vaults.session import VaultPausedError, VaultSession

LONGEST_REQUEST = 1024
"""Characters of status.lastHandledRequest in the CRD."""


@dataclass(slots=True, kw_only=True)
class BindingObserver:
    """Reads the vault through its session and the cluster through index and client."""

    client: KubeClient
    index: SecretIndex
    clock: Clock
    stale_after: timedelta
    asks: bool = False
    """Whether nothing watches Secrets, so that the index knows only what was asked for or written."""
    verified: dict[ObjectKey, tuple[str, str]] = field(default_factory=dict)
    """uid and resourceVersion of a Secret whose content was compared although its owners look wrong."""
    shown: dict[ObjectKey, object] = field(default_factory=dict)
    """What the vault showed when a binding without Secret was read the last time."""
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
        if facts.existing is None and _is_written(facts):
            await self.check_alive(key, facts.uid)
        forced = key in self.owed or facts.request != str(facts.status.get("lastHandledRequest") or "")
        if not forced and facts.existing is not None:  # a fresh one has nothing to compare: it need not wait
            await session.looked.wait()
            facts = self._compare(facts, prepared, session)
            if facts.in_sync:
                return _with_trouble(facts, session, obj)
        not_before = self.clock.monotonic() if forced else 0.0
        facts = await self._read(facts, prepared, session, priority, not_before)
        if forced:
            (self.owed.add if facts.trouble else self.owed.discard)(key)
        return await self._read_existing(facts)

    async def begin(
        self, key: ObjectKey, obj: RawObject, prepared: Prepared, found: Mapping[str, Any] | None = None
    ) -> Facts:
        """Facts before anything is compared; reads only what the index does not have. Raises KubeError."""
        facts = self.known(key, obj, prepared, found)
        if is_unwritten(facts.spec):
            return facts
        if self.asks and found is None and (facts.existing is not None or _is_written(facts)):
            found = await self.ask(key.namespace, facts.spec.target.name)
            facts = self.known(key, obj, prepared, found)
        if facts.existing is None and (is_merge(facts.spec) or _is_synced(obj, Reason.SECRET_NOT_OWNED)):
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

    # -- does the Secret still fit what the last look shows? ---------------------------------------

    def _compare(self, facts: Facts, prepared: Prepared, session: VaultSession) -> Facts:
        existing = facts.existing
        mark = mark_of(facts) if existing is not None else None
        if existing is None or mark is None or existing.ownership.owner is Owner.ADOPTABLE:
            return facts
        wanted = render_metadata(facts.key, facts.uid, facts.spec, mark.render())
        drift = decide_drift(
            existing.metadata,
            wanted,
            mark,
            manager_of(facts.spec, facts.uid),
            exclusive=not is_merge(facts.spec),
        )
        if drift.data and self.verified.get(facts.key) == _stamp(existing.metadata):
            drift = replace(drift, data=False)
        source = _source(facts.spec, session)
        same = _is_same_source(source, mark, session.known.sightings, prepared.parsed.refs)
        same = same or _is_held(facts, prepared, session)
        told = facts.status.get("revision") == mark.revision and _is_secret_named(facts)
        return replace(facts, drift=drift, in_sync=same and told and not drift.data)

    async def _observe_unwritten(
        self, facts: Facts, obj: RawObject, prepared: Prepared, session: VaultSession, priority: Priority
    ) -> Facts:
        """Read what a pod would get, but only if the vault shows something else than at the last time."""
        key = facts.key
        forced = key in self.owed or facts.request != str(facts.status.get("lastHandledRequest") or "")
        if facts.status.get("revision"):  # a fresh one need not wait for a look
            await session.looked.wait()
        if not forced and self.shown.get(key) == _shown(prepared, session):
            return _with_trouble(replace(facts, in_sync=True), session, obj)
        not_before = self.clock.monotonic() if forced else 0.0
        facts = await self._read(facts, prepared, session, priority, not_before)
        if forced:
            (self.owed.add if facts.trouble else self.owed.discard)(key)
        self.shown.pop(key, None)
        if facts.content is not None:
            self.shown[key] = _shown(prepared, session)
        return facts

    # -- values -------------------------------------------------------------------------------------

    async def _read(
        self, facts: Facts, prepared: Prepared, session: VaultSession, priority: Priority, not_before: float
    ) -> Facts:
        refs = prepared.parsed.refs
        results = await asyncio.gather(
            *(session.read(ref, facts.key, priority, not_before=not_before) for ref in refs),
            return_exceptions=True,
        )
        readings: dict[VaultObjectRef, Reading] = {}
        for ref, result in zip(refs, results, strict=True):
            if isinstance(result, BaseException):
                return replace(facts, trouble=_trouble_of(result, ref))
            readings[ref] = result
        values = {ref: reading.value for ref, reading in readings.items()}
        rendered = render(facts.spec, values, now=facts.now)
        if not isinstance(rendered, Rendered):
            return replace(facts, trouble=_trouble_in(rendered, facts.now))
        age = self.clock.monotonic() - min((item.started for item in readings.values()), default=0.0)
        looked_at = self.clock.now() - timedelta(seconds=age if readings else 0.0)
        content = _content(_source(facts.spec, session), rendered, values, looked_at, mark_of(facts))
        return replace(facts, content=content, stale=False)

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
            self.verified[facts.key] = _stamp(facts.existing.metadata)


def request_of(obj: RawObject) -> str:
    """The request annotation, cut to what the status can echo."""
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(ANNOTATION_REQUESTED_AT, ""))[:LONGEST_REQUEST]


def _shown(prepared: Prepared, session: VaultSession) -> object:
    """All that tells whether a read would give the same again; never equal where something is not known."""
    sightings = [session.known.sightings.get(ref) for ref in prepared.parsed.refs]
    unsettled = any(ref in session.known.unsettled for ref in prepared.parsed.refs)
    if unsettled or any(ref not in session.known.sightings for ref in prepared.parsed.refs):
        return object()
    prints = tuple(seen.fingerprint if seen is not None else None for seen in sightings)
    return prepared.parsed.uid, prepared.parsed.generation, session.name, prints


def mark_of(facts: Facts) -> Mark | None:
    """The mark on the Secret as observed."""
    if facts.existing is None:
        return None
    annotations = facts.existing.metadata.get("annotations") or {}
    return parse_mark(annotations.get(mark_annotation(facts.spec, facts.uid)))


def _is_synced(obj: RawObject, reason: Reason) -> bool:
    """Whether the status gives that reason for Synced."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(item.get("type") == "Synced" and item.get("reason") == reason.word for item in conditions)


def _is_held(facts: Facts, prepared: Prepared, session: VaultSession) -> bool:
    """Whether what the status tells stands: the vault fails and has shown nothing since we started."""
    return (
        session.trouble is not None
        and any(ref not in session.known.sightings for ref in prepared.parsed.refs)
        and facts.status.get("observedGeneration") == prepared.parsed.generation
        and _is_synced({"status": facts.status}, Reason.SYNCED)
    )


def _with_trouble(facts: Facts, session: VaultSession, obj: RawObject) -> Facts:
    """While the vault fails, what was in sync stays told until it is too old, and nothing else becomes so."""
    if session.trouble is None or (_is_synced(obj, Reason.SYNCED) and not facts.stale):
        return facts
    return replace(facts, trouble=trouble_for_readers(session.trouble))


def _stamp(metadata: Mapping[str, Any]) -> tuple[str, str]:
    return str(metadata.get("uid")), str(metadata.get("resourceVersion"))


def _existing(metadata: Mapping[str, Any], spec: BindingSpec, key: ObjectKey, uid: str) -> Existing:
    ownership = decide_ownership(metadata, binding=key.name, uid=uid)
    if is_merge(spec):
        ownership = replace(ownership, owner=Owner.OURS)
    return Existing(metadata=metadata, ownership=ownership)


def _is_written(facts: Facts) -> bool:
    """Whether the status tells of a Secret of ours under this name."""
    return bool(facts.status.get("revision")) and _is_secret_named(facts) and not is_merge(facts.spec)


def _is_secret_named(facts: Facts) -> bool:
    return facts.status.get("secretName") == facts.spec.target.name


def _source(spec: BindingSpec, session: VaultSession) -> Mapping[str, Any]:
    """The spec's part of the digest; the vault stands in it by URL, too."""
    return {**digest_input(spec), "url": session.spec.url}


def _is_same_source(
    source: Mapping[str, Any],
    mark: Mark,
    sightings: Mapping[VaultObjectRef, Sighting | None],
    refs: tuple[VaultObjectRef, ...],
) -> bool:
    """Whether the Secret was made from what is known of the objects now, beyond doubt."""
    if any(ref not in sightings for ref in refs):
        return False
    prints = {ref: seen.fingerprint if (seen := sightings[ref]) is not None else None for ref in refs}
    return matches(parse_digest(mark.digest), source, prints)


def _trouble_in(problems: tuple[RenderProblem, ...], now: datetime) -> Trouble:
    """The first problem, and how many more there are; time alone may end it."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    wait = (first.retry_at - now).total_seconds() if first.retry_at is not None else None
    return Trouble(reason=first.reason, message=f"{first}{more}", retry_after=wait)


def _content(
    source: Mapping[str, Any],
    rendered: Rendered,
    values: Mapping[VaultObjectRef, VaultValue | None],
    looked_at: datetime,
    mark: Mark | None,
) -> Content:
    """Content with its digest: the one that the Secret has, where that still fits beyond doubt."""
    prints = {
        ref: sighting_of(value.properties).fingerprint if value is not None else None
        for ref, value in values.items()
    }
    objects = [_object(ref, value) for ref, value in values.items() if value is not None]
    digest = source_digest(source, prints, looked_at)
    if mark is not None and matches(parse_digest(mark.digest), source, prints):
        digest = mark.digest
    return Content(data=rendered.data, objects=tuple(objects), digest=digest)


def _object(ref: VaultObjectRef, value: VaultValue) -> dict[str, Any]:
    properties = value.properties
    entry: dict[str, Any] = {
        "kind": ref.kind.value,
        "name": ref.name,
        "version": properties.version,
        "enabled": properties.enabled,
    }
    if properties.expires_on is not None:
        entry["expires"] = properties.expires_on.strftime("%Y-%m-%dT%H:%M:%SZ")
    return entry


def _trouble_of(error: BaseException, ref: VaultObjectRef) -> Trouble:
    if isinstance(error, VaultPausedError):
        return error.trouble
    if isinstance(error, KeyVaultError):
        return decide_trouble(error, ref)
    raise error
