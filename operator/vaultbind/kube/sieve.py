"""Lists and watches with what is known already taken out, for a reader to whom each object is dear.

Kopf brings every object and event through a queue, a task and a chain of filters of its own, a quarter of a
millisecond each, and keeps the last state of each. Our list has the objects before, and the answers to our
own writes are the later events: what passes here is what nobody knows yet.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeGuard, cast

import aiohttp
import orjson

from vaultbind.kube.session import Handler, OrjsonResponse

Keep = Callable[[str | None, Mapping[str, Any]], bool]
"""Tells by type (None: of a list) and object whether the reader is to see it."""

_OF_OBJECTS: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})
_REFUSED: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list that we have made: the version to watch from, and what of it the reader is to see."""

    version: str
    items: Sequence[Mapping[str, Any]] = ()


class FirstLists:
    """Our lists in the place of the reader's first ones, each once.

    The reader watches on from the version of our list, so that no change falls between the two. Its request
    goes out at once, for a single object; the answer waits for our lists, under no timeout of the reader's.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        """`paths` are those of all lists that will be offered."""
        self._awaited = set(paths)
        self._known: Mapping[str, Listed] = {}
        self._ready = asyncio.Event()

    def offer(self, known: Mapping[str, Listed]) -> None:
        """Take all lists, by their paths."""
        self._known = known
        self._ready.set()

    async def ask(self, request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        """Middleware: ask for a single object where our list will be the answer."""
        path = self._find(request)
        if path is not None:
            request.url = request.url.update_query(limit="1")
        response = await handler(request)
        if path is not None:
            cast("_Response", response).listed = partial(self._take, path)
        return response

    def _find(self, request: aiohttp.ClientRequest) -> str | None:
        """The path of a first page; the address of a server may have a path of its own before it."""
        if "limit" not in request.url.query or "continue" in request.url.query:
            return None
        return next((path for path in self._awaited if request.url.path.endswith(path)), None)

    async def _take(self, path: str) -> Listed:
        await self._ready.wait()
        self._awaited.discard(path)
        return self._known[path]


class _Response(OrjsonResponse):
    listed: Callable[[], Awaitable[Listed]] | None = None
    """Brings what stands in the place of the body."""


def sieved_by(keep: Keep) -> type[OrjsonResponse]:
    """Make the class of responses of a session whose reader sees only what `keep` lets through."""

    class SievedResponse(_Response):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            """Read the head; the body of a watch is sieved line by line."""
            await super().start(connection)
            if self.status < _REFUSED and self.url.query.get("watch") == "true":
                self.content = cast("aiohttp.StreamReader", _SievedStream(self.content, keep))
            return self

        async def json(self, **options: Any) -> Any:
            """Parse the body; a list is sieved."""
            answer = await super().json(**options)
            if not _is_list(answer):
                return answer
            if self.listed is None:
                return sieve_list(answer, keep)
            ours = await self.listed()
            return {**answer, "metadata": {"resourceVersion": ours.version}, "items": list(ours.items)}

    return SievedResponse


def _is_list(answer: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(answer, dict) and isinstance(answer.get("items"), list)


def sieve_list(answer: dict[str, Any], keep: Keep) -> dict[str, Any]:
    """Leave out items of a list."""
    kind = str(answer.get("kind", "")).removesuffix("List")
    return {**answer, "items": [item for item in answer["items"] if keep(None, {"kind": kind, **item})]}


def is_kept(line: bytes, keep: Keep) -> bool:
    """Judge one line of a watch; what is no event of an object is for the reader to understand."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return True
    if not isinstance(event, dict) or event.get("type") not in _OF_OBJECTS:
        return True
    return keep(event["type"], event["object"])


class _SievedStream:
    """A body of lines; whatever else is asked of it, the stream below answers."""

    def __init__(self, below: aiohttp.StreamReader, keep: Keep) -> None:
        self._below = below
        self._keep = keep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Whole lines, as many as came at once; what a cut connection left of a line comes last."""
        rest = b""
        async for chunk in self._below.iter_chunked(size):
            *lines, rest = (rest + chunk).split(b"\n")
            kept = [line for line in lines if is_kept(line, self._keep)]
            if kept:
                yield b"\n".join([*kept, b""])
        if rest:
            yield rest
