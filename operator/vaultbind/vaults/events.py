"""The webhook of Event Grid: both handshakes, a shared secret, a bounded body; what comes in are hints."""

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from vaultbind.vaults.hints import Hint, parse_hints

logger = logging.getLogger(__name__)

MOST_BYTES: Final = 1_048_576
"""As much as Event Grid sends at once."""
ORIGIN: Final = "eventgrid.azure.net"
HEADER: Final = "X-Vaultbind-Key"
"""Where the secret may be, as a delivery property of the subscription; else in the query, as `code`."""
SHORTEST_SECRET: Final = 16
PATH: Final = "/events"
IDLE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 5.0
"""Until another try where the address is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where to listen, and the file with the secret that senders show; read for each request."""

    host: str
    port: int
    secret_file: Path


class EventWebhook:
    """Serves plain HTTP behind an ingress that ends TLS. Only a leader listens: others cannot use hints."""

    def __init__(self, settings: WebhookSettings, take: Callable[[Hint], None]) -> None:
        """`take` is called for each hint, in this loop."""
        self._settings = settings
        self._take = take
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
        origin = request.headers.get("WebHook-Request-Origin", "")
        if origin != ORIGIN or not await self._may_send(request):
            return web.Response(status=401)
        return web.Response(headers={"WebHook-Allowed-Origin": ORIGIN, "WebHook-Allowed-Rate": "*"})

    async def _receive(self, request: web.Request) -> web.Response:
        if not await self._may_send(request):
            return web.Response(status=401)
        try:
            content: Any = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return web.Response(status=400)
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            return _validate(content)
        for hint in parse_hints(content):
            self._take(hint)
        return web.Response(status=200)

    async def _may_send(self, request: web.Request) -> bool:
        """Whether the sender shows the secret. Without a usable one nobody may send."""
        given = request.headers.get(HEADER) or request.query.get("code", "")
        try:
            secret = (await asyncio.to_thread(self._settings.secret_file.read_bytes)).strip()
        except OSError as error:
            logger.error("the secret of the webhook for events cannot be read: %s", error.strerror)
            return False
        if len(secret) < SHORTEST_SECRET:
            logger.error("the secret of the webhook for events has less than %d characters", SHORTEST_SECRET)
            return False
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret)


def _validate(content: Any) -> web.Response:
    """Event Grid's own handshake: echo the code."""
    event = content[0] if isinstance(content, list) and content else None
    data = event.get("data") if isinstance(event, dict) else None
    code = data.get("validationCode") if isinstance(data, dict) else None
    if not isinstance(code, str):
        return web.Response(status=400)
    return web.Response(body=orjson.dumps({"validationResponse": code}), content_type="application/json")
