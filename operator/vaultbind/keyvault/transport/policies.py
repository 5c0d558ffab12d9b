"""Our azure-core policies, from the outermost to the innermost: retry, first call, then one per attempt.

The SDK's own challenge authentication sits between the last two, so that a challenge counts as the request
it is.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, IncompleteReadError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, DistributedTracingPolicy
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.observer import Observer
from vaultbind.keyvault.resilience.clock import Clock
from vaultbind.keyvault.resilience.ratelimit import Priority, TokenBucket
from vaultbind.keyvault.resilience.retry import (
    READ_METHODS,
    Attempt,
    RetryBudget,
    RetryConfig,
    decide_delay,
    parse_retry_after,
)
from vaultbind.keyvault.transport.failures import is_sent, map_exception

Request = PipelineRequest[HttpRequest]
Response = PipelineResponse[HttpRequest, AsyncHttpResponse]
Policy = AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]

CALL = "vaultbind_call"
"""Where a request's Call is in the context that travels with it."""
OWES = "vaultbind_owes"
"""Beside it: whether the vault has been asked and has not answered, or with a failure of its own."""
_THROTTLED = 429
UNAUTHORIZED = 401
_OK = range(200, 300)
_FAILED = 500
_ASKING = frozenset(
    {
        *("encrypt", "decrypt", "sign", "verify", "wrapkey", "unwrapkey"),
        *("attestation", "backup", "release", "rng"),
    }
)
"""Last segments of the routes whose POST changes nothing in the vault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the policies need to know about a request; `name` is the object's, for errors only."""

    kind: str
    method: str
    route: str
    name: str | None = None
    priority: Priority = Priority.FRESH

    @property
    def changes(self) -> bool:
        """Whether the call may change something in the vault, so that what was read before is stale."""
        if self.method in READ_METHODS:
            return False
        return self.method != "POST" or self.route.rpartition("/")[2] not in _ASKING


class RetryPolicy(Policy):
    """The only layer that repeats a request."""

    def __init__(
        self,
        config: RetryConfig,
        clock: Clock,
        random: Callable[[], float],
        observer: Observer,
        budget: RetryBudget,
    ) -> None:
        """`random` gives numbers from 0 to 1."""
        super().__init__()
        self._config = config
        self._budget = budget
        self._clock = clock
        self._random = random
        self._observer = observer

    async def send(self, request: Request) -> Response:
        """Send until it works or `decide_delay` says stop; return the last answer or raise the last error."""
        call: Call = request.context[CALL]
        started = self._clock.monotonic()
        self._budget.earn()
        number = 1
        while True:
            response, error = await self._attempt(request)
            if response is not None and response.http_response.status_code in _OK:
                return response
            delay = self._decide(call, number, self._clock.monotonic() - started, response, error)
            if delay is None or not self._budget.spend():
                break
            self._observer.retry(call.kind, call.method, call.route, _reason(response, error), delay)
            await self._clock.sleep(delay)
            number += 1
        if error is not None:
            raise error
        assert response is not None  # noqa: S101 - an attempt ends in one of the two
        return response

    async def _attempt(self, request: Request) -> tuple[Response | None, AzureError | None]:
        try:
            return await self.next.send(request), None
        except (ServiceRequestError, ServiceResponseError, IncompleteReadError) as error:
            return None, error

    def _decide(
        self, call: Call, number: int, elapsed: float, response: Response | None, error: AzureError | None
    ) -> float | None:
        status = response.http_response.status_code if response is not None else None
        header = response.http_response.headers.get("Retry-After") if response is not None else None
        attempt = Attempt(
            number=number,
            method=call.method,
            repeatable=not call.changes,
            elapsed=elapsed,
            status=status,
            sent=error is None or is_sent(error),
            timed_out=error is not None and _is_timeout(error),
            retry_after=parse_retry_after(header, self._clock.time()),
        )
        return decide_delay(self._config, attempt, self._random)


