"""Shared reads: one get for all readers that are known when it ends, values kept no longer than they need.

docs/adr/0037-who-shares-a-get.md says who shares, and who asks anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

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


@dataclass(slots=True, eq=False)
class _Flight:
    """One get that is under way, and when it was begun: monotonic second, and time of day."""

    started: float
    sent: datetime
    task: "asyncio.Task[Reading]" = field(init=False)
    is_open: bool = True
    """Whether others may join it: no later get was begun, and no change of the object was seen."""
    newer: Reading | None = None
    """Answer to a get that was begun later and was quicker."""


Fetch = Callable[[VaultObjectRef, Priority], Awaitable[VaultValue | None]]
Landed = Callable[[VaultObjectRef, VaultValue | None, datetime], None]


@dataclass(slots=True, kw_only=True)
class SharedReads:
    """Single flight, and a short memory for the readers that are still to come.

    An answer that comes after the one to a later get may be older, and is given to nobody.
    """

    fetch: Fetch
    landed: Landed
    """Told of each answer and of when its get was sent, never of an older one after a newer."""
    users: Callable[[VaultObjectRef], set[ObjectKey]]
    clock: Clock
    _flights: dict[VaultObjectRef, list[_Flight]] = field(default_factory=dict)
    """Of each object, in the order in which they were begun."""
    _kept: dict[VaultObjectRef, _Kept] = field(default_factory=dict)
    _waiting: dict[VaultObjectRef, list[ObjectKey]] = field(default_factory=dict)
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
        reading = await self._wait(ref, reader, priority, not_before)
        kept = self._kept.get(ref)
        if kept is not None and kept.reading is reading:
            self._give(ref, kept, reader)
        return reading

    async def _wait(
        self, ref: VaultObjectRef, reader: ObjectKey | None, priority: Priority, not_before: float
    ) -> Reading:
        flight = self._flight(ref, priority, not_before)
        if reader is None:
            return await asyncio.shield(flight)
        waiting = self._waiting.setdefault(ref, [])
        waiting.append(reader)
        try:
            return await asyncio.shield(flight)
        finally:
            waiting.remove(reader)
            if not waiting:
                self._waiting.pop(ref, None)

    def waiting(self, ref: VaultObjectRef) -> frozenset[ObjectKey]:
        """Readers that wait for an object now: they need not be told that it has changed."""
        return frozenset(self._waiting.get(ref, ()))

    def _flight(self, ref: VaultObjectRef, priority: Priority, not_before: float) -> asyncio.Task[Reading]:
        known = self._newest(ref)
        if known is not None and known.started >= not_before:
            return known.task
        self._close_flights(ref)
        flight = _Flight(self.clock.monotonic(), self.clock.now())
        flight.task = asyncio.create_task(self._fly(ref, priority, flight))
        flight.task.add_done_callback(lambda _: self._land(ref, flight))
        self._flights.setdefault(ref, []).append(flight)
        return flight.task

    async def _fly(self, ref: VaultObjectRef, priority: Priority, flight: _Flight) -> Reading:
        value = await self.fetch(ref, priority)
        if flight.newer is not None:
            return flight.newer
        reading = Reading(value=value, started=flight.started)
        for other in self._flights[ref]:
            if other is flight:
                break
            other.newer = reading
        self.landed(ref, value, flight.sent)
        readers = self.users(ref)
        if value is not None and readers and self._newest(ref) is flight:
            self._kept[ref] = _Kept(reading, set(readers))
            self._set_timer()
        return reading

    def _newest(self, ref: VaultObjectRef) -> _Flight | None:
        """The get that others may join."""
        flights = self._flights.get(ref)
        return flights[-1] if flights and flights[-1].is_open else None

    def _close_flights(self, ref: VaultObjectRef) -> None:
        for flight in self._flights.get(ref, ()):
            flight.is_open = False

    def _set_timer(self) -> None:
        """Wake up when the oldest value has waited long enough."""
        if self._timer is None and self._kept:
            oldest = min(kept.reading.started for kept in self._kept.values())
            delay = oldest + RETAIN_SECONDS - self.clock.monotonic()
            self._timer = asyncio.get_running_loop().call_later(max(0.0, delay), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.purge()
        self._set_timer()

    def _land(self, ref: VaultObjectRef, flight: _Flight) -> None:
        self._flights[ref].remove(flight)
        if not self._flights[ref]:
            del self._flights[ref]
        if not flight.task.cancelled():
            flight.task.exception()  # retrieved: whoever waits has it, and nobody may wait any more

    def _give(self, ref: VaultObjectRef, kept: _Kept, reader: ObjectKey | None) -> None:
        if reader is not None:
            kept.readers.discard(reader)
        if not kept.readers:
            self._kept.pop(ref, None)

    def forget(self, ref: VaultObjectRef) -> None:
        """Drop a kept value, because the object has changed; later readers join no get begun before."""
        self._kept.pop(ref, None)
        self._close_flights(ref)

    def close(self) -> None:
        """Drop everything and end what is under way."""
        self._kept.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for flights in self._flights.values():
            for flight in flights:
                flight.task.cancel()

    def purge(self) -> None:
        """Drop values that have waited too long."""
        limit = self.clock.monotonic() - RETAIN_SECONDS
        for ref in [ref for ref, kept in self._kept.items() if kept.reading.started <= limit]:
            del self._kept[ref]

    @property
    def held(self) -> int:
        """Number of values in memory."""
        return len(self._kept)
