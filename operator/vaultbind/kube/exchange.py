"""One request to the API server and its whole answer, by the straight way or through a proxy."""

import asyncio
import io
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import aiohttp
import yarl

from vaultbind import __version__
from vaultbind.http1 import LARGEST_ANSWER, Answer, Origin, Pool, TooLargeError, render_request, unpack_body
from vaultbind.kube.error_mapping import Call
from vaultbind.kube.tokens import TokenSource

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for a TCP and TLS handshake."""
KEEP_ALIVE: Final = 30.0
"""Seconds for which an unused connection is kept; an API server keeps it for 90."""
LARGE_BODY: Final = 2**20
"""Bytes above which aiohttp wants to get a body piece by piece."""
USER_AGENT: Final = f"vaultbind/{__version__}"
UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Request:
    """One request, ready to be sent once or twice. Its repr leaves out the body: it may be a Secret.

    `target` is path and query below the server's address, encoded.
    """

    call: Call
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None = None
    check: Callable[[], None] | None = None
    """Called right before it is sent, each time; raises KubeError where it may not be.

    Through a proxy it is called before a connection is waited for.
    """

    def __repr__(self) -> str:
        return f"Request({self.call})"


class Exchange(Protocol):
    """A way to the API server."""

    async def __call__(self, request: Request, *, seconds: float) -> Answer:
        """Send a request, signed, and return its answer, all within `seconds`.

        Raises TimeoutError, TooLargeError and other OSErrors, and aiohttp.ClientError. Redirects are answers:
        a token must not follow.
        """

    async def aclose(self) -> None:
        """Close what is open."""


class DirectExchange:
    """Over connections of our own."""

    def __init__(
        self,
        server: str,
        *,
        tokens: TokenSource,
        tls: ssl.SSLContext | None,
        server_name: str | None,
        limit: int,
        largest: int = LARGEST_ANSWER,
    ) -> None:
        """`limit` requests are under way at a time; an answer has `largest` bytes at most."""
        url = yarl.URL(server)
        self._prefix = url.raw_path.rstrip("/")
        self._host = url.host_port_subcomponent or ""
        self._origin = Origin(url.host or "", url.port or 0, server_name or "")
        self._tokens = tokens
        if tls is None and url.scheme == "https":
            tls = ssl.create_default_context()
        self._pool = Pool(
            tls=tls,
            limit=limit,
            keep_alive=KEEP_ALIVE,
            connect_timeout=CONNECT_TIMEOUT,
            largest=largest,
        )

    async def __call__(self, request: Request, *, seconds: float) -> Answer:
        """Send it; once more with another token where the first is refused."""
        async with asyncio.timeout(seconds):
            used = await self._tokens.authorization()
            answer = await self._send(request, used)
            if answer.status == UNAUTHORIZED and await self._tokens.renew(used):
                renewed = await self._tokens.authorization()
                answer = await self._send(request, renewed)
            return replace(answer, body=unpack_body(answer)) if answer.header("Content-Encoding") else answer

    async def aclose(self) -> None:
        """Close the pool."""
        await self._pool.aclose()

    async def _send(self, request: Request, authorization: str) -> Answer:
        rendered = self._render(request, authorization)
        return await self._pool.exchange(self._origin, rendered, check=request.check)

    def _render(self, request: Request, authorization: str) -> bytes:
        headers = {"User-Agent": USER_AGENT, **request.headers}
        if authorization:
            headers["Authorization"] = authorization
        target = f"{self._prefix}{request.target}"
        return render_request(request.method, target, host=self._host, headers=headers, body=request.body)


class SessionExchange:
    """Over aiohttp, which speaks to proxies; its session belongs to the connection."""

    def __init__(
        self,
        server: str,
        session: aiohttp.ClientSession,
        *,
        authorize: aiohttp.ClientMiddlewareType,
        largest: int = LARGEST_ANSWER,
    ) -> None:
        """`authorize` signs; an answer has `largest` bytes at most."""
        self._server = server
        self._session = session
        self._authorize = authorize
        self._largest = largest

    async def __call__(self, request: Request, *, seconds: float) -> Answer:
        """Send it."""
        body = request.body
        response = await self._session.request(
            request.method,
            yarl.URL(f"{self._server}{request.target}", encoded=True),
            data=io.BytesIO(body) if body is not None and len(body) > LARGE_BODY else body,
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_TIMEOUT),
            allow_redirects=False,
            middlewares=(self._authorize, _asking(request.check)),
        )
        return await read_answer(response, largest=self._largest)

    async def aclose(self) -> None:
        """Leave the session to its owner."""


def _asking(check: Callable[[], None] | None) -> aiohttp.ClientMiddlewareType:
    """Middleware below the one that signs: its request has the token that it had to wait for."""

    async def ask(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if check is not None:
            check()
        return await handler(request)

    return ask


async def read_answer(response: aiohttp.ClientResponse, *, largest: int = LARGEST_ANSWER) -> Answer:
    """Read the whole answer of a session; raises TooLargeError beyond `largest` bytes."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > largest:
            response.close()
            raise TooLargeError(largest)
    return Answer(
        status=response.status,
        reason=response.reason or "",
        raw_headers=tuple(response.raw_headers),
        body=bytes(body),
    )
