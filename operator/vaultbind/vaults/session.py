"""One vault under one identity: its client, what is known of its objects, and its troubles."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from vaultbind.api.keyvault import Detection, KeyVaultSpec
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.engine.clock import Clock
from vaultbind.engine.engine import StaleStateError
from vaultbind.engine.queue import Priority
from vaultbind.keyvault import Certificate, KeyVaultClient, KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault import Priority as Pace
from vaultbind.rendering.ends import end_of
from vaultbind.rendering.fingerprint import is_settled
from vaultbind.rendering.values import VaultValue
from vaultbind.vaults.catalog import Catalog, NoList
from vaultbind.vaults.causes import Trouble, decide_pause, decide_trouble, is_not_found, is_of_object
from vaultbind.vaults.held import ClientFactory, HeldClient, OutdatedCheck, never_outdated
from vaultbind.vaults.interests import InterestBook
from vaultbind.vaults.look import Known, Properties, Sighting, sighting_of
from vaultbind.vaults.objects import fetch_object
from vaultbind.vaults.reads import Reading, SharedReads

T = TypeVar("T")
PACES = {Priority.URGENT: Pace.FRESH, Priority.ROUTINE: Pace.REFRESH}


class VaultPausedError(Exception):
    """The vault is left alone for now; `trouble` says why and for how long."""

    def __init__(self, trouble: Trouble) -> None:
        """Carry what a condition needs."""
        super().__init__(trouble.message)
        self.trouble = trouble


@dataclass(slots=True, kw_only=True)
class VaultSession:
    """Shared by all KeyVaults with the same url, identity and pace (`members`)."""

    name: str
    spec: KeyVaultSpec
    clock: Clock
    make_client: ClientFactory
    is_outdated: OutdatedCheck = never_outdated
    book: InterestBook
    on_change: Callable[[set[ObjectKey]], None]
    """Told which readers should look again."""
    on_state: Callable[["VaultSession"], None]
    """Told that trouble came or went."""
    draw: Callable[[], float] = random.random
    members: set[ObjectKey] = field(default_factory=set)
    watching_all: set[ObjectKey] = field(default_factory=set)
    """Members that want to know of all objects of the vault, bound or not."""
    listed: dict[VaultObjectKind, tuple[Properties, ...]] = field(default_factory=dict)
    """All objects by kind as the last lists showed them; filled only while somebody watches all."""
    overlong: frozenset[VaultObjectKind] = frozenset()
    """Kinds whose list is longer than any is read, although all of it is wanted."""
    catalogs: dict[VaultObjectKind, Catalog | NoList] = field(default_factory=dict)
    """All objects of the kinds in which somebody looks for objects."""
    known: Known = field(default_factory=Known)
    detection: Detection | None = None
    trouble: Trouble | None = None
    last_good: datetime | None = None
    look_began: datetime | None = None
    """When the last look that succeeded began."""
    clock_offset: float | None = None
    """Seconds by which the vault's clock was ahead of ours at the last look."""
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a first look has ended, well or badly."""
    retired: bool = False
    reads: SharedReads = field(init=False)
    held: HeldClient = field(init=False)
    _failures: int = 0
    _counted: KeyVaultError | None = None
    """The last failure: a look and a get may both tell of it."""
    _failed_at: float = 0.0
    _born: datetime = field(init=False)
    _paused_until: float = 0.0

    def __post_init__(self) -> None:
        """Connect the shared reads to this vault."""
        self._born = self.clock.now()
        self.held = HeldClient(
            spec=self.spec, clock=self.clock, make=self._make_client, is_outdated=self.is_outdated
        )
        self.reads = SharedReads(fetch=self._fetch, landed=self._landed, users=self._users, clock=self.clock)

    # -- the client ---------------------------------------------------------------------------

    async def client(self) -> KeyVaultClient:
        """Return the client, made at the first call and when what it was made of has changed.

        Raises KeyVaultError where that cannot be had; the next call tries again. Raises StaleStateError where
        the session was closed meanwhile.
        """
        try:
            return await self.held.get()
        except asyncio.CancelledError:
            if not self.retired or _is_cancelled_itself():
                raise
            raise StaleStateError from None

    async def _make_client(self, spec: KeyVaultSpec) -> KeyVaultClient:
        return await self.make_client(spec)  # a test may have put another one in its place

    def renew_client(self) -> None:
        """Drop the client, so that the identity's material is read again."""
        self.held.renew()

    def retire(self) -> None:
        """Let nobody wait for this vault any more, because no KeyVault leads here."""
        self.retired = True
        self.looked.set()
        self.reads.close()

    async def aclose(self) -> None:
        """Close what the session holds."""
        self.retire()
        await self.held.aclose()

    # -- reads --------------------------------------------------------------------------------

    async def read(
        self, ref: VaultObjectRef, reader: ObjectKey | None, priority: Priority, *, not_before: float = 0.0
    ) -> Reading:
        """Return an object (value None: it does not exist).

        Raises VaultPausedError while the vault is left alone, StaleStateError where no KeyVault leads here
        any more, KeyVaultError for anything else.
        """
        if self.retired:
            raise StaleStateError
        self.check_pause()
        try:
            return await self.reads.read(ref, reader, priority, not_before=not_before)
        except asyncio.CancelledError:
            if _is_cancelled_itself():
                raise
            raise StaleStateError from None  # the get was cancelled, by `retire`

    async def use(self, call: Callable[[KeyVaultClient], Awaitable[T]]) -> T:
        """Let `call` ask the vault for something else than a read; what it raises counts as for a read.

        Raises VaultPausedError, StaleStateError and KeyVaultError as `read` does.
        """
        if self.retired:
            raise StaleStateError
        self.check_pause()
        started = self.clock.monotonic()
        try:
            result = await call(await self.client())
        except KeyVaultError as error:
            self.note_failure(error)
            raise
        self.note_success(started)
        return result

    async def _fetch(self, ref: VaultObjectRef, priority: Priority) -> VaultValue | None:
        started = self.clock.monotonic()
        try:
            value = await fetch_object(await self.client(), ref, PACES[priority])
        except KeyVaultError as error:
            if not is_not_found(error):
                self.note_failure(error)
                if is_of_object(error):
                    self._doubt(ref, error)
                raise
            value = None
        self.note_success(started)
        return value

    def _landed(self, ref: VaultObjectRef, value: VaultValue | None, sent: datetime) -> None:
        self.note(ref, _sighting_of(value) if value is not None else None, sent)

    def _users(self, ref: VaultObjectRef) -> set[ObjectKey]:
        return self.book.users(self.members, ref)

    def note(self, ref: VaultObjectRef, sighting: Sighting | None, sent: datetime) -> None:
        """Take a sighting from a get; tell the object's readers if it differs from the last one."""
        if self.known.note(ref, sighting):
            self.on_change(self._users(ref) - self.reads.waiting(ref))
        if sighting is not None and not is_settled(sighting.fingerprint, sent):
            self.known.unsettled.add(ref)

    def _doubt(self, ref: VaultObjectRef, error: KeyVaultError) -> None:
        """Forget how an object looked, because the vault refuses it now; its readers find out themselves.

        Where it was seen to be disabled, this is no news: how it looks stays known, so that the look that
        sees it enabled tells its readers.
        """
        seen = self.known.sightings.get(ref)
        if seen is not None and not seen.enabled and error.kind is KeyVaultErrorKind.DISABLED:
            return
        if self.known.sightings.pop(ref, None) is not None:
            self.on_change(self._users(ref) - self.reads.waiting(ref))

    # -- troubles -----------------------------------------------------------------------------

    @property
    def pause(self) -> float:
        """Seconds for which the vault is still left alone."""
        return max(0.0, self._paused_until - self.clock.monotonic())

    def check_pause(self) -> None:
        """Raise VaultPausedError while the vault is left alone."""
        left = self.pause
        if left and self.trouble is not None:
            raise VaultPausedError(
                Trouble(
                    reason=self.trouble.reason,
                    message=self.trouble.message,
                    retry_after=left,
                    vault_wide=True,
                )
            )

    def note_failure(self, error: KeyVaultError, *, during_look: bool = False) -> None:
        """Count a failure; pause and raise trouble where it concerns the vault as a whole."""
        trouble = decide_trouble(error)
        if not (trouble.vault_wide or during_look):
            return
        if error is not self._counted:
            self._counted, self._failed_at = error, self.clock.monotonic()
            if not self.pause:  # what fails in a pause was sent before it, and is no failure more in a row
                self._failures += 1
            pause = decide_pause(error, self._failures, self.draw())
            self._paused_until = max(self._paused_until, self.clock.monotonic() + pause)
        if self.pause or during_look:
            self._set_trouble(trouble)

    def note_success(self, started: float, *, during_look: bool = False) -> None:
        """An answer came to what was sent at `started` (monotonic seconds): what was wrong before is over.

        What only looks suffer from (a list that is refused) is ended only by a look.
        """
        trouble = self.trouble
        if trouble and (started < self._failed_at or not (trouble.vault_wide or during_look)):
            return
        self._failures, self._counted, self._paused_until = 0, None, 0.0
        self.last_good = self.clock.now()
        self._set_trouble(None)

    def _set_trouble(self, trouble: Trouble | None) -> None:
        before, self.trouble = self.trouble, trouble
        if (before.reason if before else None) is not (trouble.reason if trouble else None):
            self.on_state(self)

    def is_stale(self, now: datetime, stale_after: timedelta) -> bool:
        """Whether the vault has been failing for longer than Secrets may be trusted."""
        return self.trouble is not None and now - (self.last_good or self._born) > stale_after


def _sighting_of(value: VaultValue) -> Sighting:
    own_end = end_of(value) if isinstance(value, Certificate) else None
    return sighting_of(value.properties, own_end)


def _is_cancelled_itself() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
