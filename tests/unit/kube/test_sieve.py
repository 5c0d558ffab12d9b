"""What is known already does not reach the reader; whatever else comes, does."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.kube.api_stub import Answer, ApiStub, json_answer, raw_answer, rig, stream_answer
from tests.unit.kube.virtual_time import run_virtually
from vaultbind.kube.sieve import FirstLists, Listed, _SievedStream, is_kept, sieve_list, sieved_by


def is_wanted(event_type: str | None, obj: Mapping[str, Any]) -> bool:
    """Anything but what is marked as known."""
    _ = event_type
    return not obj.get("known")


def line(event_type: str, **obj: Any) -> bytes:
    return orjson.dumps({"type": event_type, "object": {"kind": "VaultBinding", **obj}})


LINES = [
    pytest.param(line("ADDED", known=True), False, id="known"),
    pytest.param(line("MODIFIED", known=True), False, id="an echo"),
    pytest.param(line("DELETED", known=True), False, id="a known end: the judge decides"),
    pytest.param(line("ADDED"), True, id="new"),
    pytest.param(line("BOOKMARK", known=True), True, id="a bookmark carries the version to go on from"),
    pytest.param(line("ERROR", known=True), True, id="an error"),
    pytest.param(b'{"type":"ADDED","obj', True, id="no JSON"),
    pytest.param(b"[]", True, id="no event"),
    pytest.param(b"", True, id="an empty line"),
]


@pytest.mark.parametrize(("text", "kept"), LINES)
def test_lines_of_a_watch(text: bytes, *, kept: bool) -> None:
    assert is_kept(text, is_wanted) is kept


def test_items_of_a_list_are_judged_with_their_kind_and_given_as_they_are() -> None:
    judged: list[Any] = []

    def keep(event_type: str | None, obj: Mapping[str, Any]) -> bool:
        judged.append((event_type, obj["kind"]))
        return is_wanted(event_type, obj)

    answer = {"kind": "CryptoJobList", "metadata": {"continue": "x"}, "items": [{"a": 1}, {"known": True}]}
    assert sieve_list(answer, keep) == {**answer, "items": [{"a": 1}]}
    assert judged == [(None, "CryptoJob")] * 2


class Body:
    """A body in chunks."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = chunks
        self.total_bytes = 7

    async def iter_chunked(self, _: int) -> Any:
        for chunk in self.chunks:
            yield chunk


@given(st.lists(st.booleans(), max_size=6), st.lists(st.integers(0, 400), max_size=8), st.booleans())
def test_however_the_network_cuts(known: list[bool], cuts: list[int], cut_off: bool) -> None:
    lines = [line("MODIFIED", known=flag, number=number) + b"\n" for number, flag in enumerate(known)]
    rest = b'{"type":"ADD' if cut_off else b""
    body = b"".join(lines) + rest
    edges = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    chunks = [body[start:end] for start, end in itertools.pairwise(edges)]

    async def story() -> None:
        stream = _SievedStream(cast("aiohttp.StreamReader", Body(chunks)), is_wanted)
        found = [piece async for piece in stream.iter_chunked(9)]
        wanted = [text for text, flag in zip(lines, known, strict=True) if not flag]
        assert b"".join(found) == b"".join(wanted) + rest
        assert all(piece.endswith(b"\n") for piece in found[: len(found) - cut_off])
        assert stream.total_bytes == 7

    run_virtually(story())


async def get(answer: Answer, *, watch: bool = False) -> Any:
    """What a session with a sieve shows: parsed JSON, or the lines of a watch."""
    async with (
        rig(answer) as it,
        it.client.connection.open_session(sieved_by(is_wanted)) as session,
        session.get(f"{it.client.server}/x", params={"watch": "true"} if watch else {}) as response,
    ):
        if not watch or response.status != 200:
            return await response.json()
        return [piece async for piece in response.content.iter_chunked(100)]


LIST = {"kind": "VaultBindingList", "items": [{"known": True}, {"a": 1}]}


