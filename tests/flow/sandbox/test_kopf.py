"""Kopf cannot tell the sandbox from a cluster: an operator sees every change, also after 410 Gone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import kopf

from tests.flow.sandbox.client import WIDGET, WIDGET_CRD
from vaultbind.sandbox import Sandbox

Event = tuple[str | None, str, int]
WIDGETS = "widgets.test.vaultbind.dev"


def widget(name: str, size: int) -> dict[str, object]:
    return {**WIDGET, "metadata": {"name": name}, "spec": {"name": "abc", "size": size}}


@asynccontextmanager
async def operator(sandbox: Sandbox, seen: list[Event]) -> AsyncIterator[None]:
    """Run an operator that only notes what it is told."""
    registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.networking.error_backoffs = [0.01] * 50
    settings.watching.reconnect_backoff = 0.01

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        connector = aiohttp.TCPConnector(ssl=sandbox.client_context() or False)
        headers = {"Authorization": f"Bearer {sandbox.token}", "User-Agent": "kopf"}
        session = aiohttp.ClientSession(connector=connector, headers=headers)
        return kopf.AiohttpSession(server=sandbox.url, aiohttp_session=session)

    @kopf.on.event("test.vaultbind.dev", "v1", "widgets", registry=registry)
    async def note(event: kopf.RawEvent, name: str, spec: kopf.Spec, **_: Any) -> None:
        seen.append((event["type"], name, spec["size"]))

    stop, ready = asyncio.Event(), asyncio.Event()
    run = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=settings,
            clusterwide=True,
            standalone=True,
            stop_flag=stop,
            ready_flag=ready,
        )
    )
    try:
        async with asyncio.timeout(60):
            await ready.wait()
        yield
    finally:
        stop.set()
        await run


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - Kopf tells nobody
            await asyncio.sleep(0.005)


async def test_an_operator_sees_every_change(sandbox: Sandbox) -> None:
    sandbox.apply(WIDGET_CRD)
    sandbox.apply(widget("there", 1))
    seen: list[Event] = []
    async with operator(sandbox, seen):
        await until(lambda: (None, "there", 1) in seen)
        sandbox.apply(widget("new", 2))
        await until(lambda: ("ADDED", "new", 2) in seen)
        sandbox.patch(WIDGETS, "default", "new", {"spec": {"size": 3}})
        await until(lambda: ("MODIFIED", "new", 3) in seen)
        sandbox.delete(WIDGETS, "default", "new")
        await until(lambda: ("DELETED", "new", 3) in seen)
        assert sandbox.stats.writes() == 0


async def test_an_operator_survives_410_and_cut_connections(sandbox: Sandbox) -> None:
    sandbox.apply(WIDGET_CRD)
    sandbox.apply(widget("there", 1))
    seen: list[Event] = []
    async with operator(sandbox, seen):
        await until(lambda: sandbox.open_watches == 1 and bool(seen))
        sandbox.expire_watches()
        await until(lambda: seen.count((None, "there", 1)) == 2)
        await until(lambda: sandbox.open_watches == 1)
        sandbox.drop_watches()
        sandbox.apply(widget("after", 4))
        await until(lambda: any(name == "after" for _, name, _ in seen))
        await until(lambda: sandbox.open_watches == 1)
        sandbox.patch(WIDGETS, "default", "after", {"spec": {"size": 5}})
        await until(lambda: ("MODIFIED", "after", 5) in seen)
