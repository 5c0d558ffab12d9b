import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from vaultbind.telemetry.health import HealthChecks, Verdict
from vaultbind.telemetry.metrics import Metrics
from vaultbind.telemetry.server import TelemetryServer

LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def served(live: HealthChecks, ready: HealthChecks) -> AsyncIterator[str]:
    async with TelemetryServer(LOOPBACK, 0, Metrics(), live=live, ready=ready) as server:
        yield f"http://127.0.0.1:{server.port}"


async def asked(url: str, **headers: str) -> tuple[int, str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        kind = answer.content_type
        body = await (answer.json() if kind == "application/json" else answer.text())
        return answer.status, kind, body


async def test_metrics() -> None:
    async with served(HealthChecks(), HealthChecks()) as url:
        status, kind, body = await asked(f"{url}/metrics")
        _, other, _ = await asked(f"{url}/metrics", Accept="application/openmetrics-text")

    assert (status, kind) == (200, "text/plain")
    assert "vaultbind_build_info" in body
    assert other == "application/openmetrics-text"


async def test_probes_tell_what_is_wrong() -> None:
    live, ready = HealthChecks(), HealthChecks()
    live.add("loop", lambda: Verdict(ok=True, detail="lag 0 s"))
    ready.add("synced", lambda: Verdict(ok=False, detail="first list is due"))
    async with served(live, ready) as url:
        well, _, details = await asked(f"{url}/healthz")
        unwell, kind, reasons = await asked(f"{url}/readyz")

    assert (well, details) == (200, {"ok": True, "checks": {"loop": {"ok": True, "detail": "lag 0 s"}}})
    assert (unwell, kind) == (503, "application/json")
    assert reasons == {"ok": False, "checks": {"synced": {"ok": False, "detail": "first list is due"}}}


async def test_nothing_else_is_there() -> None:
    async with served(HealthChecks(), HealthChecks()) as url:
        assert [(await asked(url + path))[0] for path in ("/", "/debug", "/metrics/x")] == [404] * 3


async def test_a_taken_port_is_an_error_and_leaves_nothing_open() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        checks = HealthChecks()
        server = TelemetryServer(LOOPBACK, taken.getsockname()[1], Metrics(), live=checks, ready=checks)
        with pytest.raises(OSError, match="address"):
            await server.start()


async def test_stopped_means_closed() -> None:
    async with served(HealthChecks(), HealthChecks()) as url:
        pass
    with pytest.raises(aiohttp.ClientConnectionError):
        await asked(f"{url}/healthz")
