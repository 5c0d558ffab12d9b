"""The broker's server: one request, one binding, and at no time anything but rendered values.

GET /v1/values/BINDING      Authorization: Bearer TOKEN OF THE POD, audience vaultbind
200 {"data": {KEY: BASE64}}      else {"reason": WORD, "message": TEXT}
"""

import asyncio
import base64
import contextlib
import logging
import math
import re
from dataclasses import dataclass, field
from typing import Final, Protocol

import orjson
from aiohttp import web

from vaultbind.api import grammar
from vaultbind.engine.clock import Clock
from vaultbind.injection.identity import Caller, CallerChecks
from vaultbind.injection.limits import Limit
from vaultbind.injection.refusal import Reason, RefusalError
from vaultbind.injection.tls import ServingTls
from vaultbind.injection.values import ValueSource

audit = logging.getLogger("vaultbind.audit")

REQUEST_SECONDS: Final = 20.0
"""For finding everything out; the agent waits for ten and comes again to what is there by then."""
CONNECTION_SECONDS: Final = 40.0
"""Life of a connection once its request is read: who reads slowly does not hold an answer for ever."""
IDLE_SECONDS: Final = 10.0
"""For a whole request's head to arrive, and for the handshake before."""
_TOKEN: Final = re.compile(r"[\w.~+/=-]+", re.ASCII)
"""Letters of a bearer token (RFC 6750); with others no JSON could be made of it for the API server."""
LONGEST_TOKEN: Final = 7_000
"""Characters; a head with more is cut off by the server anyway."""
BURST: Final = 64.0
PER_SECOND: Final = 8.0
"""Of each pod: sixteen bindings every five seconds are three in a second."""
FAILURES: Final = 20.0
FAILURES_PER_SECOND: Final = 0.5
"""Of each address: tokens that are refused, before the API server is not asked any more."""
REVIEWS: Final = 64
"""Callers that the API server is asked about at the same time."""


class RequestObserver(Protocol):
    """Told of each answer; must not block."""

    def answered(self, reason: str, seconds: float) -> None:
        """`reason` is Ok or why not."""


@dataclass(slots=True, kw_only=True)
class Broker:
    """Answers requests."""

    checks: CallerChecks
    values: ValueSource
    clock: Clock
    observer: RequestObserver
    _pods: Limit = field(init=False)
    _failures: Limit = field(init=False)
    _reviews: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REVIEWS))

    def __post_init__(self) -> None:
        """Fill the buckets."""
        now = self.clock.monotonic
        self._pods = Limit(burst=BURST, per_second=PER_SECOND, clock=now)
        self._failures = Limit(burst=FAILURES, per_second=FAILURES_PER_SECOND, clock=now)

    async def answer(self, binding: str, authorization: str, peer: str) -> tuple[int, bytes, float | None]:
        """Return status, body and seconds for Retry-After; every answer is counted and written down."""
        started = self.clock.monotonic()
        told = _Told(binding=binding if grammar.DNS_SUBDOMAIN.is_met(binding) else "?", peer=peer)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                body = await self._serve(binding, authorization, told)
        except TimeoutError:
            refusal = RefusalError(Reason.TIMEOUT, "the vault or the cluster did not answer in time")
        except RefusalError as error:
            refusal = error
        else:
            self._note("Ok", told, started)
            return 200, body, None
        self._note(refusal.reason.word, told, started)
        text = orjson.dumps({"reason": refusal.reason.word, "message": str(refusal)})
        return refusal.reason.status, text, refusal.retry_after

    async def _serve(self, binding: str, authorization: str, told: "_Told") -> bytes:
        if not grammar.DNS_SUBDOMAIN.is_met(binding):
            raise RefusalError(Reason.BAD_REQUEST, "that is no name of a VaultBinding")
        caller = await self._authenticate(_parse_token(authorization), told.peer)
        told.caller = caller
        _check(self._pods.take(caller.uid))
        async with self._reviews:
            await self.checks.check_pod(caller, binding)
            await self.checks.authorize(caller, binding)
        data = await self.values.fetch(caller.namespace, binding)
        return orjson.dumps({"data": {key: base64.b64encode(value).decode() for key, value in data.items()}})

    async def _authenticate(self, token: str, peer: str) -> Caller:
        """Who is refused again and again is so without a question to the API server."""
        _check(self._failures.wait(peer))
        async with self._reviews:
            try:
                return await self.checks.authenticate(token)
            except RefusalError as error:
                if error.reason is not Reason.CLUSTER_ERROR:
                    self._failures.take(peer)
                raise

    def _note(self, reason: str, told: "_Told", started: float) -> None:
        self.observer.answered(reason, self.clock.monotonic() - started)
        level = logging.INFO if reason == "Ok" else logging.WARNING
        verb = "handed out" if reason == "Ok" else f"refused {reason}"
        who = str(told.caller) if told.caller is not None else "nobody known"
        audit.log(level, "%s: VaultBinding %s to %s from %s", verb, told.binding, who, told.peer)


@dataclass(slots=True, kw_only=True)
class _Told:
    """What is known of a request when its line is written."""

    binding: str
    peer: str
    caller: Caller | None = None


def _parse_token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or len(token) > LONGEST_TOKEN or _TOKEN.fullmatch(token.strip()) is None:
        raise RefusalError(Reason.NO_TOKEN, "a pod's token is needed")
    return token.strip()


def _check(seconds: float) -> None:
    if seconds > 0:
        raise RefusalError(Reason.TOO_MANY, "too many requests", retry_after=seconds)


def _end(transport: asyncio.Transport) -> None:
    """End a connection that is held; in Python 3.11 one that has closed over TLS cannot be told so."""
    with contextlib.suppress(AttributeError):
        transport.abort()


def make_app(broker: Broker) -> web.Application:
    """The broker as an aiohttp application."""

    async def serve(request: web.Request) -> web.Response:
        if request.transport is not None:
            asyncio.get_running_loop().call_later(CONNECTION_SECONDS, _end, request.transport)
        status, body, wait = await broker.answer(
            request.match_info["binding"], request.headers.get("Authorization", ""), request.remote or "?"
        )
        headers = {"Cache-Control": "no-store"}
        if wait is not None:
            headers["Retry-After"] = str(max(1, math.ceil(wait)))
        response = web.Response(body=body, status=status, headers=headers, content_type="application/json")
        response.force_close()
        return response

    app = web.Application(client_max_size=1024)
    app.router.add_get("/v1/values/{binding}", serve)
    return app


class BrokerServer:
    """Listens with TLS; `start` before the work begins and `stop` last."""

    def __init__(self, broker: Broker, host: str, port: int, tls: ServingTls) -> None:
        self._runner = web.AppRunner(
            make_app(broker), access_log=None, keepalive_timeout=IDLE_SECONDS, lingering_time=0.0
        )
        self._host = host
        self._tls = tls
        self.port = port
        """The port; where 0 was asked for, the one that is listened on once started."""

    async def start(self) -> None:
        """Listen. Raises OSError where the address is taken or not ours."""
        await self._runner.setup()
        assert self._runner.server is not None  # noqa: S101 - set up above
        server = await asyncio.get_running_loop().create_server(
            self._runner.server,
            self._host,
            self.port,
            ssl=self._tls.context,
            backlog=1024,
            ssl_handshake_timeout=IDLE_SECONDS,
        )
        self._server = server
        self.port = server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no more connections and let what is under way come to its end."""
        self._server.close()
        await self._runner.cleanup()
