"""Deduplicating work queue with two priorities and lanes.

A lane is an opaque name: keys of one lane share a limit of keys worked on at once, so that what is
slow there cannot hold back another lane. Lanes take turns.
"""

from collections import OrderedDict
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
    waiting: tuple[OrderedDict[K, None], OrderedDict[K, None]] = field(
        default_factory=lambda: (OrderedDict(), OrderedDict())
    )
    active: int = 0


@dataclass(slots=True)
class WorkQueue(Generic[K]):
    """Each key waits at most once and is never worked on twice at the same time."""

    lane_of: Callable[[K], str]
    lane_limit: int = 12
    _lanes: dict[str, _Lane[K]] = field(default_factory=dict)
    """Lanes in which a key waits or is worked on."""
    _turns: tuple[OrderedDict[str, None], OrderedDict[str, None]] = field(
        default_factory=lambda: (OrderedDict(), OrderedDict())
    )
    """For each priority the lanes where a key waits with it, next in turn first."""
    _waiting: dict[K, tuple[Priority, str]] = field(default_factory=dict)
    _active: dict[K, str] = field(default_factory=dict)
    _again: dict[K, Priority] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of keys that wait."""
        return len(self._waiting)

    def depth(self, priority: Priority) -> int:
        """Number of keys that wait with that priority."""
        return sum(known is priority for known, _ in self._waiting.values())

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
            self._take_out(key)
        name = self.lane_of(key)
        self._lanes.setdefault(name, _Lane()).waiting[priority][key] = None
        self._turns[priority][name] = None
        self._waiting[key] = (priority, name)

    def pop(self) -> tuple[K, Priority] | None:
        """Take the next key, or None where nothing waits or each lane that has work is full."""
        for priority in Priority:
            for name in self._turns[priority]:
                if self._lanes[name].active < self.lane_limit:
                    return self._begin(name, priority), priority
        return None

    def _begin(self, name: str, priority: Priority) -> K:
        """Start with the key that waits longest in a lane, whose turn goes to the end."""
        lane, turns = self._lanes[name], self._turns[priority]
        key = next(iter(lane.waiting[priority]))
        lane.active += 1
        self._active[key] = name
        turns.move_to_end(name)
        self._take_out(key)
        return key

    def _take_out(self, key: K) -> None:
        """Let a key wait no longer."""
        priority, name = self._waiting.pop(key)
        waiting = self._lanes[name].waiting[priority]
        del waiting[key]
        if not waiting:
            del self._turns[priority][name]
        self._close_lane(name)

    def _close_lane(self, name: str) -> None:
        lane = self._lanes[name]
        if not (lane.active or lane.waiting[0] or lane.waiting[1]):
            del self._lanes[name]

    def done(self, key: K) -> None:
        """Give a key back; it waits again if it was added meanwhile."""
        name = self._active.pop(key)
        self._lanes[name].active -= 1
        self._close_lane(name)
        again = self._again.pop(key, None)
        if again is not None:
            self.add(key, again)
