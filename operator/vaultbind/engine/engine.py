"""The engine: takes keys from the queue, runs the room of their kind, writes what it reports.

Level-triggered: a key says only that its object deserves a look. Each object's status has one writer,
here. Waiting costs nothing: a key is in the queue, in the due-time heap or nowhere.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from vaultbind.api.refs import ObjectKey
from vaultbind.engine.backoff import Backoff, BackoffPolicy
from vaultbind.engine.cache import Change, ObjectCache, RawObject, decide_change
from vaultbind.engine.clock import Clock
from vaultbind.engine.due import DueHeap
from vaultbind.engine.queue import Priority, WorkQueue
from vaultbind.engine.report import Note, Report
from vaultbind.engine.status import decide_notes, render_status_patch

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.2
"""Between two looks at whether we may work again."""
STALE_STATE = BackoffPolicy(first=0.5, limit=30.0)
"""Until another try where a write was refused because our state of the object was old."""


class StaleStateError(Exception):
    """A write was refused because the object has moved on, or is gone; the next event brings the truth."""


class GoneError(Exception):
    """The object does not exist any more, although no watch has told: a write found out, or deleted it."""


class SinkError(Exception):
    """A result could not be written; the message is safe to log."""


class Sink(Protocol):
    """Where results go; raises StaleStateError on a conflict, GoneError, SinkError on any other failure."""

    async def write_status(self, key: ObjectKey, patch: Mapping[str, Any]) -> RawObject:
        """Merge-patch the status; return the object as stored."""

    async def post_note(self, obj: RawObject, note: Note) -> None:
        """Post an Event about the object."""


class EngineObserver(Protocol):
    """Told of each finished piece of work; must not block."""

    def worked(self, kind: str, outcome: str, seconds: float) -> None:
        """One run of a room: outcome is done, retry, stale or error."""


Room = Callable[[ObjectKey, RawObject | None, Priority], Awaitable[Report | None]]
"""Looks at one object (None: it is gone) and reports; raising counts as a failure with back-off."""


@dataclass(slots=True, kw_only=True)
class Engine:
    """One per process. `rooms` maps a kind to the function that works on it."""

    clock: Clock
    cache: ObjectCache
    sink: Sink
    rooms: Mapping[str, Room]
    observer: EngineObserver
    lane_of: Callable[[ObjectKey], str]
    backoff: Backoff[ObjectKey] = field(default_factory=Backoff)
    stale: Backoff[ObjectKey] = field(default_factory=lambda: Backoff(policy=STALE_STATE))
    most_active: int = 512
    may_work: Callable[[], bool] = lambda: True
    """Whether this process leads; asked before anything new is begun."""
    queue: WorkQueue[ObjectKey] = field(init=False)
    due: DueHeap[ObjectKey] = field(default_factory=DueHeap)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writing: dict[ObjectKey, RawObject | None] = field(default_factory=dict)
    """Objects whose status is being written, with the last state that the feed told of meanwhile."""
    _stopping: bool = False

    def __post_init__(self) -> None:
        """Build the queue around the lanes."""
        self.queue = WorkQueue(lane_of=self.lane_of)

    # -- what others say to the engine ------------------------------------------------------

    def add(self, key: ObjectKey, priority: Priority) -> None:
        """Let an object have a look soon."""
        self.queue.add(key, priority)
        self._wake.set()

    def put(self, key: ObjectKey, obj: RawObject) -> Change:
        """Take a state of an object from the feed; people's changes get a look at once."""
        change = self.cache.put(key, obj)
        if change in (Change.NEW, Change.SPEC):
            self.backoff.succeed(key)
            self.add(key, Priority.URGENT)
        return change

    def hold(self, key: ObjectKey, obj: RawObject) -> bool:
        """Keep a state for later that came while we write the object's status; whether it was kept.

        As a rule it is the echo of that write, which the answer makes known. People's changes do not wait.
        """
        if key not in self._writing or decide_change(self.cache.get(key), obj) is not Change.STATUS:
            return False
        if decide_change(self._writing[key], obj) is not Change.STALE:
            self._writing[key] = obj
        return True

    def remove(self, key: ObjectKey, uid: str) -> bool:
        """Take the end of an object from the feed; its room hears of it once."""
        if self.cache.remove(key, uid) is None:
            return False
        self.due.cancel(key)
        self.backoff.succeed(key)
        self.add(key, Priority.URGENT)
        return True

    def schedule(self, key: ObjectKey, seconds: float) -> None:
        """Let an object have a look after so many seconds, or earlier if it is due earlier."""
        self.due.schedule_earlier(key, self.clock.monotonic() + seconds)
        self._wake.set()

    def wake(self) -> None:
        """Look at the clock again (tests move it)."""
        self._wake.set()

    # -- running ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Dispatch until cancelled or drained."""
        while not self._stopping:
            self._dispatch()
            await self._wait()

    def _dispatch(self) -> None:
        if not self.may_work():
            return
        for key in self.due.pop_due(self.clock.monotonic()):
            self.queue.add(key, Priority.ROUTINE)
        while self.queue.active < self.most_active and (item := self.queue.pop()) is not None:
            self.due.cancel(item[0])  # this look decides anew when the next is due
            task = asyncio.create_task(self._work(*item))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _wait(self) -> None:
        next_at = self.due.next_at()
        delay = None if next_at is None else max(0.0, next_at - self.clock.monotonic())
        if not self.may_work():
            delay = IDLE_SECONDS
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def drain(self, seconds: float) -> bool:
        """Start nothing new and let what runs finish; cancel what is left after `seconds`."""
        self._stopping = True
        self._wake.set()
        tasks = set(self._tasks)
        if not tasks:
            return True
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return not late

    @property
    def stopping(self) -> bool:
        """Whether it was told to drain: nothing new may begin."""
        return self._stopping

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs (due times do not count)."""
        return not self.queue.active and not len(self.queue)

    # -- one piece of work ------------------------------------------------------------------

    async def _work(self, key: ObjectKey, priority: Priority) -> None:
        started = self.clock.monotonic()
        outcome = "error"
        try:
            outcome = await self._attempt(key, priority)
        except StaleStateError:
            outcome = "stale"
            self.schedule(key, self.stale.fail(key))
        except GoneError:
            outcome = "stale"
            self._forget(key)
        except SinkError as error:
            logger.warning("%s: %s, will retry", key, error)
            self.schedule(key, self.backoff.fail(key))
        except Exception as error:  # noqa: BLE001 - one object's bug must not stop the others
            # Only the type: a message or a traceback could carry anything.
            logger.error("%s: unexpected %s, will retry", key, type(error).__name__)
            logger.debug("where it happened: %s", _where(error))
            self.schedule(key, self.backoff.fail(key))
        finally:
            self.queue.done(key)
            self._wake.set()
            self.observer.worked(key.kind, outcome, self.clock.monotonic() - started)

    async def _attempt(self, key: ObjectKey, priority: Priority) -> str:
        obj = self.cache.get(key)
        report = await self.rooms[key.kind](key, obj, priority)
        if report is None:
            self.backoff.succeed(key)
            self.stale.succeed(key)
            return "done"
        if obj is not None:
            await self._write(key, obj, report)
        self.stale.succeed(key)
        return self._reschedule(key, report)

    def _forget(self, key: ObjectKey) -> None:
        """Take it as deleted: its room hears of it; a namesake will come by the feed."""
        obj = self.cache.get(key)
        if obj is not None:
            logger.info("%s: it is gone", key)
            self.remove(key, str(obj["metadata"]["uid"]))

    async def _write(self, key: ObjectKey, obj: RawObject, report: Report) -> None:
        for note in report.notes:
            await self.sink.post_note(obj, note)
        patch = render_status_patch(obj, report, self.clock.now())
        if patch is not None:
            await self._write_status(key, patch)
        for note in decide_notes(obj, report):
            await self.sink.post_note(obj, note)

    async def _write_status(self, key: ObjectKey, patch: Mapping[str, Any]) -> None:
        self._writing[key] = None
        try:
            self.cache.refresh(key, await self.sink.write_status(key, patch))
        finally:
            held = self._writing.pop(key)
            if held is not None:
                self.cache.refresh(key, held)

    def _reschedule(self, key: ObjectKey, report: Report) -> str:
        if report.next_in is not None:
            self.schedule(key, report.next_in)
        if report.retry:
            self.schedule(key, max(self.backoff.fail(key), report.retry_after or 0.0))
            return "retry"
        self.backoff.succeed(key)
        return "done"


def _where(error: BaseException) -> str:
    """File and line of each frame, without source text or values."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(frames)
