"""Answers kept for seconds: one question at a time per key, however many ask."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True, kw_only=True)
class Recent(Generic[K, V]):
    """`ask` is called once per key and `seconds`; failures, and what `keeps` says no to, are not kept."""

    ask: Callable[[K], Awaitable[V]]
    seconds: float
    clock: Callable[[], float]
    """Monotonic seconds."""
    keeps: Callable[[V], bool] = lambda _: True
    most: int = 4096
    """Answers in memory; beyond, the oldest goes."""
    _kept: dict[K, tuple[float, V]] = field(default_factory=dict)
    _flights: "dict[K, asyncio.Task[V]]" = field(default_factory=dict)

    async def get(self, key: K) -> V:
        """Return the answer to a question, asked at most `seconds` ago. Raises whatever `ask` raises."""
        known = self._kept.get(key)
        if known is not None and self.clock() - known[0] < self.seconds:
            return known[1]
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(key, self.clock()))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(flight)

    async def _fly(self, key: K, started: float) -> V:
        answer = await self.ask(key)
        if self._is_newest(key, asyncio.current_task()):
            self._kept.pop(key, None)
            if self.keeps(answer):
                self._kept[key] = (started, answer)
        self.purge()
        return answer

    def _is_newest(self, key: K, flight: "asyncio.Task[Any] | None") -> bool:
        """Whether its answer was not asked to be forgotten before it came."""
        return self._flights.get(key) is flight

    def _land(self, key: K, flight: "asyncio.Task[V]") -> None:
        if self._is_newest(key, flight):
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # retrieved: whoever waited has it, and nobody may have waited on

    def forget(self, is_meant: Callable[[K], bool]) -> None:
        """Ask anew for those keys; an answer that is under way is for those alone who wait for it."""
        for known in (self._kept, self._flights):
            for key in [key for key in known if is_meant(key)]:
                del known[key]

    def purge(self) -> None:
        """Forget what is too old, and the oldest of too many."""
        limit = self.clock() - self.seconds
        for key in [key for key, (started, _) in self._kept.items() if started <= limit]:
            del self._kept[key]
        while len(self._kept) > self.most:
            del self._kept[next(iter(self._kept))]

    def __len__(self) -> int:
        """Number of answers in memory."""
        return len(self._kept)
