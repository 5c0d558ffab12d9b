"""One look at a vault: list pages or gets, whichever is cheaper; told apart from the last look."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from vaultbind.api.keyvault import Detection
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.engine.engine import StaleStateError
from vaultbind.engine.queue import Priority
from vaultbind.keyvault import KeyVaultClient, KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault import Priority as Pace
from vaultbind.rendering.find import kinds_to_list
from vaultbind.vaults.catalog import Catalog, Listed, NoList, find_moved, next_catalog
from vaultbind.vaults.causes import is_of_object
from vaultbind.vaults.look import (
    MOST_LISTED,
    MOST_PAGES,
    KindPlan,
    Properties,
    Sighting,
    decide_detection,
    page_budget,
    sighting_of,
    split_refs,
)
from vaultbind.vaults.session import VaultPausedError, VaultSession

GETS_AT_ONCE = 8
_NONE: Final[frozenset[VaultObjectKind]] = frozenset()
ALL_OBJECTS = sys.maxsize
"""Counted as wanted where all objects of a vault are watched."""


class _TooManyPagesError(Exception):
    """A list has more pages than gets would cost."""


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Looks for one session. A look runs once at a time; whoever asks meanwhile shares it."""

    session: VaultSession
    plans: dict[VaultObjectKind, KindPlan] = field(default_factory=dict)
    _running: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Look once and tell readers what changed.

        Raises KeyVaultError where the look failed; VaultPausedError while the vault is left alone.
        """
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._look())
        await asyncio.shield(self._running)

    async def look_at(self, refs: set[VaultObjectRef]) -> None:
        """Get some objects now, because they may have changed; what fails is left to the next look."""
        with contextlib.suppress(KeyVaultError, VaultPausedError, StaleStateError):
            await self._get_all(refs)

    def close(self) -> None:
        """End a look that is under way."""
        if self._running is not None:
            self._running.cancel()

    async def _look(self) -> None:
        session = self.session
        started, began = session.clock.monotonic(), session.clock.now()
        changed: set[VaultObjectRef] = set()
        moved: set[ObjectKey] = set()
        try:
            session.check_pause()
            client = await session.client()
            await self._compare(client, changed, moved)
            session.clock_offset = client.clock_offset
        except KeyVaultError as error:
            session.note_failure(error, during_look=True)
            raise
        finally:
            if not session.looked.is_set():
                moved.clear()  # whoever looks for objects waits for just this
            session.looked.set()
            self._tell(changed, moved)  # also where the look failed half-way: it will not be seen again
        session.look_began = began
        session.note_success(started, during_look=True)

    def _tell(self, changed: set[VaultObjectRef], moved: set[ObjectKey]) -> None:
        session = self.session
        for ref in changed:
            session.reads.forget(ref)
        readers = {reader for ref in changed for reader in session.book.users(session.members, ref)}
        if readers or moved:
            session.on_change(readers | moved)

    async def _compare(
        self, client: KeyVaultClient, changed: set[VaultObjectRef], moved: set[ObjectKey]
    ) -> None:
        """Look at all that is wanted; what differs from the last look goes into `changed` as it is seen.

        Those who find other objects than before go into `moved`.
        """
        session = self.session
        refs = session.book.refs(session.members)
        session.known.keep_only(refs)
        if not session.watching_all:
            session.listed.clear()
        latest, pinned = split_refs(refs)
        by_get = set(pinned)
        used = Detection.LIST
        finds = session.book.finders(session.members).values()
        sought = kinds_to_list(entry for entries in finds for entry in entries) if finds else _NONE
        if session.catalogs:
            session.catalogs = {kind: known for kind, known in session.catalogs.items() if kind in sought}
        listed_kinds = VaultObjectKind if session.watching_all else latest.keys() | sought
        for kind in sorted(listed_kinds, key=tuple(VaultObjectKind).index):  # one order, at each look
            wanted = latest.get(kind, set())
            before = session.catalogs.get(kind)
            try:
                listed = await self._list(client, kind, len(wanted), sought=kind in sought)
                if listed is None:
                    session.listed.pop(kind, None)
                    by_get |= wanted
                    used = Detection.GET
                    continue
                for ref in wanted:
                    again = session.known.take_unsettled(ref)
                    if session.known.note(ref, listed.get(ref.name.lower())) or again:
                        changed.add(ref)
            finally:  # after what is bound: others have turns here, and may read what is newer
                if kind in sought and (after := session.catalogs.get(kind)) is not None:
                    await self._note_moved(kind, before, after, moved)
        if not refs and not session.watching_all and not sought:
            await self._touch(client)
        wants_all = session.watching_all or session.spec.detection is Detection.LIST
        session.overlong = frozenset(kind for kind, plan in self.plans.items() if plan.overlong and wants_all)
        session.detection = used
        await self._get_all(by_get)

    async def _note_moved(
        self,
        kind: VaultObjectKind,
        before: Catalog | NoList | None,
        after: Catalog | NoList,
        moved: set[ObjectKey],
    ) -> None:
        """Also those who came while the list was: they may have looked into the one before."""
        finders = self.session.book.finders(self.session.members)
        for readers in find_moved(kind, before, after, finders):
            moved |= readers
            await asyncio.sleep(0)  # others have a turn

    async def _list(
        self, client: KeyVaultClient, kind: VaultObjectKind, wanted: int, *, sought: bool
    ) -> dict[str, Sighting] | None:
        """Sightings by lower-cased name, or None where gets are to be used.

        A kind that is `sought` has its catalog made or, where there is no list, struck out.
        """
        plan = self.plans.setdefault(kind, KindPlan())
        if self.session.watching_all or sought:
            wanted = ALL_OBJECTS  # no number of gets shows them all
        if decide_detection(self.session.spec.detection, plan, wanted, sought=sought) is Detection.GET:
            plan.looks_by_get += 1
            self._strike_out(kind, plan, sought=sought)
            return None
        plan.looks_by_get = 0
        budget = page_budget(self.session.spec.detection, wanted)
        try:
            return await self._read_pages(client, kind, plan, budget, sought=sought)
        except _TooManyPagesError:
            self._strike_out(kind, plan, sought=sought)
            return None
        except KeyVaultError as error:
            if error.kind is not KeyVaultErrorKind.FORBIDDEN:
                raise
            plan.forbidden = True
            self._strike_out(kind, plan, sought=sought)
            if self.session.spec.detection is Detection.LIST:
                raise
            return None

    def _strike_out(self, kind: VaultObjectKind, plan: KindPlan, *, sought: bool) -> None:
        """There is no list of a kind in which somebody looks for objects."""
        if sought:
            why = NoList.FORBIDDEN if plan.forbidden else NoList.SWITCHED_OFF
            self.session.catalogs[kind] = NoList.TOO_LONG if plan.overlong else why

    async def _read_pages(
        self,
        client: KeyVaultClient,
        kind: VaultObjectKind,
        plan: KindPlan,
        budget: int | None,
        *,
        sought: bool,
    ) -> dict[str, Sighting]:
        items: list[Properties] = []
        count = 0
        async for page in _pages(client, kind):
            count += 1
            plan.pages = max(plan.pages, count)
            items += page
            plan.overlong = count > MOST_PAGES or len(items) > MOST_LISTED
            if plan.overlong or (budget is not None and count > budget):
                raise _TooManyPagesError
        plan.pages, plan.forbidden, plan.overlong = count, False, False
        if self.session.watching_all:
            self.session.listed[kind] = tuple(items)
        found = {item.name.lower(): sighting_of(item) for item in items}
        if sought:
            listed = {low: Listed(item.name, found[low]) for item in items if (low := item.name.lower())}
            self.session.catalogs[kind] = next_catalog(self.session.catalogs.get(kind), listed)
        return found

    async def _touch(self, client: KeyVaultClient) -> None:
        """Nobody wants anything: one page shows whether the vault answers; a 403 of the list is an answer."""
        try:
            async for _ in _pages(client, VaultObjectKind.SECRET):
                break
        except KeyVaultError as error:
            if error.kind is not KeyVaultErrorKind.FORBIDDEN:
                raise

    async def _get_all(self, refs: set[VaultObjectRef]) -> None:
        """Get each object once; readers are told by the session, and find the value kept for them.

        A failure in getting some objects leaves those as they were; none got at all is a failed look.
        """
        if not refs:
            return
        slots = asyncio.Semaphore(GETS_AT_ONCE)
        started = self.session.clock.monotonic()

        async def get(ref: VaultObjectRef) -> None:
            async with slots:
                await self._get_one(ref, started)

        results = await asyncio.gather(*(get(ref) for ref in sorted(refs)), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures and (self.session.trouble is not None or len(failures) == len(refs)):
            raise failures[0]

    async def _get_one(self, ref: VaultObjectRef, started: float) -> None:
        session = self.session
        again = session.known.take_unsettled(ref)
        before = session.known.sightings.get(ref)
        try:
            await session.read(ref, None, Priority.ROUTINE, not_before=started)
        except KeyVaultError as error:
            if again:
                session.known.unsettled.add(ref)
            if not is_of_object(error):
                raise
            session.known.note(ref, None)
            return
        if again:
            session.on_change(session.book.users(session.members, ref))
        elif before is not None and session.known.sightings.get(ref) == before:
            session.reads.forget(ref)  # nobody will ask for it


def _pages(client: KeyVaultClient, kind: VaultObjectKind) -> AsyncIterator[Sequence[Properties]]:
    if kind is VaultObjectKind.SECRET:
        return client.secrets.list_secrets(priority=Pace.REFRESH).by_page()
    if kind is VaultObjectKind.CERTIFICATE:
        return client.certificates.list_certificates(priority=Pace.REFRESH).by_page()
    return client.keys.list_keys(priority=Pace.REFRESH).by_page()


def look_key(session: VaultSession) -> ObjectKey:
    """Key under which the engine schedules a session's looks."""
    return ObjectKey("VaultLook", "", session.name)
