"""The pool over real sockets on loopback."""

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.kube.virtual_time import run_virtually
from vaultbind.http1 import Answer, ConnectError, ConnectTimeoutError, NoAnswerError, Origin, Pool

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"

Behave = Callable[["Server", int, asyncio.StreamWriter], Awaitable[None]]
"""What a server does with its n-th request."""


@dataclass
class Server:
    """Answers each request as told; counts connections, requests, and how many are under way."""

    behave: Behave
    connections: int = 0
    requests: int = 0
    most_at_once: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    now: int = 0
    begun: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    origin: Origin = Origin("", 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                self.now += 1
                self.most_at_once = max(self.most_at_once, self.now)
                self.begun.put_nowait(self.requests)
                await self.behave(self, self.requests, writer)
                self.now -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.ended.set()


async def answer(_: Server, __: int, writer: asyncio.StreamWriter) -> None:
    writer.write(GOOD)


async def wait_then_answer(server: Server, _: int, writer: asyncio.StreamWriter) -> None:
    await server.gate.wait()
    writer.write(GOOD)


async def answer_once_then_cut(_: Server, number: int, writer: asyncio.StreamWriter) -> None:
    """Answer the first request of all, cut the connection at the second, answer the others."""
    if number == 2:
        writer.transport.abort()
    else:
        writer.write(GOOD)


async def answer_and_leave(_: Server, __: int, writer: asyncio.StreamWriter) -> None:
    writer.write(GOOD)
    writer.close()


async def cut(_: Server, __: int, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@asynccontextmanager
async def serving(behave: Behave) -> AsyncIterator[Server]:
    server = Server(behave)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.origin = Origin("127.0.0.1", listener.sockets[0].getsockname()[1])
    async with listener:
        yield server
        server.gate.set()
        listener.close()


@asynccontextmanager
async def pooling(
    *, limit: int = 10, resolve: Callable[[str], Awaitable[Sequence[str]]] | None = None
) -> AsyncIterator[Pool]:
    pool = Pool(tls=None, limit=limit, keep_alive=30.0, connect_timeout=5.0, resolve=resolve)
    try:
        yield pool
    finally:
        await pool.aclose()


async def ask(pool: Pool, server: Server, *, repeatable: bool = False) -> Answer:
    return await pool.exchange(server.origin, REQUEST, repeatable=repeatable)


async def test_a_connection_is_used_again() -> None:
    async with serving(answer) as server, pooling() as pool:
        bodies = [(await ask(pool, server)).body for _ in range(3)]

    assert (bodies, server.connections, server.requests) == ([b"ok"] * 3, 1, 3)


async def test_a_connection_that_the_server_has_closed_is_not_used() -> None:
    async with serving(answer_and_leave) as server, pooling() as pool:
        await ask(pool, server)
        await server.ended.wait()
        await asyncio.sleep(0)
        assert (await ask(pool, server)).body == b"ok"

    assert (server.connections, server.requests) == (2, 2)


async def test_each_origin_has_its_own() -> None:
    async with serving(answer) as one, serving(answer) as two, pooling() as pool:
        for server in (one, two, one, two):
            await ask(pool, server)

    assert (one.connections, two.connections) == (1, 1)


async def test_no_more_at_a_time_than_allowed() -> None:
    async with serving(wait_then_answer) as server, pooling(limit=3) as pool:
        asking = [asyncio.ensure_future(ask(pool, server)) for _ in range(10)]
        for _ in range(3):
            await server.begun.get()
        server.gate.set()
        answers = await asyncio.gather(*asking)

    assert ({a.body for a in answers}, server.most_at_once, server.connections) == ({b"ok"}, 3, 3)


async def test_a_server_that_never_answers_takes_no_turn_of_another() -> None:
    async with serving(wait_then_answer) as silent, serving(answer) as other, pooling(limit=2) as pool:
        asking = [asyncio.ensure_future(ask(pool, silent)) for _ in range(5)]
        for _ in range(2):
            await silent.begun.get()
        async with asyncio.timeout(20):
            assert (await ask(pool, other)).body == b"ok"
        assert (silent.now, silent.requests) == (2, 2)
        silent.gate.set()
        await asyncio.gather(*asking)
        del asking
        gc.collect()
        assert len(pool._turns) == 0, "nothing is kept of a server that nobody asks"


async def test_a_kept_connection_that_ended_is_replaced_where_the_request_may_be_repeated() -> None:
    async with serving(answer_once_then_cut) as server, pooling() as pool:
        await ask(pool, server)
        again = await ask(pool, server, repeatable=True)

    assert (again.body, server.connections, server.requests) == (b"ok", 2, 3)


async def test_what_may_not_be_repeated_is_not() -> None:
    async with serving(answer_once_then_cut) as server, pooling() as pool:
        await ask(pool, server)
        with pytest.raises(NoAnswerError):
            await ask(pool, server)
        assert (await ask(pool, server)).body == b"ok"

    assert server.requests == 3


async def test_a_new_connection_that_ends_is_no_reason_for_another() -> None:
    async with serving(cut) as server, pooling() as pool:
        with pytest.raises(NoAnswerError):
            await ask(pool, server, repeatable=True)

    assert server.requests == 1


async def test_a_cancelled_request_leaves_the_next_one_alone() -> None:
    async with serving(wait_then_answer) as server, pooling(limit=1) as pool:
        asking = asyncio.ensure_future(ask(pool, server))
        await server.begun.get()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        server.gate.set()
        assert (await ask(pool, server)).body == b"ok"

    assert server.connections == 2


def test_what_is_not_used_is_closed() -> None:
    async def story() -> None:
        async with serving(answer) as server, pooling() as pool:
            await ask(pool, server)
            await asyncio.sleep(29)
            await ask(pool, server)
            await asyncio.sleep(29)
            assert (server.connections, server.ended.is_set()) == (1, False)
            await asyncio.sleep(2)
            await server.ended.wait()
            await ask(pool, server)
            assert server.connections == 2

    run_virtually(story())


def test_many_origins_are_not_looked_at_for_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[float] = []
    sweep = Pool._sweep

    def count(pool: Pool) -> None:
        swept.append(asyncio.get_running_loop().time())
        sweep(pool)

    async def here(_: str) -> list[str]:
        return ["127.0.0.1"]

    async def story() -> None:
        monkeypatch.setattr(Pool, "_sweep", count)
        async with serving(answer) as server, pooling(resolve=here) as pool:
            for number in range(60):
                await pool.exchange(Origin(f"{number}.example", server.origin.port), REQUEST)
                await asyncio.sleep(0.1)
            await asyncio.sleep(40)
            assert (server.connections, len(pool._alive)) == (60, 0)

    run_virtually(story())
    assert len(swept) <= 1 + 6 / (30 / 16) + 1


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with pooling() as pool:
            with pytest.raises(ConnectError) as caught:
                await pool.exchange(Origin("127.0.0.1", free.getsockname()[1]), REQUEST)

    assert isinstance(caught.value.cause, ConnectionRefusedError)


NAMES = {
    "the host's": (Origin("a.example", 443), "a.example"),
    "another": (Origin("10.0.0.1", 443, "a.example"), "a.example"),
    "a host with the dot of the root": (Origin("a.example.", 443), "a.example"),
    "an address": (Origin("::1", 443), "::1"),
}


@pytest.mark.parametrize(("origin", "name"), NAMES.values(), ids=NAMES)
async def test_whose_certificate_is_asked_for(
    origin: Origin, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    async def refuse(*_: object, **options: Any) -> None:
        told.append(options["server_hostname"])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", refuse)
    pool = Pool(tls=ssl.create_default_context(), limit=1, keep_alive=1.0, connect_timeout=1.0)
    with pytest.raises(ConnectError):
        await pool.exchange(origin, REQUEST)

    assert told == [name]


@pytest.mark.parametrize("host", ["shop..example", f"{'x' * 64}.example"])
async def test_a_host_that_can_be_no_name(host: str) -> None:
    async with pooling() as pool:
        with pytest.raises(ConnectError) as caught:
            await pool.exchange(Origin(host, 443), REQUEST)

    assert isinstance(caught.value.cause, socket.gaierror)


@pytest.mark.parametrize(
    ("host", "races"),
    [("127.0.0.1", False), ("::1", False), ("vault.example", True)],
    ids=["IPv4", "IPv6", "a name"],
)
async def test_addresses_race_where_there_may_be_several(
    host: str, races: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    async def create_connection(*_: object, **options: Any) -> Any:
        asked.append(options["happy_eyeballs_delay"])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    async with pooling() as pool:
        with pytest.raises(ConnectError):
            await pool.exchange(Origin(host, 1), REQUEST)
    assert [delay is not None for delay in asked] == [races]


async def test_an_address_that_the_resolver_gives() -> None:
    asked: list[str] = []

    async def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with serving(answer) as server, pooling(resolve=resolve) as pool:
        origin = Origin("shop.example", server.origin.port)
        assert (await pool.exchange(origin, REQUEST)).body == b"ok"

    assert asked == ["shop.example"]


async def test_the_next_address_is_tried_where_one_refuses() -> None:
    """Another address of loopback, where nobody listens."""

    async def resolve(_: str) -> list[str]:
        return ["127.0.0.2", "127.0.0.3", "127.0.0.1"]

    async with serving(answer) as server, pooling(resolve=resolve) as pool:
        origin = Origin("shop.example", server.origin.port)
        assert (await pool.exchange(origin, REQUEST)).body == b"ok"
        assert (await pool.exchange(origin, REQUEST)).body == b"ok"

    assert server.connections == 1


async def test_the_last_address_that_refuses_says_why() -> None:
    async def resolve(_: str) -> list[str]:
        return ["127.0.0.2", "127.0.0.3"]

    async with serving(answer) as server, pooling(resolve=resolve) as pool:
        with pytest.raises(ConnectError) as caught:
            await pool.exchange(Origin("shop.example", server.origin.port), REQUEST)

    assert isinstance(caught.value.cause, ConnectionRefusedError)


SILENT = {"the first": ["silent", "127.0.0.1"], "the first two": ["silent", "silent", "127.0.0.1"]}


@pytest.mark.parametrize("addresses", SILENT.values(), ids=SILENT)
def test_a_silent_address_leaves_time_for_the_next(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(_: str) -> list[str]:
        return addresses

    async def story() -> None:
        loop = asyncio.get_running_loop()
        connect = loop.create_connection

        async def connecting(factory: Any, host: str, *rest: Any, **options: Any) -> Any:
            if host == "silent":
                await asyncio.sleep(3600)
            return await connect(factory, host, *rest, **options)

        monkeypatch.setattr(loop, "create_connection", connecting)
        async with serving(answer) as server, pooling(resolve=resolve) as pool:
            begun = loop.time()
            assert (await pool.exchange(Origin("shop.example", server.origin.port), REQUEST)).body == b"ok"
            assert loop.time() - begun < 5.0

    run_virtually(story())


def test_addresses_that_are_all_silent_take_no_longer_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(ConnectTimeoutError):
            await silent_pool()
        assert asyncio.get_running_loop().time() - begun <= 5.1

    async def silent_pool() -> None:
        async def resolve(_: str) -> list[str]:
            return ["silent"] * 7

        async def never(*_: Any, **__: Any) -> Any:
            await asyncio.sleep(3600)

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
        async with pooling(resolve=resolve) as pool:
            await pool.exchange(Origin("shop.example", 443), REQUEST)

    run_virtually(story())


async def test_an_address_that_is_not_to_be_trusted_is_no_reason_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []

    async def resolve(_: str) -> list[str]:
        return ["10.0.0.1", "10.0.0.2"]

    async def distrust(_: object, host: str, *__: object, **___: object) -> None:
        tried.append(host)
        raise ssl.SSLCertVerificationError

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", distrust)
    async with pooling(resolve=resolve) as pool:
        with pytest.raises(ConnectError):
            await pool.exchange(Origin("shop.example", 443), REQUEST)

    assert tried == ["10.0.0.1"]


def test_a_connection_that_does_not_come_about() -> None:
    async def never(_: str) -> list[str]:
        await asyncio.sleep(3600)
        return [""]

    async def story() -> None:
        async with pooling(resolve=never) as pool:
            with pytest.raises(ConnectTimeoutError):
                await pool.exchange(Origin("h", 1), REQUEST)

    run_virtually(story())


async def test_closing_ends_who_waits_and_lets_nobody_in() -> None:
    async with serving(wait_then_answer) as server, pooling() as pool:
        asking = asyncio.ensure_future(ask(pool, server, repeatable=True))
        await server.begun.get()
        await pool.aclose()
        with pytest.raises(NoAnswerError):
            await asking
        with pytest.raises(NoAnswerError):
            await ask(pool, server)

    assert (pool.is_closed, server.connections) == (True, 1)


async def test_closing_ends_who_waits_for_a_turn() -> None:
    async with serving(wait_then_answer) as server, pooling(limit=1) as pool:
        asking = [asyncio.ensure_future(ask(pool, server, repeatable=True)) for _ in range(5)]
        await server.begun.get()
        asking.pop(2).cancel()
        await pool.aclose()
        ends = await asyncio.gather(*asking, return_exceptions=True)

    assert [type(end) for end in ends] == [NoAnswerError] * 4
    assert (server.connections, server.requests) == (1, 1)


async def test_a_connection_that_comes_about_after_closing_is_closed() -> None:
    closing = asyncio.Event()

    async def late(_: str) -> list[str]:
        await closing.wait()
        return ["127.0.0.1"]

    async with serving(answer) as server, pooling(resolve=late) as pool:
        asking = asyncio.ensure_future(ask(pool, server))
        await asyncio.sleep(0)
        await pool.aclose()
        closing.set()
        with pytest.raises(NoAnswerError):
            await asking

    assert server.requests == 0
