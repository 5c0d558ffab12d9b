"""The end that a job sets to itself: what takes longer than activeDeadlineSeconds is cancelled."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from vaultbind.cryptojobs.facts import Facts
from vaultbind.cryptojobs.phase import deadline_left
from vaultbind.engine.clock import Clock

T = TypeVar("T")


class OverdueError(Exception):
    """The job's deadline came while something was under way."""


class Bound(Protocol):
    """Awaits something for so many seconds; then cancels it and raises TimeoutError."""

    async def __call__(self, work: Awaitable[T], seconds: float | None, /) -> T:
        """As asyncio.wait_for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Holds work to a job's deadline; tests pass a `bound` that needs no time."""

    clock: Clock
    bound: Bound = asyncio.wait_for

    async def keep(self, facts: Facts, work: Awaitable[T]) -> T:
        """Return what `work` gives. Raises OverdueError where it is cancelled, and whatever it raises."""
        left = deadline_left(facts.spec, facts.status, self.clock.now())
        try:
            return await self.bound(work, left)
        except TimeoutError:
            raise OverdueError from None
