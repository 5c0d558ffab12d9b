"""Deduplicating work queue with two priorities and lanes.

A lane is an opaque name: keys of one lane share a limit of keys worked on at once, so that what is
slow there cannot hold back another lane. Lanes take turns.
"""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Priority(IntEnum):
    """Urgent keys (new or changed by people) go before routine ones (due, changed in a vault)."""

    URGENT = 0
    ROUTINE = 1


@dataclass(slots=True)
class _Lane(Generic[K]):
    waiting: tuple[deque[K], deque[K]] = field(default_factory=lambda: (deque(), deque()))
    active: int = 0


@dataclass(slots=True)
class WorkQueue(Generic[K]):
    """Each key waits at most once and is never worked on twice at the same time."""

    lane_of: Callable[[K], str]
    lane_limit: int = 16
    _lanes: dict[str, _Lane[K]] = field(default_factory=dict)
    _turns: tuple[deque[str], deque[str]] = field(default_factory=lambda: (deque(), deque()))
    _waiting: dict[K, tuple[Priority, str]] = field(default_factory=dict)
    _active: dict[K, str] = field(default_factory=dict)
    _again: dict[K, Priority] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of keys that wait."""
        return len(self._waiting)

    def depth(self, priority: Priority) -> int:
        """Number of keys that wait with that priority."""
        return sum(len(lane.waiting[priority]) for lane in self._lanes.values())

    @property
    def active(self) -> int:
        """Number of keys worked on now."""
        return len(self._active)

    def add(self, key: K, priority: Priority) -> None:
        """Let a key wait; one that is worked on now waits again when it is done."""
        if key in self._active:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        known = self._waiting.get(key)
        if known is not None:
            if known[0] <= priority:
                return
            self._lanes[known[1]].waiting[known[0]].remove(key)
        lane_name = self.lane_of(key)
        lane = self._lanes.setdefault(lane_name, _Lane())
        if not lane.waiting[priority]:
            self._turns[priority].append(lane_name)
        lane.waiting[priority].append(key)
        self._waiting[key] = (priority, lane_name)

    def pop(self) -> tuple[K, Priority] | None:
        """Take the next key, or None where nothing waits or each lane that has work is full."""
        for priority in Priority:
            key = self._pop(priority)
            if key is not None:
                return key, priority
        return None

    def _pop(self, priority: Priority) -> K | None:
        turns = self._turns[priority]
        for _ in range(len(turns)):
            name = turns.popleft()
            lane = self._lanes[name]
            waiting = lane.waiting[priority]
            if not waiting:
                continue
            if lane.active >= self.lane_limit:
                turns.append(name)
                continue
            key = waiting.popleft()
            if waiting:
                turns.append(name)
            del self._waiting[key]
            lane.active += 1
            self._active[key] = name
            return key
        return None

    def done(self, key: K) -> None:
        """Give a key back; it waits again if it was added meanwhile."""
        name = self._active.pop(key)
        lane = self._lanes[name]
        lane.active -= 1
        if not (lane.active or lane.waiting[0] or lane.waiting[1]):
            del self._lanes[name]
            for turns in self._turns:
                if name in turns:
                    turns.remove(name)
        again = self._again.pop(key, None)
        if again is not None:
            self.add(key, again)

    def discard(self, key: K) -> None:
        """Forget a key that waits; one that is worked on finishes but does not wait again."""
        self._again.pop(key, None)
        known = self._waiting.pop(key, None)
        if known is not None:
            self._lanes[known[1]].waiting[known[0]].remove(key)
