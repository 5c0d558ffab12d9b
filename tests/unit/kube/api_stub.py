"""A small HTTP server that answers as told, and a client for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from vaultbind.http1 import LARGEST_ANSWER
from vaultbind.kube.client import KubeClient
from vaultbind.kube.observer import NullKubeObserver
from vaultbind.kube.session import POOL_LIMIT, open_connection
from vaultbind.kube.tokens import NoToken, TokenSource
from vaultbind.kube.wire import Wire

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True, kw_only=True)
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class ApiStub:
    """Answers requests in turn; the last answer stays."""

    answers: list[Answer] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(
            Seen(
                method=request.method,
                path=request.raw_path.partition("?")[0],
                query=dict(request.query),
                headers=dict(request.headers),
                body=await request.read(),
            )
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


class Counter(NullKubeObserver):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, int]] = []
        self.ends: list[tuple[str, str]] = []

    def request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((verb, resource, status))

    def watch_ended(self, resource: str, cause: str) -> None:
        self.ends.append((resource, cause))


@dataclass(slots=True, kw_only=True)
class Rig:
    """Client and server of one test; `pauses` are the seconds that the client wanted to wait."""

    stub: ApiStub
    client: KubeClient
    counter: Counter
    pauses: list[float]


@asynccontextmanager
async def rig(
    *answers: Answer,
    tokens: TokenSource | None = None,
    request_timeout: float = 60.0,
    largest: int = LARGEST_ANSWER,
    pool_limit: int = POOL_LIMIT,
    is_proxy: bool = False,
) -> AsyncIterator[Rig]:
    """With plain HTTP a proxy gets the whole address, and answers here itself."""
    stub, counter, pauses = ApiStub(answers=list(answers)), Counter(), []
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", stub.handle)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with TestServer(app) as server:
        url = str(server.make_url(""))
        connection = open_connection(
            server="http://api.example" if is_proxy else url,
            proxy=url if is_proxy else None,
            tokens=tokens or NoToken(),
            largest=largest,
            pool_limit=pool_limit,
        )
        wire = Wire(connection, observer=counter, request_timeout=request_timeout, pause=pause)
        async with KubeClient(connection, observer=counter, wire=wire) as client:
            yield Rig(stub=stub, client=client, counter=counter, pauses=pauses)


def json_answer(body: Any, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return answer


def raw_answer(body: bytes, status: int = 200) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status)

    return answer


def cut_answer() -> Answer:
    """Closes the connection without an answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return answer


def stream_answer(*chunks: bytes, then: Callable[[], Awaitable[None]] | None = None) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if then is not None:
            await then()
        return response

    return answer