async def test_a_session_with_a_sieve() -> None:
    assert await get(json_answer(LIST)) == {**LIST, "items": [{"a": 1}]}
    assert await get(json_answer({"kind": "APIResourceList"})) == {"kind": "APIResourceList"}
    both = line("ADDED", known=True) + b"\n" + line("ADDED") + b"\n"
    assert await get(stream_answer(both), watch=True) == [line("ADDED") + b"\n"]


async def test_a_refusal_of_a_watch_is_not_sieved() -> None:
    assert await get(raw_answer(b'{"kind":"Status"}', status=403), watch=True) == {"kind": "Status"}


# -- the first list ---------------------------------------------------------------------------------


class Reader:
    """Lists as Kopf does."""

    def __init__(self, session: aiohttp.ClientSession, server: str, stub: ApiStub) -> None:
        self._session, self._server, self._stub = session, server, stub

    async def first_page(self, path: str = "/bindings", **query: str) -> Any:
        """The parsed answer, or the status of a refusal."""
        query = {"limit": "500"} | query
        async with self._session.get(f"{self._server}{path}", params=query) as response:
            return await response.json() if response.status == 200 else response.status

    @property
    def asked(self) -> list[dict[str, str]]:
        """The queries that came to the server."""
        return [seen.query for seen in self._stub.seen]


@asynccontextmanager
async def reader(first: FirstLists, *answers: Answer) -> AsyncIterator[Reader]:
    async with (
        rig(*answers) as it,
        it.client.connection.open_session(sieved_by(is_wanted), first.ask) as session,
    ):
        yield Reader(session, it.client.server, it.stub)


THEIRS = {"kind": "VaultBindingList", "metadata": {"resourceVersion": "9", "continue": "x"}, "items": [{}]}
OURS = {"kind": "VaultBindingList", "metadata": {"resourceVersion": "7"}, "items": [{"known": True, "a": 1}]}


def offering(path: str = "/bindings") -> FirstLists:
    first = FirstLists([path])
    first.offer({path: Listed(version="7", items=[{"known": True, "a": 1}])})
    return first


@pytest.mark.parametrize("prefix", ["", "/k8s/clusters/c-1"])
async def test_our_list_stands_in_for_the_first_one_and_costs_a_single_object(prefix: str) -> None:
    async with reader(offering(), json_answer(THEIRS)) as kopf:
        assert await kopf.first_page(f"{prefix}/bindings") == OURS
        assert await kopf.first_page(f"{prefix}/bindings") == THEIRS, "once: what comes later is a list anew"
        assert kopf.asked == [{"limit": "1"}, {"limit": "500"}]


async def test_our_list_stands_in_until_an_answer_has_come_whole() -> None:
    refused = json_answer({}, status=503)
    async with reader(offering(), refused, cut_in_the_body, json_answer(THEIRS)) as kopf:
        assert await kopf.first_page() == 503
        with pytest.raises(aiohttp.ClientError):
            await kopf.first_page()
        assert await kopf.first_page() == OURS


async def cut_in_the_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.abort()
    return response


async def test_two_that_ask_at_once_get_the_same() -> None:
    async with reader(offering(), json_answer(THEIRS)) as kopf:
        both = await asyncio.gather(kopf.first_page(), kopf.first_page())
        assert list(both) == [OURS, OURS]


async def test_other_lists_and_later_pages_are_the_server_s() -> None:
    async with reader(offering("/keyvaults"), json_answer(THEIRS)) as kopf:
        assert await kopf.first_page() == THEIRS
        assert await kopf.first_page("/keyvaults", **{"continue": "x"}) == THEIRS
        assert kopf.asked == [{"limit": "500"}, {"limit": "500", "continue": "x"}]


async def test_the_request_goes_out_at_once_and_only_its_answer_waits_for_ours() -> None:
    """So that the reader's timeout, which ends with the body, counts the server's time alone."""
    first, asked = FirstLists(["/bindings"]), asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        asked.set()
        return web.json_response(THEIRS)

    async with reader(first, answer) as kopf:
        listing = asyncio.create_task(kopf.first_page())
        await asked.wait()
        async with kopf._session.get(f"{kopf._server}/apis") as response:
            assert response.status == 200
        assert not listing.done()
        first.offer({"/bindings": Listed(version="7", items=[{"known": True, "a": 1}])})
        assert await listing == OURS
