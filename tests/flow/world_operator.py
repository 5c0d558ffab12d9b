"""The real controller with Kopf, in a thread and loop of its own as in a process of its own."""

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from tests.loop import wait_for_sockets
from vaultbind.app.operator import Operator
from vaultbind.handlers.controller import start_controller
from vaultbind.kube.access import ClusterAccess
from vaultbind.kube.client import REQUEST_TIMEOUT, KubeClient
from vaultbind.kube.error_mapping import Call
from vaultbind.kube.exchange import Request
from vaultbind.kube.lease_record import LeaseTimings
from vaultbind.kube.leases import LeaseElector
from vaultbind.kube.session import KubeConnection, Middleware, OrjsonResponse, open_connection
from vaultbind.kube.wire import Wire
from vaultbind.settings import RunSettings
from vaultbind.telemetry.metrics import Metrics

START_SECONDS = 120.0
STOP_SECONDS = 120.0
ASK = "ask"
LEASE = LeaseTimings(interval=0.3, deadline=40.0, duration=60.0)
"""A busy machine loses no Lease: it is taken away by tests."""
METADATA = "PartialObjectMetadata"
KOPF = "kopf-in-a-world"
"""By what the embedded cluster API tells Kopf's requests from ours, which have the same name otherwise."""


@dataclass(slots=True)
class WorldClock:
    """The machine's time, moved forward by tests; both clocks move together."""

    offset: float = 0.0

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic() + self.offset

    def now(self) -> datetime:
        """Aware wall-clock time in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    def an_hour_ago(self) -> datetime:
        """When a world's first vault objects were made: long enough ago to be settled."""
        return self.now() - timedelta(hours=1)


class TellingConnection(KubeConnection):
    """Says who asks: the sessions that it opens are Kopf's, our own requests do not go through them."""

    __slots__ = ()

    def open_session(
        self, response_class: type[aiohttp.ClientResponse] = OrjsonResponse, *middlewares: Middleware
    ) -> aiohttp.ClientSession:
        """One of Kopf's."""
        session = super().open_session(response_class, *middlewares)
        session.headers["User-Agent"] = KOPF
        return session


class RecordingWire(Wire):
    """Notes each request that the operator's own client makes, watches left out.

    One that reads an object's metadata only has the verb ASK.
    """

    calls: list[Call]

    async def exchange(self, request: Request) -> dict[str, Any]:
        """Send it and note it."""
        is_ask = request.call.verb == "get" and METADATA in request.headers.get("Accept", "")
        self.calls.append(replace(request.call, verb=ASK) if is_ask else request.call)
        return await super().exchange(request)


@dataclass(slots=True, kw_only=True)
class OperatorThread:
    """One life of a controller. `calls` is shared by all lives in a world."""

    settings: RunSettings
    access: ClusterAccess
    clock: WorldClock
    calls: list[Call]
    identity: str = "world"
    elected_by: ClusterAccess | None = None
    """Whose rights the Lease is held with; None: this life leads from the start on."""
    lease: tuple[str, str] = ("", "")
    operator: Operator = field(init=False)
    _thread: threading.Thread = field(init=False)
    _ready: Future[asyncio.AbstractEventLoop] = field(default_factory=Future)
    _ended: Future[None] = field(default_factory=Future)
    _stop: asyncio.Event = field(init=False)

    async def start(self) -> None:
        """Start, and wait until all objects have come in."""
        self._thread = threading.Thread(target=self._main, name="operator", daemon=True)
        self._thread.start()
        async with asyncio.timeout(START_SECONDS):
            await asyncio.wrap_future(self._ready)
        await self.ask(self.operator.feed.synced.wait)

    def _main(self) -> None:
        thresholds = gc.get_threshold()
        try:
            asyncio.run(self._live())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            if not self._ready.done():
                self._ready.set_exception(error)
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)
        finally:
            gc.set_threshold(*thresholds)

    async def _live(self) -> None:
        try:
            await self._run()
        finally:
            await wait_for_sockets()

    async def _run(self) -> None:
        metrics = Metrics()
        async with self._client(self.access, metrics) as client:
            self.operator = Operator(
                settings=self.settings,
                client=client,
                clock=self.clock,
                metrics=metrics,
                identity=self.identity,
            )
            self._stop = asyncio.Event()
            self._ready.set_result(asyncio.get_running_loop())
            async with AsyncExitStack() as stack:  # of the Lease
                await start_controller(self.operator, self._stop, await self._elector(stack, metrics))

    def _client(self, access: ClusterAccess, metrics: Metrics) -> KubeClient:
        opened = open_connection(server=access.server, tokens=access.tokens, tls=access.tls)
        connection = TellingConnection(**{part.name: getattr(opened, part.name) for part in fields(opened)})
        wire = RecordingWire(connection, observer=metrics.kube, request_timeout=REQUEST_TIMEOUT)
        wire.calls = self.calls
        return KubeClient(connection, observer=metrics.kube, wire=wire)

    async def _elector(self, stack: AsyncExitStack, metrics: Metrics) -> LeaseElector | None:
        if self.elected_by is None:
            return None
        client = await stack.enter_async_context(self._client(self.elected_by, metrics))
        return LeaseElector(client, *self.lease, self.identity, timings=LEASE)

    async def ask(self, function: Callable[[], Any]) -> Any:
        """Run a function, or await a coroutine function, in the operator's loop, between two steps of it."""

        async def run() -> Any:
            result = function()
            return await result if isinstance(result, Awaitable) else result

        if self._ended.done():
            self._ended.result()
            raise AssertionError("the operator has ended by itself")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self._ready.result()))

    async def stop(self) -> float:
        """Stop as SIGTERM does; returns the seconds that it took."""
        started = time.monotonic()
        if self._ready.done() and not self._ready.exception() and not self._ended.done():
            self._ready.result().call_soon_threadsafe(self._stop.set)
        await self.end()
        return time.monotonic() - started

    async def end(self) -> None:
        """Wait for the end; raises what ended it."""
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.wrap_future(self._ended)
        self._thread.join(STOP_SECONDS)
