"""One vault's way to the wire: azure-core's pipeline with the SDK's authentication and our policies.

One pipeline serves all three kinds of objects, so a vault costs one challenge and one token. The list of
policies is short on purpose: what the SDK's own clients add per call costs more than all the rest of a call.
"""

import asyncio
import math
import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from azure.core.credentials_async import AsyncTokenProvider
from azure.core.exceptions import AzureError
from azure.core.pipeline import AsyncPipeline, PipelineContext, PipelineRequest
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from vaultbind.keyvault.cache.manager import ReadCache
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.errors import CLIENT_CLOSED, KeyVaultError, KeyVaultErrorKind, client_closed
from vaultbind.keyvault.observer import Observer
from vaultbind.keyvault.resilience.breaker import Breaker, BreakerState
from vaultbind.keyvault.resilience.clock import Clock
from vaultbind.keyvault.resilience.ratelimit import TokenBucket
from vaultbind.keyvault.resilience.retry import RetryBudget
from vaultbind.keyvault.transport.challenge import ChallengePolicy
from vaultbind.keyvault.transport.failures import map_exception, map_response, parse_date
from vaultbind.keyvault.transport.hints import tell_way
from vaultbind.keyvault.transport.policies import (
    CALL,
    OWES,
    AttemptPolicy,
    Call,
    FirstCall,
    FirstCallPolicy,
    OpenPolicy,
    RetryPolicy,
    SpanPolicy,
)
from vaultbind.keyvault.types.common import ObjectKind
from vaultbind.keyvault.validation import HTTPS_PORT, parse_vault_url

_OK = range(200, 300)
_RAW_PATH = re.compile(r"/(?:deleted)?(secret|key|certificate)s(?:/[0-9A-Za-z-]*)*")
_VAULT_FAILED = frozenset(
    {KeyVaultErrorKind.TIMEOUT, KeyVaultErrorKind.UNREACHABLE, KeyVaultErrorKind.SERVER_ERROR}
)
_VAULT_NOT_ASKED = frozenset({KeyVaultErrorKind.RATE_LIMITED, KeyVaultErrorKind.AUTHENTICATION_FAILED})
_NO_TURN = "NotAskedInTime"
_NO_FAULT = frozenset({_NO_TURN, CLIENT_CLOSED})
"""Codes of errors that say nothing about the vault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How a request went that was sent to see how it goes.

    `seconds` from sending to the answer; `skew`: how far the other side's clock is ahead, in seconds and to
    half a second at best, None when it told no time.
    """

    error: KeyVaultError | None
    seconds: float
    skew: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultState:
    """What is known of a vault and kept from it, which its clients may share; `first_call` per identity."""

    limiter: TokenBucket
    breaker: Breaker
    retry_budget: RetryBudget
    first_call: FirstCall


