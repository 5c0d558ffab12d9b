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
    """Awaits something for so many seconds; then cancels it and raises OverdueError."""

    async def __call__(self, work: Awaitable[T], seconds: float | None, /) -> T:
        """As `within`."""


async def within(work: Awaitable[T], seconds: float | None, /) -> T:
    """Raises OverdueError only where this time is over; a timeout inside the work stays one."""
    bound = None
    try:
        async with asyncio.timeout(seconds) as bound:
            return await work
    except TimeoutError:
        if bound is None or not bound.expired():
            raise
        raise OverdueError from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Holds work to a job's deadline; tests pass a `bound` that needs no time."""

    clock: Clock
    bound: Bound = within

    async def keep(self, facts: Facts, work: Awaitable[T]) -> T:
        """Return what `work` gives. Raises OverdueError where it is cancelled, and whatever it raises."""
        return await self.bound(work, deadline_left(facts.spec, facts.status, self.clock.now()))