@dataclass(slots=True)
class FirstCall:
    """What is known of how one identity authenticates to one vault; its clients may share it."""

    known: bool = False
    under_way: asyncio.Event | None = None


class FirstCallPolicy(Policy):
    """Lets one request find out how to authenticate while the others wait: one challenge, not a hundred.

    When that first request fails, those who waited go on by themselves, so a dead vault costs nobody two
    timeouts.
    """

    def __init__(
        self,
        transport: AsyncHttpTransport[HttpRequest, AsyncHttpResponse],
        first_call: FirstCall,
    ) -> None:
        """`transport` is the one at the pipeline's end."""
        super().__init__()
        self._transport = transport
        self._call = first_call

    async def send(self, request: Request) -> Response:
        """Pass on, alone or after the first call."""
        if self._call.known:
            return await self.next.send(request)
        # A transport that cannot be used is no fault of the identity, whose request for a token comes first.
        await self._transport.open()
        if self._call.under_way is not None:
            await self._call.under_way.wait()
            return await self.next.send(request)
        self._call.under_way = asyncio.Event()
        try:
            response = await self.next.send(request)
            self._call.known = response.http_response.status_code != UNAUTHORIZED
        finally:
            self._call.under_way.set()
            self._call.under_way = None
        return response


class OpenPolicy(Policy):
    """Sends nothing for a client that was closed while the call waited: its credential may be closed, too."""

    def __init__(self, check_open: Callable[[str | None], None]) -> None:
        """`check_open` is given the object's name, and raises KeyVaultError once the client is closed."""
        super().__init__()
        self._check_open = check_open

    async def send(self, request: Request) -> Response:
        """Pass on, before a token is asked for; raises what `check_open` raises."""
        self._check_open(request.context[CALL].name)
        return await self.next.send(request)


class SpanPolicy(DistributedTracingPolicy[Any, Any]):
    """azure-core's own span of every attempt, whatever azure-core's global settings say."""

    def on_request(self, request: Request) -> None:
        """Begin a span."""
        request.context.options["tracing_options"] = {"enabled": True}
        super().on_request(request)


class AttemptPolicy(Policy):
    """Counts, limits and times every request that goes over the wire, challenges included."""

    def __init__(self, limiter: TokenBucket, clock: Clock, observer: Observer) -> None:
        """One per vault, as the limiter is."""
        super().__init__()
        self._limiter = limiter
        self._clock = clock
        self._observer = observer

    async def send(self, request: Request) -> Response:
        """Take a token and send; raises KeyVaultError (RATE_LIMITED) when the token would take too long."""
        call: Call = request.context[CALL]
        await self._limiter.acquire(call.priority)
        started = self._clock.monotonic()
        status = 0
        request.context[OWES] = True
        try:
            response = await self.next.send(request)
            status = response.http_response.status_code
            request.context[OWES] = status >= _FAILED
        finally:
            seconds = self._clock.monotonic() - started
            self._observer.request(call.kind, call.method, call.route, status, seconds)
        self._adapt(status, response)
        return response

    def _adapt(self, status: int, response: Response) -> None:
        """Leave a vault alone that says 429: as long as it says, else 1, 2, 4, 8, 16 s."""
        if status != _THROTTLED:
            self._limiter.note_answer()
            return
        header = response.http_response.headers.get("Retry-After")
        pause = parse_retry_after(header, self._clock.time())
        if pause is None:
            self._limiter.back_off()
        else:
            self._limiter.pause_until(self._clock.monotonic() + pause)


def _is_timeout(error: AzureError) -> bool:
    return map_exception(error, object_name=None).kind is KeyVaultErrorKind.TIMEOUT


def _reason(response: Response | None, error: AzureError | None) -> str:
    if response is not None:
        return str(response.http_response.status_code)
    return map_exception(error, object_name=None).code if error is not None else KeyVaultError.__name__