class VaultPipeline:
    """Sends a vault's requests and returns the bodies of good answers; everything else is a KeyVaultError."""

    def __init__(
        self,
        config: KeyVaultConfig,
        *,
        credential: AsyncTokenProvider,
        transport: AsyncHttpTransport[HttpRequest, AsyncHttpResponse],
        state: VaultState,
        observer: Observer,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
        cache: ReadCache | None = None,
    ) -> None:
        """`state` is this vault's; `cache` is told of changes; `jitter` gives numbers from 0 to 1."""
        self.cache = cache
        self._closed = False
        self.url = str(parse_vault_url(config.vault_url))
        self._origin = _origin(urlsplit(self.url))
        self._config = config
        self._limiter = state.limiter
        self.clock = clock
        self._observer = observer
        self._timeout = config.total_timeout
        self._breaker = state.breaker
        self._told = self._breaker.state
        self._dated = -math.inf
        self.clock_offset: float | None = None
        """Seconds by which the vault's clock is ahead of ours; None before an answer."""
        self._headers = {"Accept": "application/json", "User-Agent": config.user_agent}
        self._transport = transport
        self._first = RetryPolicy(config.retry, clock, jitter, observer, state.retry_budget)
        policies: list[Any] = [
            self._first,
            FirstCallPolicy(transport, state.first_call),
            OpenPolicy(self.check_open),
            ChallengePolicy(credential, verify_challenge_resource=config.verify_challenge_resource),
            *([SpanPolicy()] if config.tracing else []),
            AttemptPolicy(state.limiter, clock, observer),
        ]
        AsyncPipeline(transport, policies)  # links each policy to the next, and the last one to the transport

    def query_of(self, kind: ObjectKind) -> str:
        """Begin a query with the version of the interface that is used for this kind of objects."""
        return f"?api-version={self._config.api_version_of(kind)}"

    @property
    def breaker_state(self) -> BreakerState:
        """Whether the vault is being left alone."""
        return self._breaker.state

    async def request(self, call: Call, url: str, content: bytes | None = None) -> bytes:
        """Send one call to `url` (absolute, of this vault); raises KeyVaultError with the call's name."""
        if self.cache is None or not call.changes:
            return await self._request(call, url, content)
        try:
            return await self._request(call, url, content)
        finally:  # one that failed may have been done nevertheless
            self.cache.forget(call.kind, call.name)

    async def _request(self, call: Call, url: str, content: bytes | None) -> bytes:
        self.check_open(call.name)
        wait = self._breaker.admit(self.clock.monotonic())
        self._tell_breaker()
        if wait > 0:
            raise KeyVaultError(KeyVaultErrorKind.BREAKER_OPEN, object_name=call.name, retry_after=wait)
        failure = None
        body = b""
        try:
            response = await self._exchange(call, url, content)
            if response.status_code in _OK:
                body = response.content
            else:
                failure = self._explain(call, response)
        except (KeyVaultError, AzureError, ValueError, TimeoutError) as error:
            failure = self._tell_way(map_exception(error, object_name=call.name))
        except BaseException:
            self._breaker.abandoned()
            raise
        self._learn(failure)
        if failure is not None:
            raise failure  # not in the handler: foreign text must not become its context
        return body

    def close(self) -> None:
        """Send nothing any more: what is borrowed is given back, and would be made anew for nobody."""
        self._closed = True

    def check_open(self, name: str | None = None) -> None:
        """Raise KeyVaultError (UNREACHABLE, code ClientClosed) with an object's name after `close`."""
        if self._closed:
            raise client_closed("its client is closed: make another one").named(name)

    async def send_raw(self, method: str, path: str, content: bytes | None, *, name: str | None) -> bytes:
        """Send a request that no service knows; raises KeyVaultError."""
        match = _RAW_PATH.fullmatch(path)
        if match is None:
            detail = "a path has the form /secrets/..., /keys/... or /certificates/..., without a query"
            raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)
        kind = ObjectKind(match[1])
        call = Call(kind=kind.value, method=method, route="(other)", name=name)
        return await self.request(call, f"{self.url}{path}{self.query_of(kind)}", content)

    def resolve(self, link: str) -> str:
        """Return a `nextLink` that stays within this vault.

        Raises KeyVaultError (PROTOCOL) for any other: a token must not follow a link to another host.
        """
        other = urlsplit(link)
        if _origin(other) != self._origin or other.username is not None or "\\" in link:
            raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, code="ForeignNextLink")
        return link

    async def probe(self, call: Call, url: str) -> Probe:
        """Send one read whatever the breaker says and without telling it; failures are part of the answer."""
        started, began = self.clock.monotonic(), self.clock.time()
        error, date = None, None
        try:
            self.check_open(call.name)
            response = await self._exchange(call, url, None)
        except (KeyVaultError, AzureError, ValueError, TimeoutError) as failure:
            error = self._tell_way(map_exception(failure, object_name=call.name))
        else:
            date = parse_date(response.headers.get("Date"))
            error = None if response.status_code in _OK else self._explain(call, response)
        seconds = self.clock.monotonic() - started
        # A date has whole seconds: half of one is missing on average.
        skew = None if date is None else date + 0.5 - (began + seconds / 2)
        return Probe(error=error, seconds=seconds, skew=skew)

    async def _exchange(self, call: Call, url: str, content: bytes | None) -> AsyncHttpResponse:
        headers = {**self._headers, "x-ms-client-request-id": uuid.uuid4().hex}
        if content is not None:
            headers["Content-Type"] = "application/json"
        request = HttpRequest(call.method, url, headers=headers, content=content)
        context = PipelineContext(self._transport)
        context[CALL] = call
        try:
            async with asyncio.timeout(self._timeout):
                response = (await self._first.send(PipelineRequest(request, context))).http_response
        except TimeoutError:
            if context.get(OWES):
                raise
            detail = "a token, or the rate limit, took all the time"
            raise KeyVaultError(KeyVaultErrorKind.TIMEOUT, code=_NO_TURN, detail=detail) from None
        self._note_date(response)
        return response

    def _note_date(self, response: AsyncHttpResponse) -> None:
        """Compare clocks once a second: a date has whole seconds, half of one is missing."""
        now = self.clock.monotonic()
        if now < self._dated + 1:
            return  # looking at an answer's headers makes them
        self._dated, date = now, parse_date(response.headers.get("Date"))
        if date is not None:
            self.clock_offset = date + 0.5 - self.clock.time()

    def _tell_way(self, error: KeyVaultError) -> KeyVaultError:
        return tell_way(error, self.url.removeprefix("https://"), self._config.credential)

    def _explain(self, call: Call, response: AsyncHttpResponse) -> KeyVaultError:
        error = map_response(
            response.status_code,
            response.headers,
            response.content,
            object_name=call.name,
            now=self.clock.time(),
        )
        if error.kind is KeyVaultErrorKind.THROTTLED and error.retry_after is None:
            error.retry_after = self._limiter.pause_left or None
        return error

    def _learn(self, failure: KeyVaultError | None) -> None:
        """Tell the breaker how it went: it is the vault's, and another identity's slow token is not."""
        if failure is None or failure.kind not in _VAULT_FAILED | _VAULT_NOT_ASKED:
            self._breaker.succeeded()
        elif failure.kind in _VAULT_NOT_ASKED or failure.code in _NO_FAULT:
            self._breaker.abandoned()
        else:
            self._breaker.failed(self.clock.monotonic())
        self._tell_breaker()

    def _tell_breaker(self) -> None:
        """Tell the observer what has changed."""
        if self._told is not self._breaker.state:
            self._told = self._breaker.state
            self._observer.breaker(self._told.value)


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    try:
        return url.scheme, url.hostname, url.port or HTTPS_PORT
    except ValueError:
        return url.scheme, None, None
