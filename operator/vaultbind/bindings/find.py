"""`dataFrom.find`: which objects a binding is about at the moment, by the vault's lists."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from vaultbind.api.binding import BindingSpec
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.bindings.content import trouble_of
from vaultbind.bindings.intake import Prepared
from vaultbind.bindings.observe import is_requested, request_of
from vaultbind.bindings.search import TAKES_TOO_LONG, explain_missing, find_doubtful, search, told_before
from vaultbind.engine.cache import RawObject
from vaultbind.engine.engine import StaleStateError
from vaultbind.engine.queue import Priority
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind
from vaultbind.rendering.find import kinds_to_list
from vaultbind.rendering.rewrite import EffortError
from vaultbind.rendering.wanted import read_as, wanted
from vaultbind.vaults.catalog import Catalog, Listed
from vaultbind.vaults.causes import Trouble, decide_trouble, trouble_for_readers
from vaultbind.vaults.hub import Resolution, VaultHub
from vaultbind.vaults.look import Sighting, sighting_of
from vaultbind.vaults.session import VaultPausedError, VaultSession

_Found = tuple[object, BindingSpec | Trouble]
"""From what it follows, and what was found."""


@dataclass(slots=True, kw_only=True)
class Finder:
    """Fills in what `find` entries find; asks only for a list that is not there, and for what one lacks."""

    hub: VaultHub
    _remembered: dict[ObjectKey, _Found] = field(default_factory=dict)
    _asked: dict[ObjectKey, datetime] = field(default_factory=dict)
    """When a look was last requested: no list of a look that began before counts."""

    async def find(self, key: ObjectKey, obj: RawObject, prepared: Prepared, priority: Priority) -> Prepared:
        """The binding with all objects that it is about, or with what keeps them from being known.

        Raises StaleStateError where no KeyVault leads to its session any more.
        """
        spec, session = prepared.parsed.spec, prepared.session
        if spec is None or session is None or not spec.finds:
            return prepared
        status = obj.get("status") or {}
        forced = is_requested(request_of(obj), status)
        kinds = kinds_to_list(spec.finds)
        trouble = await self._wait(key, session, kinds, forced=forced)
        trouble = trouble or explain_missing(kinds, session.catalogs)
        resolution = self.hub.resolve(spec.vault)
        if session.retired or resolution is None or resolution.session is not session:
            raise StaleStateError
        if trouble is not None:
            return replace(prepared, trouble=trouble)
        before = told_before(status) | self.hub.book.refs_of(key)
        found = await self._search(key, prepared, resolution, before, priority)
        if isinstance(found, Trouble):
            return replace(prepared, trouble=found)
        parsed = replace(prepared.parsed, spec=found, refs=wanted(found))
        self.hub.book.note(key, spec.vault, parsed.refs, spec.finds)
        _teach(session, parsed.refs)
        return replace(prepared, parsed=parsed)

    def drop(self, key: ObjectKey) -> None:
        """Forget a binding that is gone."""
        self._remembered.pop(key, None)
        self._asked.pop(key, None)

    async def _wait(
        self, key: ObjectKey, session: VaultSession, kinds: frozenset[VaultObjectKind], *, forced: bool
    ) -> Trouble | None:
        """Wait for the lists of these kinds: those of the first look, or of one that is made for them."""
        await session.looked.wait()
        if forced:
            self._asked[key] = self.hub.clock.now()
        asked = self._asked.get(key)
        for _ in range(2):  # a look that is under way may have begun before anybody wanted this
            is_old = asked is not None and (session.look_began is None or session.look_began < asked)
            if not session.retired and (is_old or not kinds <= session.catalogs.keys()):
                try:
                    await self._look(session)
                except VaultPausedError as error:
                    return trouble_for_readers(error.trouble)
                except KeyVaultError as error:
                    return explain_missing(kinds, session.catalogs) or trouble_for_readers(
                        decide_trouble(error)
                    )
        return None

    async def _look(self, session: VaultSession) -> None:
        try:
            await self.hub.watcher(session).look()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not session.retired or (task is not None and task.cancelling() > 0):
                raise
            raise StaleStateError from None

    async def _search(
        self,
        key: ObjectKey,
        prepared: Prepared,
        resolution: Resolution,
        before: frozenset[VaultObjectRef],
        priority: Priority,
    ) -> BindingSpec | Trouble:
        """What is found; what was found `before` and is in no list any more is asked for, once each."""
        spec, session = prepared.parsed.spec, prepared.session
        assert spec is not None  # noqa: S101 - asked before
        assert session is not None  # noqa: S101 - asked before
        may_read = self.hub.may_read(resolution, key.namespace)
        catalogs = _catalogs(session)
        labels = self.hub.namespace_labels(key.namespace)
        stamps = {kind: catalog.stamp for kind, catalog in catalogs.items()}
        source = (prepared.parsed.uid, prepared.parsed.generation, resolution.generation, labels, stamps)
        known = self._remembered.get(key)
        if known is None or known[0] != source:
            known = self._remembered[key] = (source, search(spec, catalogs, may_read, {}))
        if isinstance(known[1], Trouble):
            return known[1]  # more objects would not mend it
        try:
            doubtful = find_doubtful(spec, before, catalogs, may_read)
        except EffortError:
            self._remembered[key] = (source, TAKES_TOO_LONG)
            return TAKES_TOO_LONG
        if not doubtful:
            return known[1]
        unlisted = await _ask(session, key, doubtful, priority)
        if isinstance(unlisted, Trouble):
            return unlisted
        struck = explain_missing(kinds_to_list(spec.finds), session.catalogs)  # by a look meanwhile
        return struck or search(spec, _catalogs(session), may_read, unlisted)


def _catalogs(session: VaultSession) -> dict[VaultObjectKind, Catalog]:
    return {kind: known for kind, known in session.catalogs.items() if isinstance(known, Catalog)}


async def _ask(
    session: VaultSession, key: ObjectKey, doubtful: frozenset[VaultObjectRef], priority: Priority
) -> Mapping[VaultObjectRef, Listed] | Trouble:
    """Those that are there all the same; trouble where the vault tells neither.

    An object that is known to be there has been read since: the look that missed it has noted its absence.
    """
    there = {ref: seen for ref in doubtful if (seen := session.known.sightings.get(read_as(ref))) is not None}
    refs = sorted(doubtful - there.keys())
    results = await asyncio.gather(
        *(session.read(read_as(ref), key, priority) for ref in refs), return_exceptions=True
    )
    for ref, result in zip(refs, results, strict=True):
        if isinstance(result, BaseException):
            if isinstance(result, KeyVaultError) and result.kind is KeyVaultErrorKind.DISABLED:
                continue  # what is disabled is not found
            return trouble_of(result, ref)
        if result.value is not None:
            there[ref] = sighting_of(result.value.properties)
    return {ref: _listed(ref, seen) for ref, seen in there.items()}


def _listed(ref: VaultObjectRef, seen: Sighting) -> Listed:
    """As a list would show it; of a certificate its secret was seen, which is a part of nothing else."""
    is_part = seen.managed != (ref.kind is VaultObjectKind.CERTIFICATE)
    return Listed(ref.name, replace(seen, managed=is_part))


def _teach(session: VaultSession, refs: tuple[VaultObjectRef, ...]) -> None:
    """Let the session know how what is found looks, as far as nobody has wanted it so far."""
    for ref in refs:
        known = session.catalogs.get(ref.kind)
        if ref not in session.known.sightings and not ref.version and isinstance(known, Catalog):
            listed = known.items.get(ref.name.lower())
            if listed is not None:
                session.known.note(ref, listed.sighting)
