"""One request to the API server: sent, answered, counted, and tried a second time where that is safe."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import aiohttp
import orjson
import yarl

from vaultbind.http1 import Answer
from vaultbind.kube.error_mapping import Call, parse_exception, parse_not_json, parse_status_error
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.exchange import CONNECT_TIMEOUT, Request, read_answer
from vaultbind.kube.observer import KubeObserver
from vaultbind.kube.session import KubeConnection
from vaultbind.kube.watch_stream import read_events

LONGEST_WAIT: Final = 1.5
"""A Retry-After of up to this many seconds is waited for once; a longer one goes to the caller."""

_READS: Final = frozenset({"get", "list"})
_FAILED: Final = 300
"""Redirects are failures, too: no API server sends one, and a token must not follow."""


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
        self._connection = connection
        self._observer = observer
        self._timeout = request_timeout
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
        with self._counted(request.call) as count:
            response = await self._open(request, silence)
            count(response.status)
            if response.status >= _FAILED:
                raise _refusal(request.call, await read_answer(response))
        events = read_events(request.call, response.content)
        try:
            yield events
        finally:
            await events.aclose()
            response.close()

    async def _exchange_once(self, request: Request) -> dict[str, Any]:
        with self._counted(request.call) as count:
            self._check_open(request.call)
            answer = await self._connection.exchange(request, seconds=self._timeout)
            count(answer.status)
        if answer.status >= _FAILED:
            raise _refusal(request.call, answer)
        return _json_object(request.call, answer)

    async def _open(self, request: Request, silence: float) -> aiohttp.ClientResponse:
        self._check_open(request.call)
        return await self._connection.session.request(
            request.method,
            yarl.URL(f"{self._connection.server}{request.target}", encoded=True),
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence),
            allow_redirects=False,
        )

    def _check_open(self, call: Call) -> None:
        if self._connection.session.closed:
            raise KubeError(KubeErrorKind.UNREACHABLE, f"{call}: the client is closed")

    @contextmanager
    def _counted(self, call: Call) -> Iterator[Callable[[int], None]]:
        """Translate the network's exceptions and tell the observer the status, 0 where none came.

        What was held back, by a KubeError before any status, is no request that was answered or was not.
        """
        status, start, sent = 0, self._clock(), True

        def count(answered: int) -> None:
            nonlocal status
            status = answered

        try:
            yield count
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise parse_exception(call, error) from error
        except KubeError:
            sent = status > 0
            raise
        finally:
            if sent:
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


def _refusal(call: Call, answer: Answer) -> KubeError:
    retry_after = answer.header("Retry-After")
    return parse_status_error(call, answer.status, answer.body, retry_after=retry_after)


def _json_object(call: Call, answer: Answer) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise parse_not_json(call, answer.status)
    return found
