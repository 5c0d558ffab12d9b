"""/metrics, /healthz and /readyz over plain HTTP, for Prometheus and the kubelet."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from vaultbind.telemetry.health import HealthChecks, HealthReport
from vaultbind.telemetry.metrics import Metrics

_MAX_PORT: Final = 65535
_SHUTDOWN_SECONDS: Final = 2.0
_WELL: Final = 200
_UNWELL: Final = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen; port 0 lets the system choose."""

    host: str
    port: int


def parse_address(text: str) -> Address:
    """Parse `HOST:PORT`, `[::1]:PORT` or `:PORT` (all interfaces). Raises ValueError for anything else."""
    parts = urlsplit(f"//{text.strip()}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{text!r} is not HOST:PORT with a port of 0 to {_MAX_PORT}")
    return Address(host=parts.hostname or "0.0.0.0", port=port)  # noqa: S104 - as asked by `:PORT`


class TelemetryServer:
    """Answers scrapes and probes; `start` it before the work begins and `stop` it last."""

    def __init__(
        self, address: Address, metrics: Metrics, *, live: HealthChecks, ready: HealthChecks
    ) -> None:
        self._address = address
        self._metrics = metrics
        self._runner = web.AppRunner(
            _app(metrics, live, ready), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        self.port = address.port
        """The port that is listened on, once started."""

    async def start(self) -> Self:
        """Listen. Raises OSError where the address is taken or not ours."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._address.host, self._address.port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Close the listener and what is left of connections."""
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def _app(metrics: Metrics, live: HealthChecks, ready: HealthChecks) -> web.Application:
    async def scrape(request: web.Request) -> web.Response:
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/metrics", scrape)
    app.router.add_get("/healthz", _probe(live))
    app.router.add_get("/readyz", _probe(ready))
    return app


def _probe(checks: HealthChecks) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        report = checks.report()
        return web.Response(
            body=orjson.dumps(_details(report)),
            status=_WELL if report.ok else _UNWELL,
            content_type="application/json",
        )

    return answer


def _details(report: HealthReport) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "checks": {name: {"ok": item.ok, "detail": item.detail} for name, item in report.verdicts.items()},
    }
