from itertools import pairwise
from typing import cast

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.kube.virtual_time import run_virtually
from vaultbind.kube.error_mapping import Call
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import SECRETS
from vaultbind.kube.watch_stream import read_events

CALL = Call(verb="watch", resource=SECRETS)


class Content:
    """Chunks of a body, then perhaps an error."""

    def __init__(self, chunks: list[bytes], error: Exception | None = None) -> None:
        self.chunks = chunks
        self.error = error

    def iter_any(self) -> "Content":
        return self

    def __aiter__(self) -> "Content":
        return self

    async def __anext__(self) -> bytes:
        if self.chunks:
            return self.chunks.pop(0)
        if self.error:
            raise self.error
        raise StopAsyncIteration


async def names(chunks: list[bytes], error: Exception | None = None) -> list[str]:
    content = cast("aiohttp.StreamReader", Content(chunks, error))
    return [event["object"]["name"] async for event in read_events(CALL, content)]


def line(name: str) -> bytes:
    return b'{"type":"ADDED","object":{"name":"%s"}}\n' % name.encode()


@given(st.lists(st.text(alphabet="abc", max_size=9), max_size=5), st.lists(st.integers(0, 300), max_size=8))
def test_however_the_network_cuts(words: list[str], cuts: list[int]) -> None:
    body = b"".join(map(line, words))
    edges = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    chunks = [body[start:end] for start, end in pairwise(edges)]

    async def story() -> None:
        assert words == await names(chunks)

    run_virtually(story())


async def test_empty_lines_are_skipped_and_a_cut_last_line_is_dropped() -> None:
    assert await names([b"\n \n" + line("a") + b"\n", line("b")[:-5]]) == ["a"]


@pytest.mark.parametrize("body", [b"<html>\n", b"[]\n", b"{}\n", b'{"object":1}\n'])
async def test_what_is_no_event_is_an_error(body: bytes) -> None:
    with pytest.raises(KubeError) as caught:
        await names([body])

    assert caught.value.kind is KubeErrorKind.SERVER_ERROR


async def test_an_event_that_is_too_large_ends_the_watch() -> None:
    chunks = [line("a"), b"x" * 600, b"x" * 401]
    content = cast("aiohttp.StreamReader", Content(chunks))
    events = read_events(CALL, content, largest=1000)
    assert (await anext(events))["object"]["name"] == "a"
    with pytest.raises(KubeError, match="too large") as caught:
        await anext(events)

    assert caught.value.kind is KubeErrorKind.SERVER_ERROR
    assert await names([line("a"), b" " * 600, b"\n", b" " * 600, b"\n", line("b")]) == ["a", "b"]


async def test_events_that_are_many_are_not_large() -> None:
    chunks = [half for word in "abcde" for half in (line(word)[:20], line(word)[20:])]
    content = cast("aiohttp.StreamReader", Content(chunks))
    assert len([event async for event in read_events(CALL, content, largest=50)]) == 5


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        pytest.param(TimeoutError(), KubeErrorKind.TIMEOUT, id="silence"),
        pytest.param(aiohttp.ClientPayloadError(), KubeErrorKind.UNREACHABLE, id="cut"),
        pytest.param(ConnectionResetError(), KubeErrorKind.UNREACHABLE, id="reset"),
    ],
)
async def test_errors_of_the_stream(raised: Exception, kind: KubeErrorKind) -> None:
    with pytest.raises(KubeError) as caught:
        await names([line("a")], raised)

    assert caught.value.kind is kind
