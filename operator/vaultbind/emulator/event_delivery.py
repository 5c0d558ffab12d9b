"""Pushing events to webhooks: the handshakes, then each event until the endpoint takes it."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
import orjson

from vaultbind.emulator.event_broker import Active, EventBroker, State
from vaultbind.emulator.event_forms import Schema, render_validation
from vaultbind.emulator.mailbox import Held

LOGGER: Final = logging.getLogger(__name__)
RESPONSE_SECONDS: Final = 30.0
AT_ONCE: Final = 32
"""Deliveries of one subscription at the same time, which is also why their order is not promised."""
TICK_SECONDS: Final = 1.0
ORIGIN: Final = "eventgrid.azure.net"
CONTENT_TYPES: Final = {
    Schema.CLOUD_EVENTS: "application/cloudevents+json; charset=utf-8",
    Schema.EVENT_GRID: "application/json; charset=utf-8",
}


class EventDelivery:
    """Lets time pass in the vaults, validates endpoints, delivers what is due; until it is cancelled."""

    def __init__(
        self, broker: EventBroker, tick: Callable[[], Awaitable[None]], ca_pem: str, validation_url: str
    ) -> None:
        """Await `tick` once a second; trust the system's authorities and `ca_pem`.

        `validation_url` is the control path that completes the handshake of the Event Grid schema.
        """
        self._broker = broker
        self._tick = tick
        self._ca_pem = ca_pem
        self._validation_url = validation_url
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        broker.changed = self._wake.set

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._wake.clear()
                await self._step()
                # not `wait_for`: Python 3.11's loses a cancellation that comes with what it waits for
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK_SECONDS):
                        await self._wake.wait()
        finally:
            await self._end()

    async def _step(self) -> None:
        """One round; what fails is told by its type and tried again in the next, other work goes on."""
        for part in (self._tick, self._broker.source.sweep, self._begin):
            try:
                work = part()
                if work is not None:
                    await work
            except Exception as error:  # noqa: BLE001 - one broken vault must not end the passing of time
                LOGGER.error("%s failed: %s", getattr(part, "__name__", "tick"), type(error).__name__)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _begin(self) -> None:
        for active in self._broker.all():
            if not active.spec.endpoint:
                continue
            if active.state is State.PENDING and not active.problem:
                active.problem = "the endpoint is being asked"
                self._start(self._validate(active))
            if active.state is State.ACTIVE:
                for held in active.mailbox.take(self._broker.now(), AT_ONCE, RESPONSE_SECONDS * 2):
                    self._start(self._deliver(active, held))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _validate(self, active: Active) -> None:
        if active.spec.schema is Schema.CLOUD_EVENTS:
            await self._ask_by_options(active)
        else:
            await self._ask_by_event(active)

    async def _ask_by_options(self, active: Active) -> None:
        """CloudEvents: the endpoint allows our origin."""
        status, headers, _ = await self._send("OPTIONS", active, {"WebHook-Request-Origin": ORIGIN}, b"")
        allowed = headers.get("WebHook-Allowed-Origin", "")
        if status is not None and 200 <= status < 300 and allowed in {ORIGIN, "*"}:
            self._broker.activate(active)
        else:
            self._broker.fail(active, f"OPTIONS got {_told(status)}, WebHook-Allowed-Origin {allowed!r}")

    async def _ask_by_event(self, active: Active) -> None:
        """Event Grid schema: the endpoint echoes the code, or somebody opens the URL."""
        query = urlencode({"name": active.spec.name, "code": active.code})
        url = f"{self._validation_url}?{query}"
        body = orjson.dumps([render_validation(str(uuid4()), active.code, url, self._broker.now())])
        headers = {
            "aeg-event-type": "SubscriptionValidation",
            "Content-Type": CONTENT_TYPES[Schema.EVENT_GRID],
        }
        status, _, answer = await self._send("POST", active, headers, body)
        if status is not None and 200 <= status < 300:
            if _echo(answer) == active.code:
                self._broker.activate(active)
            elif active.state is State.PENDING:
                active.problem = "the code was not echoed; the validation URL is open for 10 minutes"
        else:
            self._broker.fail(active, f"the validation event got {_told(status)}")

    async def _deliver(self, active: Active, held: Held) -> None:
        content: Any = self._broker.render(held.event, active.spec.schema)
        headers = {
            "aeg-event-type": "Notification",
            "aeg-subscription-name": active.spec.name.upper(),
            "aeg-delivery-count": str(held.attempt - 1),
            "Content-Type": CONTENT_TYPES[active.spec.schema],
        }
        if active.spec.schema is Schema.EVENT_GRID:
            content = [content]
        status, _, _ = await self._send("POST", active, headers, orjson.dumps(content))
        self._broker.report(active, held, status)
        self._wake.set()

    async def _send(
        self, method: str, active: Active, headers: dict[str, str], body: bytes
    ) -> tuple[int | None, Any, bytes]:
        if self._session is None:
            context = ssl.create_default_context()
            context.load_verify_locations(cadata=self._ca_pem)
            timeout = aiohttp.ClientTimeout(total=RESPONSE_SECONDS)
            connector = aiohttp.TCPConnector(ssl=context)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        if active.spec.audience and method == "POST":  # whether Azure's OPTIONS shows one is not documented
            headers = {**headers, "Authorization": f"Bearer {self._broker.issue_token(active.spec.audience)}"}
        try:
            async with self._session.request(
                method, active.spec.endpoint, headers=headers, data=body, allow_redirects=False
            ) as response:
                return response.status, response.headers, await response.content.read(65_536)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None, {}, b""


def _told(status: int | None) -> str:
    return "no answer" if status is None else f"status {status}"


def _echo(answer: bytes) -> str:
    try:
        content = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return ""
    return str(content.get("validationResponse", "")) if isinstance(content, dict) else ""
