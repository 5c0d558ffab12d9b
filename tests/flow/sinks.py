"""A CloudEvents sink for flows: notes what it gets, and answers as it is told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Sink:
    """Made by `start_sink`."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    """Those that it took."""
    attempts: int = 0
    requests: list[dict[str, str]] = field(default_factory=list)
    """Headers of each attempt."""

    async def take(self, request: web.Request) -> web.Response:
        """Answer one POST."""
        self.attempts += 1
        self.requests.append(dict(request.headers))
        if 200 <= self.status < 300:
            self.events.append(await request.json())
        return web.Response(status=self.status, headers=self.headers)

    def types(self) -> list[str]:
        """`secret.expired secrets/a` of each event it took, in order."""
        return [f"{e['type'].removeprefix('vaultbind.dev.')} {e['subject']}" for e in self.events]


@asynccontextmanager
async def start_sink() -> AsyncIterator[Sink]:
    """Listen on loopback."""
    sink = Sink()
    app = web.Application()
    app.router.add_post("/events", sink.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    try:
        yield sink
    finally:
        await runner.cleanup()
