import asyncio

import pytest

from vaultbind.injection.recent import Recent


class Source:
    """Answers when it is let; counts how often it is asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None
        self.recent: Recent[str, str] = Recent(ask=self.ask, seconds=5.0, clock=lambda: self.now, most=3)

    async def ask(self, key: str) -> str:
        self.asked.append(key)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return f"{key}{len(self.asked)}"


async def test_one_question_for_all_who_ask_at_once() -> None:
    source = Source()
    source.open.clear()
    waiting = [asyncio.create_task(source.recent.get("a")) for _ in range(100)]
    await asyncio.sleep(0)
    source.open.set()

    assert set(await asyncio.gather(*waiting)) == {"a1"}
    assert source.asked == ["a"]


async def test_an_answer_is_kept_for_its_seconds() -> None:
    source = Source()
    assert await source.recent.get("a") == "a1"
    source.now = 4.9
    assert await source.recent.get("a") == "a1"
    source.now = 5.0
    assert await source.recent.get("a") == "a2"


async def test_its_age_counts_from_the_question() -> None:
    source = Source()
    source.open.clear()
    first = asyncio.create_task(source.recent.get("a"))
    await asyncio.sleep(0)
    source.now = 4.0
    source.open.set()
    assert await first == "a1"
    source.now = 5.0
    assert await source.recent.get("a") == "a2"


async def test_failures_are_told_to_all_and_not_kept() -> None:
    source = Source()
    source.error = ValueError("no")
    results = await asyncio.gather(*(source.recent.get("a") for _ in range(3)), return_exceptions=True)
    assert [str(result) for result in results] == ["no"] * 3
    source.error = None
    assert await source.recent.get("a") == "a2"


async def test_one_who_gives_up_does_not_end_it_for_others() -> None:
    source = Source()
    source.open.clear()
    first, second = (asyncio.create_task(source.recent.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    source.open.set()
    assert await second == "a1"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_what_is_not_worth_keeping_is_asked_for_again() -> None:
    source = Source()
    source.recent.keeps = lambda found: found != "a1"
    assert [await source.recent.get("a") for _ in range(3)] == ["a1", "a2", "a2"]


async def test_memory_is_bounded_and_emptied() -> None:
    source = Source()
    for key in "abcde":
        await source.recent.get(key)
    assert len(source.recent) == 3
    source.now = 10.0
    source.recent.purge()
    assert len(source.recent) == 0


async def test_an_answer_that_is_under_way_when_it_is_to_be_forgotten_is_not_kept() -> None:
    source = Source()
    source.open.clear()
    early = asyncio.create_task(source.recent.get("a"))
    await asyncio.sleep(0)
    source.recent.forget(lambda key: key == "a")
    source.open.set()
    assert await early == "a1"
    assert len(source.recent) == 0
    assert await source.recent.get("a") == "a2"


async def test_who_asks_after_it_was_forgotten_waits_for_another_answer() -> None:
    source = Source()
    source.open.clear()
    early = asyncio.create_task(source.recent.get("a"))
    await asyncio.sleep(0)
    source.recent.forget(lambda key: key == "a")
    late = asyncio.create_task(source.recent.get("a"))
    await asyncio.sleep(0)
    source.open.set()
    await asyncio.gather(early, late)
    assert source.asked == ["a", "a"]
    assert await source.recent.get("a") == "a2"
    source.recent.forget(lambda key: key == "a")
    assert await source.recent.get("a") == "a3"
