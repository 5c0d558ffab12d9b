"""One connection without a network: what is fed, what comes out, and when it is closed."""

import asyncio
import itertools
import ssl
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.kube.virtual_time import now, run_virtually
from vaultbind.http1 import Answer, AnswerError, CutError, HttpError, NoAnswerError
from vaultbind.http1.connection import Connection

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.sent = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def connect(largest: int | None = None) -> tuple[Connection, Wire]:
    connection, wire = Connection(largest=largest), Wire()
    connection.connection_made(cast("asyncio.Transport", wire))
    return connection, wire


async def ask(connection: Connection, *chunks: bytes, silence: float | None = None) -> Answer:
    asking = asyncio.ensure_future(connection.exchange(b"?", silence=silence))
    await asyncio.sleep(0)
    for chunk in chunks:
        connection.data_received(chunk)
    return await asking


ANSWERS = {
    "by length": (GOOD, 200, b"ok", True),
    "in chunks": (
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        201,
        b"ok",
        True,
    ),
    "in chunks with a trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
        200,
        b"ok",
        True,
    ),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "with an empty header": (b"HTTP/1.1 200 OK\r\nX:\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "without a reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "after a 100 and a 103": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD,
        200,
        b"ok",
        True,
    ),
    "the last one": (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        False,
    ),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
}


@pytest.mark.parametrize(("data", "status", "body", "kept"), ANSWERS.values(), ids=ANSWERS)
async def test_answers(data: bytes, status: int, body: bytes, kept: bool) -> None:
    connection, wire = connect()

    answer = await ask(connection, data)

    assert (answer.status, answer.body) == (status, body)
    assert wire.sent == b"?"
    assert (connection.is_usable, wire.closed) == (kept, not kept)


@given(name=st.sampled_from(sorted(ANSWERS)), cuts=st.lists(st.integers(0, 140), max_size=8))
def test_it_does_not_matter_how_an_answer_is_cut(name: str, cuts: list[int]) -> None:
    data, status, body, _ = ANSWERS[name]
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[start:end] for start, end in itertools.pairwise(places)]

    async def story() -> None:
        answer = await ask(connect()[0], *chunks)
        assert (answer.status, answer.body) == (status, body)

    run_virtually(story())


async def test_one_request_after_the_other() -> None:
    connection, _ = connect()
    first = await ask(connection, b"HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: 1\r\n\r\nx")
    second = await ask(connection, GOOD)

    assert (first.status, first.reason, first.header("a"), first.body) == (404, "Not Found", "b", b"x")
    assert (second.status, second.reason, second.header("a"), second.body) == (200, "OK", None, b"ok")


async def test_one_at_a_time() -> None:
    connection, _ = connect()
    asking = asyncio.ensure_future(connection.exchange(b"?"))
    await asyncio.sleep(0)

    with pytest.raises(NoAnswerError):
        await connection.exchange(b"!")
    connection.data_received(GOOD)
    assert (await asking).body == b"ok"


BAD = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a request": b"GET / HTTP/1.1\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0",
    "no length of a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "another protocol from now on": b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
async def test_what_is_no_answer(data: bytes) -> None:
    connection, wire = connect()
    with pytest.raises(AnswerError):
        await ask(connection, data)

    assert wire.closed


ENDS: dict[str, tuple[bytes, Exception | None, type[Exception]]] = {
    "before an answer": (b"", None, NoAnswerError),
    "before an answer, by a reset": (b"", ConnectionResetError(), NoAnswerError),
    "before an answer, by TLS": (b"", ssl.SSLError("certificate required"), ssl.SSLError),
    "within the head": (b"HTTP/1.1 200", None, CutError),
    "within the body": (GOOD[:-1], None, CutError),
    "within the body, by a reset": (GOOD[:-1], ConnectionResetError(), CutError),
    "after a body that only an end would end": (b"HTTP/1.1 200 OK\r\n\r\nok", None, CutError),
}


