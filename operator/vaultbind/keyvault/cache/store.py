"""Entries within two limits, count and bytes. Pure: the time is passed in."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from math import inf

from vaultbind.keyvault.cache.entry import CacheKey, Entry
from vaultbind.keyvault.cache.policy import CacheConfig


class EntryStore:
    """Forgets what is over, then what was not used for the longest time."""

    def __init__(self, config: CacheConfig) -> None:
        """Begin empty."""
        self._config = config
        self._entries: OrderedDict[CacheKey, Entry] = OrderedDict()
        self._sweep_at = -inf
        self.bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)

    def find(self, key: CacheKey, now: float) -> Entry | None:
        """Look an entry up, and note its use; one that is over is forgotten."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if now >= entry.expires_at:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: CacheKey, entry: Entry, now: float) -> None:
        """Keep an entry in the place of what was there, unless it is over or larger than all may be."""
        self._drop(key)
        self._sweep(now)
        if now >= entry.expires_at or entry.size > self._config.max_bytes:
            return
        self._entries[key] = entry
        self.bytes += entry.size
        while len(self._entries) > self._config.max_entries or self.bytes > self._config.max_bytes:
            self._drop(next(iter(self._entries)))
            self.evictions += 1

    def note_refresh(self, key: CacheKey) -> None:
        """Let no further hit refresh this entry, which was found a moment ago."""
        self._entries[key] = replace(self._entries[key], refresh_at=inf)

    def forget(self, is_meant: Callable[[CacheKey], bool]) -> int:
        """Drop the entries of some keys; returns how many there were."""
        found = [key for key in self._entries if is_meant(key)]
        for key in found:
            self._drop(key)
        return len(found)

    def _sweep(self, now: float) -> None:
        """Drop what is over, once per `ttl`: a value that nobody asks for must not stay in memory."""
        if now < self._sweep_at:
            return
        self._sweep_at = now + self._config.ttl
        self.forget(lambda key: now >= self._entries[key].expires_at)

    def _drop(self, key: CacheKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.size
