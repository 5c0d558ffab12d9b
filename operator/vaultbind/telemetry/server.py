"""/metrics, /healthz and /readyz over plain HTTP, for Prometheus and the kubelet."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Self

import orjson
from aiohttp import web

from vaultbind.telemetry.health import HealthChecks, HealthReport
from vaultbind.telemetry.metrics import Metrics

_SHUTDOWN_SECONDS: Final = 2.0
_WELL: Final = 200
_UNWELL: Final = 503


class TelemetryServer:
    """Answers scrapes and probes; `start` it before the work begins and `stop` it last."""

    def __init__(
        self, host: str, port: int, metrics: Metrics, *, live: HealthChecks, ready: HealthChecks
    ) -> None:
        self._host = host
        self._metrics = metrics
        self._runner = web.AppRunner(
            _app(metrics, live, ready), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        self.port = port
        """The port; where 0 was asked for, the one that is listened on once started."""

    async def start(self) -> Self:
        """Listen. Raises OSError where the address is taken or not ours."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self.port).start()
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
