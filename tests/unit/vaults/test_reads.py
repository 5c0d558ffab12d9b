"""Shared reads: single flight, and a short memory for the readers that are still to come."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.rendering.objects import secret
from tests.unit.vaults.stage import FakeClock, reader, ref
from vaultbind.api.refs import ObjectKey, VaultObjectRef
from vaultbind.engine.queue import Priority
from vaultbind.rendering.values import VaultValue
from vaultbind.vaults.reads import RETAIN_SECONDS, Reading, SharedReads

A = ref("a")


@dataclass
class Source:
    """Each get waits until the test answers it."""

    clock: FakeClock = field(default_factory=FakeClock)
    readers: set[ObjectKey] = field(default_factory=set)
    gets: list["asyncio.Future[VaultValue | None]"] = field(default_factory=list)
    landed: list[tuple[VaultValue | None, datetime]] = field(default_factory=list)
    reads: SharedReads = field(init=False)

    def __post_init__(self) -> None:
        self.reads = SharedReads(
            fetch=self._fetch,
            landed=lambda _, value, sent: self.landed.append((value, sent)),
            users=lambda _: set(self.readers),
            clock=self.clock,
        )

    async def _fetch(self, _ref: VaultObjectRef, _priority: Priority) -> VaultValue | None:
        future: asyncio.Future[VaultValue | None] = asyncio.get_running_loop().create_future()
        self.gets.append(future)
        return await future

    def ask(self, name: str, **options: Any) -> "asyncio.Task[Reading]":
        who = reader(name) if name else None
        return asyncio.create_task(self.reads.read(A, who, Priority.URGENT, **options))

    def want(self, *names: str) -> None:
        self.readers = {reader(name) for name in names}


async def steps(number: int = 6) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def text_of(reading: Reading) -> str:
    value: Any = reading.value
    return str(value.value.expose_secret())


async def test_readers_at_the_same_time_share_one_get() -> None:
    source = Source()
    source.want("x", "y", "z")
    asked = [source.ask(name) for name in "xyz"]
    await steps()
    assert len(source.gets) == 1
    source.gets[0].set_result(secret("v"))
    assert [text_of(reading) for reading in await asyncio.gather(*asked)] == ["v"] * 3
    assert source.reads.held == 0, "everybody has it: it is gone"


async def test_readers_one_after_the_other_share_one_get() -> None:
    source = Source()
    source.want("x", "y", "z")
    first = source.ask("x")
    await steps()
    source.gets[0].set_result(secret("v"))
    await first
    assert source.reads.held == 1
    assert text_of(await source.ask("y")) == "v"
    assert source.reads.held == 1
    assert text_of(await source.ask("z")) == "v"
    assert source.reads.held == 0
    assert len(source.gets) == 1


async def test_a_reader_gets_a_kept_value_once() -> None:
    source = Source()
    source.want("x", "y")
    first = source.ask("x")
    await steps()
    source.gets[0].set_result(secret("v"))
    await first
    again = source.ask("x")
    await steps()
    assert len(source.gets) == 2, "who asks again wants to know anew"
    source.gets[1].set_result(secret("w"))
    assert text_of(await again) == "w"


async def test_a_look_does_not_use_up_what_is_kept() -> None:
    source = Source()
    source.want("x")
    look = source.ask("")
    await steps()
    source.gets[0].set_result(secret("v"))
    await look
    assert text_of(await source.ask("")) == "v"
    assert text_of(await source.ask("x")) == "v"
    assert (len(source.gets), source.reads.held) == (1, 0)


async def test_nothing_is_kept_that_nobody_wants_or_that_is_not_there() -> None:
    source = Source()
    one = source.ask("x")
    await steps()
    source.gets[0].set_result(secret("v"))
    await one
    source.want("x", "y")
    two = source.ask("x")
    await steps()
    source.gets[1].set_result(None)
    assert (await two).value is None
    assert source.reads.held == 0


async def test_a_later_wish_begins_a_get_of_its_own() -> None:
    source = Source()
    source.want("x", "y")
    early = source.ask("x")
    await steps()
    source.clock.seconds += 1
    late = source.ask("y", not_before=source.clock.monotonic())
    third = source.ask("x", not_before=source.clock.monotonic())
    await steps()
    assert len(source.gets) == 2
    source.gets[1].set_result(secret("new"))
    assert text_of(await late) == text_of(await third) == "new"
    source.gets[0].set_result(secret("old"))
    assert text_of(await early) == "new", "what a later get has overtaken may be older"
    assert source.reads.held == 0, "an old answer must not be kept for anybody"


async def test_an_answer_that_was_overtaken_is_told_to_nobody() -> None:
    source = Source()
    source.want("x")
    sent, early = source.clock.now(), source.ask("x")
    await steps()
    source.clock.seconds += 1
    look = source.ask("", not_before=source.clock.monotonic())
    await steps()
    source.gets[1].set_result(secret("new"))
    await look
    later = source.ask("y")
    await steps()
    assert len(source.gets) == 3, "nobody joins what was overtaken"
    source.gets[0].set_result(None)
    assert text_of(await early) == "new"
    source.gets[2].set_result(None)
    assert (await later).value is None
    assert [sent for _, sent in source.landed] == [sent + timedelta(seconds=1)] * 2


async def test_answers_in_their_order_are_all_told() -> None:
    source = Source()
    early = source.ask("x")
    await steps()
    source.clock.seconds += 1
    late = source.ask("y", not_before=source.clock.monotonic())
    await steps()
    source.gets[0].set_result(secret("old"))
    source.gets[1].set_result(secret("new"))
    assert [text_of(reading) for reading in await asyncio.gather(early, late)] == ["old", "new"]
    assert len(source.landed) == 2


async def test_a_kept_value_older_than_wished_is_not_given() -> None:
    source = Source()
    source.want("x", "y")
    first = source.ask("x")
    await steps()
    source.gets[0].set_result(secret("v"))
    started = (await first).started
    assert text_of(await source.ask("y", not_before=started)) == "v"
    source.want("x", "y", "z")
    source.clock.seconds += 1
    late = source.ask("z", not_before=source.clock.monotonic())
    await steps()
    assert len(source.gets) == 2
    source.gets[1].set_result(secret("w"))
    assert text_of(await late) == "w"


async def test_an_error_goes_to_all_who_wait_and_is_not_kept() -> None:
    source = Source()
    source.want("x", "y")
    asked = [source.ask(name) for name in "xy"]
    await steps()
    source.gets[0].set_exception(RuntimeError("no"))
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(result) for result in results] == ["no", "no"]
    again = source.ask("x")
    await steps()
    assert len(source.gets) == 2
    source.gets[1].set_result(secret("v"))
    assert text_of(await again) == "v"


async def test_one_who_leaves_does_not_take_the_get_along() -> None:
    source = Source()
    source.want("x", "y")
    gone, stays = source.ask("x"), source.ask("y")
    await steps()
    gone.cancel()
    await steps()
    source.gets[0].set_result(secret("v"))
    assert text_of(await stays) == "v"
    assert gone.cancelled()
    assert len(source.gets) == 1


async def test_a_get_that_nobody_waits_for_fails_in_silence() -> None:
    source = Source()
    gone = source.ask("x")
    await steps()
    gone.cancel()
    await steps()
    source.gets[0].set_exception(RuntimeError("no"))
    await steps()  # an exception that nobody fetched would fail the test as a warning


async def test_it_knows_who_waits() -> None:
    source = Source()
    assert source.reads.waiting(A) == frozenset()
    asked = [source.ask(name) for name in ("x", "y", "")]
    await steps()
    assert source.reads.waiting(A) == {reader("x"), reader("y")}
    asked[0].cancel()
    await steps()
    assert source.reads.waiting(A) == {reader("y")}
    source.gets[0].set_result(None)
    await asyncio.gather(*asked, return_exceptions=True)
    assert source.reads.waiting(A) == frozenset()


async def test_what_has_changed_is_read_anew() -> None:
    source = Source()
    source.want("x", "y")
    first = source.ask("x")
    await steps()
    source.gets[0].set_result(secret("old"))
    await first
    source.reads.forget(A)
    assert source.reads.held == 0
    second = source.ask("y")
    await steps()
    source.gets[1].set_result(secret("new"))
    assert text_of(await second) == "new"


async def test_a_get_begun_before_a_change_was_seen_is_joined_by_nobody() -> None:
    source = Source()
    source.want("x", "y")
    early = source.ask("x")
    await steps()
    source.reads.forget(A)
    late = source.ask("y")
    await steps()
    assert len(source.gets) == 2
    source.gets[0].set_result(secret("old"))
    assert text_of(await early) == "old"
    source.gets[1].set_result(secret("new"))
    assert text_of(await late) == "new"
    assert text_of(await source.ask("x")) == "new"
    assert len(source.gets) == 2


async def test_values_are_dropped_when_their_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    source.want("x", "y")
    timers: list[tuple[float, Callable[[], None]]] = []
    loop = asyncio.get_running_loop()
    first = source.ask("x")
    await steps()
    monkeypatch.setattr(loop, "call_later", lambda delay, function: timers.append((delay, function)))
    source.clock.seconds += 4
    source.gets[0].set_result(secret("v"))
    await first
    [(delay, wake)] = timers
    assert delay == RETAIN_SECONDS - 4, "counted from when the get was sent"
    source.clock.seconds += delay - 1
    wake()
    assert source.reads.held == 1
    assert [delay for delay, _ in timers] == [RETAIN_SECONDS - 4, 1]
    source.clock.seconds += 1
    timers[-1][1]()
    assert source.reads.held == 0
    assert len(timers) == 2, "nothing is kept: no timer is needed"


async def test_a_value_past_its_time_is_not_given_even_before_the_timer() -> None:
    source = Source()
    source.want("x", "y")
    first = source.ask("x")
    await steps()
    source.gets[0].set_result(secret("v"))
    await first
    source.clock.seconds += RETAIN_SECONDS
    second = source.ask("y")
    await steps()
    assert len(source.gets) == 2
    source.gets[1].set_result(secret("w"))
    assert text_of(await second) == "w"
    source.reads.close()


async def test_closing_drops_all_and_ends_gets() -> None:
    source = Source()
    source.want("x", "y")
    first = source.ask("x")
    await steps()
    source.gets[0].set_result(secret("v"))
    await first
    under_way = source.ask("x")
    await steps()
    source.reads.close()
    assert source.reads.held == 0
    await asyncio.gather(under_way, return_exceptions=True)
    assert under_way.cancelled()
    Source().reads.close()


async def test_a_reading_does_not_show_its_value() -> None:
    assert "v" not in repr(Reading(value=secret("hunter2"), started=1.0)).replace("value", "")
    assert "hunter2" not in repr(Reading(value=secret("hunter2"), started=1.0))
