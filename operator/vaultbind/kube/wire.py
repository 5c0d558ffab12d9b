"""One request to the API server: sent, answered, counted, and tried a second time where that is safe."""

import asyncio
import io
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson
import yarl

from vaultbind.kube.error_mapping import Call, parse_exception, parse_not_json, parse_status_error
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.observer import KubeObserver
from vaultbind.kube.session import KubeConnection
from vaultbind.kube.watch_stream import read_events

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for a TCP and TLS handshake."""
LARGE_BODY: Final = 2**20
"""Bytes above which a body is sent piece by piece."""
LONGEST_WAIT: Final = 1.5
"""A Retry-After of up to this many seconds is waited for once; a longer one goes to the caller."""

_READS: Final = frozenset({"get", "list"})
_FAILED: Final = 300
"""Redirects are failures, too: no API server sends one, and a token must not follow."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Request:
    """One request, ready to be sent once or twice. Its repr leaves out the body: it may be a Secret."""

    call: Call
    method: str
    url: yarl.URL
    headers: Mapping[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"Request({self.call})"


class Wire:
    """Sends requests over a connection; raises `KubeError` and nothing else of the network."""

    def __init__(
        self,
        connection: KubeConnection,
        *,
        observer: KubeObserver,
        request_timeout: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = connection.session
        self._observer = observer
        self._timeout = aiohttp.ClientTimeout(total=request_timeout, sock_connect=CONNECT_TIMEOUT)
        self._clock = clock
        self._pause = pause

    async def exchange(self, request: Request) -> dict[str, Any]:
        """Send it, and once more where that is safe; return the answer's JSON object."""
        try:
            return await self._exchange_once(request)
        except KubeError as error:
            delay = decide_second_try(request.call.verb, error)
            if delay is None:
                raise
        await self._pause(delay * random.uniform(1.0, 1.25))
        return await self._exchange_once(request)

    @asynccontextmanager
    async def stream(
        self, request: Request, *, silence: float
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Open a watch and give its events; `silence` is the longest time without a byte, in seconds."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence)
        async with self._counted(request.call) as count:
            response = await self._send(request, limits)
            count(response.status)
            if response.status >= _FAILED:
                raise _refusal(request.call, response, await response.read())
        events = read_events(request.call, response.content)
        try:
            yield events
        finally:
            await events.aclose()
            response.close()

    async def _exchange_once(self, request: Request) -> dict[str, Any]:
        async with self._counted(request.call) as count:
            response = await self._send(request, self._timeout)
            count(response.status)
            body = await response.read()
        if response.status >= _FAILED:
            raise _refusal(request.call, response, body)
        return _json_object(request.call, response.status, body)

    async def _send(self, request: Request, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        if self._session.closed:
            raise KubeError(KubeErrorKind.UNREACHABLE, f"{request.call}: the client is closed")
        return await self._session.request(
            request.method,
            request.url,
            data=_streamed(request.body),
            headers=request.headers,
            timeout=limits,
            allow_redirects=False,
        )

    @asynccontextmanager
    async def _counted(self, call: Call) -> AsyncIterator[Callable[[int], None]]:
        """Translate the network's exceptions and tell the observer the status, 0 where none came."""
        status, start = 0, self._clock()

        def count(answered: int) -> None:
            nonlocal status
            status = answered

        try:
            yield count
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise parse_exception(call, error) from error
        finally:
            self._observer.request(call.verb, call.plural, status, self._clock() - start)


def decide_second_try(verb: str, error: KubeError) -> float | None:
    """Seconds after which to try once more, or None.

    A 429 says that the server has not begun; a read may always be repeated.
    """
    if error.kind is KubeErrorKind.THROTTLED:
        wait = error.retry_after if error.retry_after is not None else 1.0
        return wait if wait <= LONGEST_WAIT else None
    if error.kind is KubeErrorKind.UNREACHABLE and verb in _READS:
        return 0.0
    return None


def _streamed(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body piece by piece: sent at once it would hold up the event loop, and aiohttp says so."""
    return io.BytesIO(body) if body is not None and len(body) > LARGE_BODY else body


def _refusal(call: Call, response: aiohttp.ClientResponse, body: bytes) -> KubeError:
    return parse_status_error(call, response.status, body, retry_after=response.headers.get("Retry-After"))


def _json_object(call: Call, status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise parse_not_json(call, status)
    return answer
