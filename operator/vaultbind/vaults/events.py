"""How Event Grid's events come in: pushed to a webhook or pulled from a namespace topic, as hints."""

import asyncio
import contextlib
import importlib.util
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.transport import AioHttpTransport

from vaultbind.engine.backoff import Backoff, BackoffPolicy
from vaultbind.engine.clock import Clock
from vaultbind.vaults.bearer import EntraSettings
from vaultbind.vaults.entra import ASK_SECONDS, Trust
from vaultbind.vaults.hints import Hint, HintObserver, parse_hints
from vaultbind.vaults.senders import SenderCheck

logger = logging.getLogger(__name__)

MOST_BYTES: Final = 1_048_576
"""As much as Event Grid sends at once."""
ORIGIN: Final = "eventgrid.azure.net"
HEADER: Final = "X-Vaultbind-Key"
"""Where the secret may be, as a delivery property of the subscription; else in the query, as `code`."""
PATH: Final = "/events"
MOST_PULLED: Final = 100
"""Events of one request; the service's most."""
WAIT_SECONDS: Final = 60
"""For which one request waits for events; 10 to 120."""
IDLE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 5.0
"""Until another try where the address is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where to listen, and what senders must show: a secret, a token of Entra's, or both."""

    host: str
    port: int
    secret_file: Path | None = None
    """File with the secret."""
    entra: EntraSettings | None = None
    """Whose tokens are taken."""


class EventWebhook:
    """Serves plain HTTP behind an ingress that ends TLS. Only a leader listens: others cannot use hints."""

    def __init__(
        self, settings: WebhookSettings, take: Callable[[Hint], None], clock: Clock, observer: HintObserver
    ) -> None:
        """`take` is called for each hint, in this loop; the observer is told of what is refused."""
        self._settings = settings
        self._take = take
        self._senders = SenderCheck(settings.secret_file, settings.entra, clock, observer)
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("OPTIONS", PATH, self._allow)
        app.router.add_post(PATH, self._receive)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=IDLE_SECONDS
        )
        self.port = settings.port

    async def run(self) -> None:
        """Listen until cancelled; an address that is taken is told and tried again."""
        await self._runner.setup()
        try:
            await self._listen()
            await asyncio.Event().wait()
        finally:
            await self._runner.cleanup()

    async def _listen(self) -> None:
        while True:
            try:
                await web.TCPSite(self._runner, self._settings.host, self._settings.port).start()
                break
            except OSError as error:
                cause = error.strerror or type(error).__name__
                logger.error("the webhook for events cannot listen: %s", cause)
            await asyncio.sleep(RETRY_SECONDS)
        self.port = self._runner.addresses[0][1]
        logger.info("the webhook for events is at port %d", self.port)

    async def _allow(self, request: web.Request) -> web.Response:
        """CloudEvents' handshake: Event Grid may send, nobody else."""
        if request.headers.get("WebHook-Request-Origin", "") != ORIGIN:
            return web.Response(status=401)
        trust = await self._judge(request, handshake=True)
        if trust is not Trust.YES:
            return _refuse(trust)
        return web.Response(headers={"WebHook-Allowed-Origin": ORIGIN, "WebHook-Allowed-Rate": "*"})

    async def _receive(self, request: web.Request) -> web.Response:
        """Read the body only of who may send."""
        trust = await self._judge(request)
        if trust is not Trust.YES:
            return _refuse(trust)
        try:
            content: Any = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return web.Response(status=400)
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            return _validate(content)
        for hint in parse_hints(content):
            self._take(hint)
        return web.Response(status=200)

    async def _judge(self, request: web.Request, *, handshake: bool = False) -> Trust:
        secret = request.headers.get(HEADER) or request.query.get("code", "")
        return await self._senders.judge(
            secret, request.headers.get("Authorization", ""), handshake=handshake
        )


def _refuse(trust: Trust) -> web.Response:
    """Event Grid drops what gets 401, and sends again what gets 503."""
    if trust is Trust.UNDECIDED:
        return web.Response(status=503, headers={"Retry-After": str(int(ASK_SECONDS))})
    return web.Response(status=401)


def _validate(content: Any) -> web.Response:
    """Event Grid's own handshake: echo the code."""
    event = content[0] if isinstance(content, list) and content else None
    data = event.get("data") if isinstance(event, dict) else None
    code = data.get("validationCode") if isinstance(data, dict) else None
    if not isinstance(code, str):
        return web.Response(status=400)
    return web.Response(body=orjson.dumps({"validationResponse": code}), content_type="application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSettings:
    """Subscription of a namespace topic; without `key_file` the operator's own identity asks."""

    endpoint: str
    topic: str
    subscription: str
    key_file: Path | None = None


class EventPuller:
    """Asks a namespace topic for events, again and again, and acknowledges them once they are hints."""

    def __init__(self, settings: PullSettings, take: Callable[[Hint], None]) -> None:
        """`take` is called for each hint, in this loop."""
        self._settings = settings
        self._take = take
        self._backoff: Backoff[str] = Backoff(policy=BackoffPolicy(first=1.0, limit=60.0))
        self._fails = False

    async def run(self) -> None:
        """Pull until cancelled; a topic that fails is left alone for longer and longer, up to a minute."""
        while True:
            pause = 0.0
            try:
                await self._pull()
            except Exception as error:  # noqa: BLE001 - whatever the SDK raises; looks go on without hints
                pause = self._backoff.fail("")
                self._tell_failure(error)
            await asyncio.sleep(pause)

    async def _pull(self) -> None:
        """One connection, until something fails."""
        async with contextlib.AsyncExitStack() as stack:
            client = await self._connect(stack)
            while True:
                details = await client.receive(max_events=MOST_PULLED, max_wait_time=WAIT_SECONDS)
                if self._fails:
                    logger.warning("events come again from %s", self._settings.endpoint)
                self._fails = False
                self._backoff.succeed("")
                for hint in parse_hints([_plain(item.event) for item in details]):
                    self._take(hint)
                if details:
                    tokens = [item.broker_properties.lock_token for item in details]
                    await client.acknowledge(lock_tokens=tokens)

    async def _connect(self, stack: contextlib.AsyncExitStack) -> Any:
        from azure.eventgrid.aio import EventGridConsumerClient

        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())  # with what SSL_CERT_FILE names
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, trust_env=True))
        settings = self._settings
        client = EventGridConsumerClient(
            settings.endpoint,
            await self._credential(stack),
            namespace_topic=settings.topic,
            subscription=settings.subscription,
            transport=AioHttpTransport(session=session, session_owner=False),
        )
        return await stack.enter_async_context(client)

    async def _credential(self, stack: contextlib.AsyncExitStack) -> Any:
        if self._settings.key_file is not None:
            key = await asyncio.to_thread(self._settings.key_file.read_text, encoding="ascii")
            return AzureKeyCredential(key.strip())
        from azure.identity.aio import (
            DefaultAzureCredential,
        )  # loaded in a thread by now: `VaultClients.warm`

        return await stack.enter_async_context(DefaultAzureCredential())

    def _tell_failure(self, error: Exception) -> None:
        if not self._fails:
            logger.warning("events cannot be pulled (%s), and are tried again", type(error).__name__)
        self._fails = True


def is_pull_possible() -> bool:
    """Whether the extra `vaultbind[eventgrid]` is installed."""
    return importlib.util.find_spec("azure.eventgrid") is not None


def _plain(event: Any) -> dict[str, Any]:
    return {"id": event.id, "type": event.type, "data": event.data}
