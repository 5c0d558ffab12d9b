"""A job's deadline, and nothing else, ends as the job's deadline."""

import asyncio

import pytest

from tests.unit.cryptojobs.objects import facts, spec
from tests.unit.engine.objects import NOW as BEGUN
from tests.unit.engine.objects import FakeClock
from vaultbind.cryptojobs.deadline import Deadline, OverdueError
from vaultbind.cryptojobs.facts import Facts
from vaultbind.cryptojobs.phase import stamp


def bounded(seconds: float | None) -> tuple[Deadline, Facts]:
    """A job with so many seconds left; None: it has no deadline."""
    clock = FakeClock()
    if seconds is None:
        return Deadline(clock=clock), facts()
    clock.seconds += 3600 - seconds
    return Deadline(clock=clock), facts(spec(activeDeadlineSeconds=3600), {"startTime": stamp(BEGUN)})


async def test_work_that_is_done_in_time_gives_what_it_gives() -> None:
    for seconds in (None, 60.0):
        deadline, of = bounded(seconds)
        assert await deadline.keep(of, asyncio.sleep(0, "done")) == "done"


async def test_work_is_cancelled_when_the_deadline_comes() -> None:
    deadline, of = bounded(0.001)
    work = asyncio.ensure_future(asyncio.Event().wait())
    with pytest.raises(OverdueError):
        await deadline.keep(of, work)
    assert work.cancelled()


@pytest.mark.parametrize("seconds", [None, 60.0])
async def test_a_timeout_inside_the_work_is_not_the_deadline(seconds: float | None) -> None:
    """Else a job without a deadline failed for good because something in it was slow."""
    deadline, of = bounded(seconds)

    async def slow() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await deadline.keep(of, slow())


@pytest.mark.parametrize("seconds", [None, 60.0])
async def test_who_cancels_from_outside_is_not_the_deadline(seconds: float | None) -> None:
    deadline, of = bounded(seconds)
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    keeping = asyncio.create_task(deadline.keep(of, wait()))
    await begun.wait()
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def test_who_cancels_when_the_deadline_comes_is_obeyed() -> None:
    """Both at once: whoever stops the operator must not get a job's end instead."""
    deadline, of = bounded(0.001)
    keeping: asyncio.Task[None]

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            keeping.cancel()

    keeping = asyncio.create_task(deadline.keep(of, stubborn()))
    with pytest.raises(asyncio.CancelledError):
        await keeping