@pytest.mark.parametrize(("data", "cause", "error"), ENDS.values(), ids=ENDS)
async def test_ends(data: bytes, cause: Exception | None, error: type[Exception]) -> None:
    connection, _ = connect()
    asking = asyncio.ensure_future(connection.exchange(b"?"))
    await asyncio.sleep(0)
    if data:
        connection.data_received(data)
    connection.connection_lost(cause)

    with pytest.raises(error):
        await asking
    assert not connection.is_usable
    await connection.wait_closed()


async def test_a_second_answer_to_one_request_is_for_nobody() -> None:
    connection, wire = connect()

    answer = await ask(connection, GOOD + GOOD.replace(b"ok", b"no"))

    assert answer.body == b"ok"
    assert wire.closed, "the next request would get it"


@pytest.mark.parametrize("word", [b"H", b"\r\n", GOOD])
async def test_a_word_that_nobody_asked_for_ends_the_connection(word: bytes) -> None:
    connection, wire = connect()
    await ask(connection, GOOD)
    connection.data_received(word)

    assert wire.closed
    with pytest.raises(NoAnswerError):
        await connection.exchange(b"?")


async def test_an_answer_that_nobody_waits_for_any_more_goes_to_nobody() -> None:
    connection, wire = connect()
    asking = asyncio.ensure_future(connection.exchange(b"?"))
    await asyncio.sleep(0)
    asking.cancel()
    connection.data_received(GOOD[:20])
    with pytest.raises(asyncio.CancelledError):
        await asking
    connection.data_received(GOOD[20:])

    assert wire.closed
    assert not connection.is_usable


async def test_an_answer_that_comes_with_a_cancellation() -> None:
    """The whole answer is there in the moment in which its reader is cancelled: nothing is mixed up."""
    connection, wire = connect()
    asking = asyncio.ensure_future(connection.exchange(b"?"))
    await asyncio.sleep(0)
    asking.cancel()
    connection.data_received(GOOD)
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert not wire.closed
    assert (await ask(connection, GOOD.replace(b"ok", b"me"))).body == b"me"


def test_silence_ends_it_and_a_slow_answer_does_not() -> None:
    async def story() -> None:
        connection, wire = connect()
        asking = asyncio.ensure_future(connection.exchange(b"?", silence=5.0))
        for byte in GOOD:
            await asyncio.sleep(4.9)
            connection.data_received(bytes([byte]))
        assert (await asking).body == b"ok"

        begun = now()
        with pytest.raises(TimeoutError) as caught:
            await connection.exchange(b"?", silence=5.0)
        assert not isinstance(caught.value, HttpError)
        assert now() - begun == pytest.approx(5.0)
        assert wire.closed

    run_virtually(story())


async def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    """asyncio's TLS says that it is open for some turns of the loop, and forgets what is written."""
    connection, wire = connect()
    await ask(connection, GOOD)
    connection.eof_received()

    assert (connection.is_usable, wire.sent) == (False, b"?")


LARGE = {
    "in its body": GOOD.replace(b": 2", b": 99") + b"o" * 50,
    "in a header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99,
    "in its reason": b"HTTP/1.1 200 " + b"O" * 99,
    "in what comes before it": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9,
}


@pytest.mark.parametrize("data", LARGE.values(), ids=LARGE)
async def test_an_answer_that_is_too_large(data: bytes) -> None:
    connection, wire = connect(largest=len(GOOD))
    assert [(await ask(connection, GOOD)).body for _ in range(3)] == [b"ok"] * 3
    with pytest.raises(AnswerError, match="too large"):
        await ask(connection, *(data[start : start + 20] for start in range(0, len(data), 20)))

    assert wire.closed


async def test_without_a_connection_nothing_is_sent() -> None:
    with pytest.raises(NoAnswerError):
        await Connection().exchange(b"?")
    Connection().abort()
    await Connection().wait_closed()
