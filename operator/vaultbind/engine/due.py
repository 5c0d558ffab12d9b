"""Due-time heap: at most one due time per key."""

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class DueHeap(Generic[K]):
    """Keys with the monotonic second at which each is due; replaced and cancelled entries are left to rot."""

    _heap: list[tuple[float, int, K]] = field(default_factory=list)
    _due: dict[K, float] = field(default_factory=dict)
    _count: int = 0

    def __len__(self) -> int:
        """Number of scheduled keys."""
        return len(self._due)

    def schedule(self, key: K, at: float) -> None:
        """Set the due time of a key, replacing an earlier one."""
        self._due[key] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, key))

    def schedule_earlier(self, key: K, at: float) -> None:
        """Set the due time unless the key is due earlier already."""
        if self._due.get(key, float("inf")) > at:
            self.schedule(key, at)

    def cancel(self, key: K) -> None:
        """Forget a key."""
        self._due.pop(key, None)

    def next_at(self) -> float | None:
        """When the next key is due, or None."""
        self._drop_rotten()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> list[K]:
        """Take all keys due at `now`, earliest first."""
        taken: list[K] = []
        self._drop_rotten()
        while self._heap and self._heap[0][0] <= now:
            key = heapq.heappop(self._heap)[2]
            del self._due[key]
            taken.append(key)
            self._drop_rotten()
        return taken

    def _drop_rotten(self) -> None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
