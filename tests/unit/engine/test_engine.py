"""The engine with its own clock, sink and rooms: order, retries, writes, notes, end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.engine.objects import BAD, FINE, KIND, FakeClock, FakeSink, Work, key_of, thing
from vaultbind.api.conditions import Reason
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.backoff import Backoff
from vaultbind.engine.cache import Change, ObjectCache, RawObject
from vaultbind.engine.engine import STALE_STATE, Engine, GoneError, SinkError, StaleStateError
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Note, NoteType, Report

A, B = key_of("a"), key_of("b")
SECRET_TEXT = "hunter2-in-a-message"
DELAY = 5.0
"""Seconds of a first failure: the whole ceiling, because tests draw 1.0."""


@dataclass
class Harness:
    """An engine whose room does what a test says."""

    clock: FakeClock = field(default_factory=FakeClock)
    sink: FakeSink = field(default_factory=FakeSink)
    work: Work = field(default_factory=Work)
    seen: list[tuple[str, bool, Priority]] = field(default_factory=list)
    answers: dict[str, Iterator[Report | Exception | None]] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = Engine(
            clock=self.clock,
            cache=ObjectCache(),
            sink=self.sink,
            rooms={KIND: self.room},
            observer=self.work,
            lane_of=lambda key: key.name[0],
            backoff=Backoff(draw=lambda: 1.0),
            stale=Backoff(policy=STALE_STATE, draw=lambda: 1.0),
        )

    async def room(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        self.seen.append((key.name, obj is not None, priority))
        if self.gate is not None:
            await self.gate.wait()
        answer = next(self.answers.get(key.name, iter([None])), None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def will(self, name: str, *answers: Report | Exception | None) -> None:
        self.answers[name] = iter(answers)

    def put(self, name: str, **parts: Any) -> Change:
        return self.engine.put(key_of(name), thing(name, **parts))

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        self.clock.seconds += seconds
        self.engine.wake()
        await self.settle()

    def due_in(self) -> float | None:
        at = self.engine.due.next_at()
        return None if at is None else round(at - self.clock.seconds, 6)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.seen]


@asynccontextmanager
async def running(harness: Harness) -> AsyncIterator[Harness]:
    task = asyncio.create_task(harness.engine.run())
    await harness.settle()
    try:
        yield harness
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await harness.engine.drain(1.0)


# -- what gets a look -------------------------------------------------------------------------------


async def test_new_and_changed_objects_get_an_urgent_look_and_echoes_none() -> None:
    async with running(Harness()) as harness:
        assert harness.put("a", version=1) is Change.NEW
        await harness.settle()
        assert harness.put("a", version=2, status={"x": 1}) is Change.STATUS
        assert harness.put("a", version=1, generation=9) is Change.STALE
        await harness.settle()
        assert harness.put("a", version=3, generation=2) is Change.SPEC
        await harness.settle()
        assert harness.seen == [("a", True, Priority.URGENT)] * 2


async def test_nothing_new_is_begun_by_who_may_not_work() -> None:
    async with running(Harness()) as harness:
        harness.engine.may_work = lambda: False
        harness.put("a", version=1)
        await harness.advance(3600)
        assert harness.seen == []
        harness.engine.may_work = lambda: True
        await harness.advance(0)
        assert harness.names == ["a"]


async def test_the_end_of_an_object_is_told_once() -> None:
    async with running(Harness()) as harness:
        harness.will("a", Report(next_in=60.0))
        harness.put("a")
        await harness.settle()
        assert harness.due_in() == 60.0
        assert not harness.engine.remove(A, "another uid")
        assert harness.engine.remove(A, "u1")
        assert not harness.engine.remove(A, "u1")
        await harness.settle()
        assert harness.seen[1:] == [("a", False, Priority.URGENT)]
        assert harness.due_in() is None
        assert harness.sink.patches == []


async def test_urgent_goes_before_routine_and_a_key_waits_once() -> None:
    harness = Harness()
    for _ in range(2):
        harness.engine.add(A, Priority.ROUTINE)
    harness.engine.add(B, Priority.URGENT)
    assert not harness.engine.idle
    async with running(harness):
        assert harness.seen == [("b", False, Priority.URGENT), ("a", False, Priority.ROUTINE)]
        assert harness.engine.idle


@pytest.mark.parametrize(
    ("lane_limit", "most_active", "first"),
    [
        pytest.param(2, 99, ["quick", "slow1", "slow2"], id="a full lane waits alone"),
        pytest.param(99, 2, ["quick", "slow1"], id="the process has a limit"),
    ],
)
async def test_limits(lane_limit: int, most_active: int, first: list[str]) -> None:
    harness = Harness(gate=asyncio.Event())
    assert harness.gate is not None
    harness.engine.queue.lane_limit = lane_limit
    harness.engine.most_active = most_active
    for name in ("slow1", "slow2", "slow3", "quick"):
        harness.engine.add(key_of(name), Priority.ROUTINE)
    async with running(harness):
        assert sorted(harness.names) == first
        harness.gate.set()
        await harness.settle()
        assert sorted(harness.names) == ["quick", "slow1", "slow2", "slow3"]


async def test_an_object_that_changes_during_its_look_gets_another_one_after_it() -> None:
    harness = Harness(gate=asyncio.Event())
    assert harness.gate is not None
    async with running(harness):
        harness.put("a", version=1)
        await harness.settle()
        harness.put("a", version=2, generation=2)
        await harness.settle()
        assert harness.names == ["a"]
        harness.gate.set()
        await harness.settle()
        assert harness.names == ["a", "a"]


# -- when the next look is --------------------------------------------------------------------------

NEXT = [
    pytest.param(None, None, "done", id="nothing to do"),
    pytest.param(Report(), None, "done", id="nothing to come back for"),
    pytest.param(Report(next_in=60.0), 60.0, "done", id="next look"),
    pytest.param(Report(retry=True), DELAY, "retry", id="back-off"),
    pytest.param(Report(retry=True, retry_after=1.0), DELAY, "retry", id="back-off is longer"),
    pytest.param(Report(retry=True, retry_after=30.0), 30.0, "retry", id="the vault asked for more"),
    pytest.param(Report(retry=True, retry_after=30.0, next_in=9.0), 9.0, "retry", id="at the latest"),
    pytest.param(StaleStateError(), STALE_STATE.first, "stale", id="our state was old"),
    pytest.param(SinkError("status: no"), DELAY, "error", id="sink"),
    pytest.param(RuntimeError(SECRET_TEXT), DELAY, "error", id="a bug"),
]


@pytest.mark.parametrize(("answer", "seconds", "outcome"), NEXT)
async def test_next_look(answer: Report | Exception | None, seconds: float | None, outcome: str) -> None:
    async with running(Harness()) as harness:
        harness.will("a", answer, None)
        harness.put("a")
        await harness.settle()
        assert harness.due_in() == seconds
        assert harness.work.outcomes == [outcome]
        if seconds is None:
            return
        await harness.advance(seconds - 0.01)
        assert harness.names == ["a"]
        await harness.advance(0.01)
        assert harness.seen[1:] == [("a", True, Priority.ROUTINE)]
        assert harness.work.outcomes == [outcome, "done"]


async def test_back_off_grows_until_a_success() -> None:
    async with running(Harness()) as harness:
        retry = Report(retry=True)
        harness.will("a", retry, SinkError("no"), RuntimeError(), Report(), retry)
        harness.put("a")
        await harness.settle()
        for seconds in (5.0, 10.0, 20.0):
            assert harness.due_in() == seconds
            await harness.advance(seconds)
        assert harness.due_in() is None
        harness.engine.add(A, Priority.ROUTINE)
        await harness.settle()
        assert harness.due_in() == 5.0


async def test_a_person_s_change_ends_the_back_off() -> None:
    async with running(Harness()) as harness:
        harness.will("a", *[Report(retry=True)] * 4)
        harness.put("a")
        await harness.settle()
        await harness.advance(5.0)
        assert harness.due_in() == 10.0
        harness.put("a", version=2, generation=2)
        await harness.settle()
        assert harness.due_in() == 5.0


async def test_a_look_meanwhile_replaces_the_one_that_was_due() -> None:
    async with running(Harness()) as harness:
        harness.will("a", Report(retry=True), Report(next_in=60.0))
        harness.put("a")
        await harness.settle()
        assert harness.due_in() == DELAY
        harness.engine.add(A, Priority.URGENT)
        await harness.settle()
        assert harness.due_in() == 60.0


async def test_an_earlier_due_time_stands() -> None:
    async with running(Harness()) as harness:
        for seconds in (5.0, 60.0, 1.0):
            harness.engine.schedule(A, seconds)
        assert harness.due_in() == 1.0


async def test_the_engine_wakes_by_itself_when_a_key_is_due() -> None:
    harness = Harness(clock=FakeClock())
    loop = asyncio.get_running_loop()
    start = loop.time()
    harness.clock.monotonic = lambda: 1000.0 + loop.time() - start  # type: ignore[method-assign]
    harness.engine.schedule(A, 0.01)
    async with running(harness):
        async with asyncio.timeout(60):
            while not harness.seen:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.002)
        assert loop.time() - start >= 0.01


# -- what is written --------------------------------------------------------------------------------


async def test_a_status_is_written_once_and_known_from_the_answer() -> None:
    async with running(Harness()) as harness:
        harness.will("a", *[Report(conditions=(FINE,), fields={"revision": 1})] * 2)
        harness.put("a")
        await harness.settle()
        harness.engine.add(A, Priority.ROUTINE)
        await harness.settle()
        ((key, patch),) = harness.sink.patches
        assert (key, patch["metadata"]) == (A, {"uid": "u1", "resourceVersion": "1"})
        stored = harness.engine.cache.get(A)
        assert stored is not None
        assert stored["metadata"]["resourceVersion"] == "101"
        assert harness.sink.notes == []


HELD = [
    pytest.param(thing(version=101, status={"revision": 1}), True, "101", id="the echo of the write"),
    pytest.param(thing(version=102), True, "102", id="a later state than the answer"),
    pytest.param(thing(version=50), True, "101", id="somebody's status before ours"),
    pytest.param(thing(version=99, generation=2), False, "101", id="a person's change"),
    pytest.param(thing(version=99, labels={"a": "b"}), False, "101", id="a label"),
    pytest.param(thing(version=99, uid="u2"), False, "101", id="a namesake"),
]


@pytest.mark.parametrize(("seen", "is_held", "version"), HELD)
async def test_what_is_told_of_an_object_while_its_status_is_written(
    seen: dict[str, Any], is_held: bool, version: str
) -> None:
    async with running(Harness()) as harness:
        harness.will("a", Report(conditions=(FINE,), fields={"revision": 1}))
        held: list[bool] = []
        harness.sink.fail = lambda: held.append(harness.engine.hold(A, seen))
        harness.put("a")
        assert not harness.engine.hold(A, seen), "nothing is written yet"
        await harness.settle()
        assert held == [is_held]
        stored = harness.engine.cache.get(A)
        assert stored is not None
        assert stored["metadata"]["resourceVersion"] == version
        assert harness.names == ["a"], "nobody looks at it again"
        assert not harness.engine.hold(A, seen), "the write has ended"


@pytest.mark.parametrize("versions", [(7,), (9, 7)], ids=["one", "an older one after a newer one"])
async def test_what_was_told_during_a_write_that_failed_is_known_after_it(versions: tuple[int, ...]) -> None:
    async with running(Harness()) as harness:
        harness.will("a", Report(conditions=(FINE,)))

        def moved_on() -> Exception:
            assert all(harness.engine.hold(A, thing(version=version)) for version in versions)
            return StaleStateError()

        harness.sink.fail = moved_on
        harness.put("a")
        await harness.settle()
        assert harness.engine.cache.get(A) == thing(version=versions[0])


async def test_what_waits_replaces_no_namesake() -> None:
    async with running(Harness()) as harness:
        harness.will("a", Report(conditions=(FINE,)), None, None)

        def replaced() -> None:
            assert harness.engine.hold(A, thing(version=2))
            harness.engine.remove(A, "u1")
            harness.engine.put(A, thing(version=3, uid="u2"))
            harness.sink.fail = lambda: None

        harness.sink.fail = replaced
        harness.put("a")
        await harness.settle()
        stored = harness.engine.cache.get(A)
        assert stored is not None
        assert stored["metadata"]["uid"] == "u2"


async def test_an_object_that_goes_during_the_write_stays_gone() -> None:
    async with running(Harness()) as harness:
        harness.will("a", Report(conditions=(FINE,)), None)

        def gone() -> None:
            assert harness.engine.hold(A, thing(version=2))
            harness.engine.remove(A, "u1")

        harness.sink.fail = gone
        harness.put("a")
        await harness.settle()
        assert len(harness.sink.patches) == 1
        assert harness.engine.cache.get(A) is None
        assert harness.seen[-1] == ("a", False, Priority.URGENT)


async def test_an_object_that_the_server_has_no_more_is_taken_as_deleted() -> None:
    async with running(Harness()) as harness:
        harness.will("a", Report(conditions=(BAD,)), None)
        harness.sink.fail = GoneError
        harness.put("a")
        await harness.settle()
        assert harness.engine.cache.get(A) is None
        assert harness.seen[-1] == ("a", False, Priority.URGENT)
        assert harness.work.outcomes == ["stale", "done"]
        assert (harness.sink.notes, harness.due_in()) == ([], None)


async def test_an_object_that_went_before_the_server_told_is_not_told_twice() -> None:
    async with running(Harness()) as harness:
        harness.will("a", GoneError())
        harness.engine.add(A, Priority.URGENT)
        await harness.settle()
        assert harness.seen == [("a", False, Priority.URGENT)]


async def test_a_report_on_an_object_that_is_gone_is_not_written() -> None:
    async with running(Harness()) as harness:
        harness.will("a", Report(conditions=(FINE,), next_in=9.0))
        harness.engine.add(A, Priority.URGENT)
        await harness.settle()
        assert (harness.sink.log, harness.due_in()) == ([], 9.0)


async def test_a_state_that_stays_old_is_not_tried_for_ever_at_the_same_pace() -> None:
    async with running(Harness()) as harness:
        harness.will("a", *[StaleStateError()] * 3, None, StaleStateError())
        harness.put("a")
        await harness.settle()
        delays = []
        for _ in range(3):
            delays.append(harness.due_in())
            await harness.advance(delays[-1] or 0.0)
        assert delays == [0.5, 1.0, 2.0]
        harness.put("a", version=2, generation=2)
        await harness.settle()
        assert harness.due_in() == 0.5


async def test_what_was_done_is_told_before_the_status_and_what_it_means_after() -> None:
    async with running(Harness()) as harness:
        updated = Note(type=NoteType.NORMAL, reason=Reason.UPDATED, message="m")
        harness.will("a", Report(conditions=(BAD,), notes=(updated,)))
        harness.put("a")
        await harness.settle()
        assert harness.sink.log == ["note Updated", "status", "note Timeout"]


@pytest.mark.parametrize(
    ("error", "seconds"), [(StaleStateError(), STALE_STATE.first), (SinkError("status: no"), DELAY)]
)
async def test_a_status_that_was_refused_is_not_told_and_is_written_later(
    error: Exception, seconds: float
) -> None:
    async with running(Harness()) as harness:
        errors = iter([error])
        harness.sink.fail = lambda: next(errors, None)
        harness.will("a", *[Report(conditions=(BAD,))] * 2)
        harness.put("a")
        await harness.settle()
        assert (harness.sink.log, harness.due_in()) == ([], seconds)
        await harness.advance(seconds)
        assert harness.sink.log == ["status", "note Timeout"]


# -- errors and the end -----------------------------------------------------------------------------


async def test_an_unexpected_error_shows_its_type_and_place_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(Harness()) as harness:
        harness.will("a", ValueError(SECRET_TEXT))
        harness.put("a")
        await harness.settle()
    assert "Thing shop/a: unexpected ValueError, will retry" in caplog.text
    assert "test_engine.py:" in caplog.text
    assert SECRET_TEXT not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


async def test_a_bug_with_one_object_does_not_stop_another() -> None:
    async with running(Harness()) as harness:
        harness.will("a", RuntimeError())
        harness.put("a")
        harness.put("b")
        await harness.settle()
        assert harness.work.outcomes == ["error", "done"]


async def test_draining_waits_for_what_runs_and_starts_nothing() -> None:
    harness = Harness(gate=asyncio.Event())
    assert harness.gate is not None
    run = asyncio.create_task(harness.engine.run())
    harness.put("a")
    await harness.settle()
    drain = asyncio.create_task(harness.engine.drain(5.0))
    harness.put("b")
    await harness.settle()
    assert not drain.done()
    harness.gate.set()
    assert await drain is True
    await run
    assert harness.names == ["a"]
    assert harness.work.outcomes == ["done"]


async def test_draining_cancels_what_does_not_end() -> None:
    harness = Harness(gate=asyncio.Event())
    run = asyncio.create_task(harness.engine.run())
    harness.put("a")
    await harness.settle()
    assert await harness.engine.drain(0.01) is False
    await run
    assert harness.engine.queue.active == 0
    assert harness.work.outcomes == ["error"]


async def test_draining_an_engine_at_rest() -> None:
    assert await Harness().engine.drain(0.0) is True
