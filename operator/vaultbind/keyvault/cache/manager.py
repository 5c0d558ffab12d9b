"""Reads through the cache: one request however many ask, and none while an answer is good."""

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass
from typing import TypeVar, cast

from vaultbind.keyvault.cache.entry import CacheKey, Entry
from vaultbind.keyvault.cache.policy import CacheConfig, is_answer, make_entry, make_negative_entry
from vaultbind.keyvault.cache.store import EntryStore
from vaultbind.keyvault.errors import KeyVaultError, client_closed
from vaultbind.keyvault.flight import join
from vaultbind.keyvault.observer import Observer
from vaultbind.keyvault.observing import contain
from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.types.common import ObjectKind

T = TypeVar("T")
Fetch = Callable[[Priority], Awaitable[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """Counts since the client was made, and what is kept now."""

    hits: int
    negative_hits: int
    """Hits of "not found" and "disabled"; not among `hits`."""
    misses: int
    """Reads that asked the vault."""
    joins: int
    """Reads that waited for somebody else's request."""
    refreshes: int
    evictions: int
    """Entries that had to go for want of room."""
    invalidations: int
    """Entries that a write of this client made stale."""
    entries: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    task: "asyncio.Task[Entry]"
    priority: Priority


class ReadCache:
    """Secrets, keys and certificates of one vault, as read before."""

    def __init__(
        self, config: CacheConfig, clock: Callable[[], float], observer: Observer | None = None
    ) -> None:
        """Begin empty; `clock` gives monotonic seconds."""
        self._config = config
        self._clock = clock
        self._observer = contain(observer)
        self._store = EntryStore(config)
        self._flights: dict[CacheKey, _Flight] = {}
        self._tasks: set[asyncio.Task[Entry]] = set()
        self._hits = self._negative_hits = self._misses = 0
        self._joins = self._refreshes = self._invalidations = 0

    @property
    def stats(self) -> CacheStats:
        """What happened so far."""
        return CacheStats(
            hits=self._hits,
            negative_hits=self._negative_hits,
            misses=self._misses,
            joins=self._joins,
            refreshes=self._refreshes,
            evictions=self._store.evictions,
            invalidations=self._invalidations,
            entries=len(self._store),
            bytes=self._store.bytes,
        )

    async def read(self, key: CacheKey, fetch: Fetch[T], priority: Priority = Priority.FRESH) -> T:
        """Answer from memory, or by `fetch`; raises KeyVaultError as `fetch` does, or did a moment ago."""
        now = self._clock()
        entry = self._store.find(key, now)
        if entry is None:
            entry = await self._ask(key, fetch, priority)
        elif entry.error is not None:
            self._negative_hits += 1
            self._observer.cache(key.kind, "negative-hit")
        else:
            self._hits += 1
            self._observer.cache(key.kind, "hit")
            if now >= entry.refresh_at:
                self._refresh(key, fetch)
        if entry.error is not None:
            raise copy(entry.error)  # each of those who ask gets its own traceback
        return cast("T", entry.value)

    def forget(self, kind: str, name: str | None) -> None:
        """Forget an object after a write, or all of its kind; a request under way is not believed any more.

        A certificate has a key and a secret of its name, which change with it.
        """

        def is_meant(key: CacheKey) -> bool:
            return (kind in {key.kind, ObjectKind.CERTIFICATE}) and (name is None or key.name == name.lower())

        self._invalidations += self._store.forget(is_meant)
        for key in [key for key in self._flights if is_meant(key)]:
            del self._flights[key]

    async def aclose(self) -> None:
        """End requests under way and forget everything."""
        self._flights.clear()
        self._store.forget(lambda _: True)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, key: CacheKey, fetch: Fetch[T], priority: Priority) -> Entry:
        flight = self._flights.get(key)
        if flight is not None and flight.priority <= priority:
            self._joins += 1
            self._observer.cache(key.kind, "join")
        else:
            self._misses += 1
            self._observer.cache(key.kind, "miss")
            flight = self._start(key, fetch, priority)
        # One who leaves must not take the answer of the others along.
        return await join(flight.task, client_closed("its client was closed meanwhile"))

    def _refresh(self, key: CacheKey, fetch: Fetch[T]) -> None:
        self._store.note_refresh(key)
        self._refreshes += 1
        self._observer.cache(key.kind, "refresh")
        self._start(key, fetch, Priority.REFRESH)

    def _start(self, key: CacheKey, fetch: Fetch[T], priority: Priority) -> _Flight:
        task = asyncio.create_task(self._load(key, fetch, priority), name="vaultbind-cache-read")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._flights[key] = _Flight(task=task, priority=priority)
        return self._flights[key]

    async def _load(self, key: CacheKey, fetch: Fetch[T], priority: Priority) -> Entry:
        asked = self._clock()
        try:
            entry = make_entry(self._config, await fetch(priority), asked)
        except KeyVaultError as error:
            entry = make_negative_entry(self._config, error, asked)
        finally:
            believed = self._land(key)
        if believed and is_answer(entry):
            self._store.put(key, entry, self._clock())
        return entry

    def _land(self, key: CacheKey) -> bool:
        """End a flight; tell whether it still counts: a write or a more urgent read may have come after."""
        flight = self._flights.get(key)
        if flight is None or flight.task is not asyncio.current_task():
            return False
        del self._flights[key]
        return True
