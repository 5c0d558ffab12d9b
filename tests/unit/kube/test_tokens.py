import asyncio
import threading
from pathlib import Path

from tests.unit.kube.api_stub import json_answer, rig
from vaultbind.kube.resources import SECRETS
from vaultbind.kube.tokens import FILE_MAX_AGE, CachedToken, NoToken, bearer_file


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_file_is_read_again_when_it_is_old_enough(tmp_path: Path) -> None:
    path, clock = tmp_path / "token", Clock()
    path.write_text("one\n")
    tokens = bearer_file(path, clock=clock)

    assert await tokens.authorization() == "Bearer one"
    path.write_text("two\n")
    clock.now = FILE_MAX_AGE - 1
    assert await tokens.authorization() == "Bearer one"
    clock.now = FILE_MAX_AGE
    assert await tokens.authorization() == "Bearer two"


async def test_an_unreadable_or_empty_file_keeps_the_last_token(tmp_path: Path) -> None:
    path, clock = tmp_path / "token", Clock()
    path.write_text("one")
    tokens = bearer_file(path, clock=clock)
    await tokens.authorization()

    path.unlink()
    clock.now += FILE_MAX_AGE
    assert await tokens.authorization() == "Bearer one"
    path.write_text(" ")
    clock.now += FILE_MAX_AGE
    assert await tokens.authorization() == "Bearer one"


async def test_a_file_that_never_was_gives_no_header(tmp_path: Path) -> None:
    assert await bearer_file(tmp_path / "none").authorization() == ""


async def test_many_askers_cause_one_read() -> None:
    reads = []

    def read() -> str:
        reads.append(1)
        return "Bearer x"

    tokens = CachedToken(read, max_age=60)
    assert await asyncio.gather(*(tokens.authorization() for _ in range(20))) == ["Bearer x"] * 20
    assert len(reads) == 1


async def test_who_gives_up_waiting_does_not_begin_a_second_read() -> None:
    """A plugin may be waiting for a person, longer than a request waits for its token."""
    begun, release = asyncio.Semaphore(0), threading.Event()
    loop = asyncio.get_running_loop()
    reads = []

    def read() -> str:
        reads.append(1)
        loop.call_soon_threadsafe(begun.release)
        release.wait()
        return "Bearer x"

    tokens = CachedToken(read, max_age=60)
    first = asyncio.create_task(tokens.authorization())
    await begun.acquire()
    first.cancel()
    await asyncio.wait((first,))
    second = asyncio.create_task(tokens.authorization())
    await asyncio.sleep(0)
    release.set()

    assert await second == "Bearer x"
    assert first.cancelled()
    assert len(reads) == 1


async def test_many_refusals_cause_one_read() -> None:
    values = ["Bearer old", "Bearer new", "Bearer newer"]
    tokens = CachedToken(lambda: values.pop(0), max_age=60)
    old = await tokens.authorization()

    assert await asyncio.gather(*(tokens.renew(old) for _ in range(5))) == [True] * 5
    assert await tokens.authorization() == "Bearer new"
    assert values == ["Bearer newer"]


async def test_a_refused_token_that_stays_is_not_news() -> None:
    tokens = CachedToken(lambda: "Bearer same", max_age=60)

    assert not await tokens.renew(await tokens.authorization())


async def test_without_a_token_there_is_nothing_to_renew() -> None:
    assert await NoToken().authorization() == ""
    assert not await NoToken().renew("")


async def test_requests_carry_the_token_and_survive_its_rotation() -> None:
    values = ["Bearer old", "Bearer new"]
    tokens = CachedToken(lambda: values.pop(0), max_age=60)
    async with rig(json_answer({"reason": "Unauthorized"}, 401), json_answer({}), tokens=tokens) as it:
        await it.client.create(SECRETS, "shop", {"a": 1})

        assert [seen.headers["Authorization"] for seen in it.stub.seen] == ["Bearer old", "Bearer new"]
        assert [seen.body for seen in it.stub.seen] == [b'{"a":1}'] * 2


async def test_the_token_goes_to_the_api_server_only() -> None:
    async with rig(json_answer({})) as other, rig(json_answer({}), tokens=_fixed("Bearer x")) as it:
        async with it.client.session.get(f"{other.client.server}/x") as response:
            await response.read()

        assert "Authorization" not in other.stub.seen[0].headers


async def test_a_token_is_not_shown() -> None:
    tokens = _fixed("Bearer hunter2")
    await tokens.authorization()

    assert "hunter2" not in repr(tokens) + str(tokens)


def _fixed(value: str) -> CachedToken:
    return CachedToken(lambda: value, max_age=60)
