"""Shared reads: one get per object however many readers want it, values kept no longer than needed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from vaultbind.api.refs import ObjectKey, VaultObjectRef
from vaultbind.engine.clock import Clock
from vaultbind.engine.queue import Priority
from vaultbind.rendering.values import VaultValue

RETAIN_SECONDS = 10.0
"""Longest time that a value waits for the other readers of its object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An object as read (None: it does not exist) and the monotonic second at which the get was sent."""

    value: VaultValue | None = field(repr=False)
    started: float


@dataclass(slots=True)
class _Kept:
    reading: Reading
    readers: set[ObjectKey]


Fetch = Callable[[VaultObjectRef, Priority], Awaitable[VaultValue | None]]


@dataclass(slots=True, kw_only=True)
class SharedReads:
    """Single flight, and a short memory for the readers that are still to come."""

    fetch: Fetch
    users: Callable[[VaultObjectRef], set[ObjectKey]]
    clock: Clock
    _flights: dict[VaultObjectRef, tuple[float, asyncio.Task[Reading]]] = field(default_factory=dict)
    _kept: dict[VaultObjectRef, _Kept] = field(default_factory=dict)
    _timer: asyncio.TimerHandle | None = None

    async def read(
        self, ref: VaultObjectRef, reader: ObjectKey | None, priority: Priority, *, not_before: float = 0.0
    ) -> Reading:
        """Return the object, read no earlier than `not_before` (monotonic seconds).

        Raises whatever `fetch` raises, to everybody who waits. A reader gets a kept value at most once.
        """
        self.purge()
        kept = self._kept.get(ref)
        if (
            kept is not None
            and kept.reading.started >= not_before
            and (reader is None or reader in kept.readers)
        ):
            self._give(ref, kept, reader)
            return kept.reading
        reading = await asyncio.shield(self._flight(ref, priority, not_before))
        kept = self._kept.get(ref)
        if kept is not None and kept.reading is reading:
            self._give(ref, kept, reader)
        return reading

    def _flight(self, ref: VaultObjectRef, priority: Priority, not_before: float) -> asyncio.Task[Reading]:
        known = self._flights.get(ref)
        if known is not None and known[0] >= not_before:
            return known[1]
        started = self.clock.monotonic()
        flight = asyncio.create_task(self._fly(ref, priority, started))
        self._flights[ref] = (started, flight)
        flight.add_done_callback(lambda done: self._land(ref, done))
        return flight

    async def _fly(self, ref: VaultObjectRef, priority: Priority, started: float) -> Reading:
        reading = Reading(value=await self.fetch(ref, priority), started=started)
        readers = self.users(ref)
        if reading.value is not None and readers:
            self._kept[ref] = _Kept(reading, set(readers))
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(RETAIN_SECONDS, self._on_timer)
        return reading

    def _on_timer(self) -> None:
        self._timer = None
        self.purge()
        if self._kept:
            self._timer = asyncio.get_running_loop().call_later(RETAIN_SECONDS, self._on_timer)

    def _land(self, ref: VaultObjectRef, flight: asyncio.Task[Reading]) -> None:
        known = self._flights.get(ref)
        if known is not None and known[1] is flight:
            del self._flights[ref]
        if not flight.cancelled():
            flight.exception()  # retrieved: whoever waits has it, and nobody may wait any more

    def _give(self, ref: VaultObjectRef, kept: _Kept, reader: ObjectKey | None) -> None:
        if reader is not None:
            kept.readers.discard(reader)
        if not kept.readers:
            self._kept.pop(ref, None)

    def forget(self, ref: VaultObjectRef) -> None:
        """Drop a kept value, because the object has changed."""
        self._kept.pop(ref, None)

    def close(self) -> None:
        """Drop everything and end what is under way."""
        self._kept.clear()
        if self._timer is not None:
            self._timer.cancel()
        for _, flight in self._flights.values():
            flight.cancel()

    def purge(self) -> None:
        """Drop values that have waited too long."""
        limit = self.clock.monotonic() - RETAIN_SECONDS
        for ref in [ref for ref, kept in self._kept.items() if kept.reading.started < limit]:
            del self._kept[ref]

    @property
    def held(self) -> int:
        """Number of values in memory."""
        return len(self._kept)
