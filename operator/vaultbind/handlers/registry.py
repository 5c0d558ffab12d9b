"""What Kopf is asked for: events of our kinds, a login, and the timers that judge expiry."""

import asyncio
import dataclasses
import random
from collections.abc import Mapping
from typing import Any

import kopf

from vaultbind.api.names import GROUP, VERSION
from vaultbind.api.refs import ObjectKey
from vaultbind.app.kinds import FED, TIMED
from vaultbind.app.operator import Operator
from vaultbind.handlers.goodbye import leave_no_request
from vaultbind.kube.sieve import sieved_by

TIMER = "judge-"
"""How the ids of our timers begin; Kopf names their tasks after them."""


def build_registry(operator: Operator) -> kopf.OperatorRegistry:
    """All handlers of the controller."""
    registry = kopf.OperatorRegistry()
    _add_login(registry, operator)
    leave_no_request(registry)
    for resource in FED.values():
        _add_feed(registry, operator, resource.plural)
    for kind in TIMED:
        _add_timer(registry, operator, kind)
    return registry


def _add_login(registry: kopf.OperatorRegistry, operator: Operator) -> None:
    def is_kept(event_type: str | None, obj: Mapping[str, Any]) -> bool:
        return operator.feed.hear(event_type, obj) or obj["kind"] in TIMED

    @kopf.on.login(registry=registry, id="login")
    async def login(**_: Any) -> kopf.AiohttpSession:
        connection = operator.client.connection
        session = connection.open_session(sieved_by(is_kept), operator.feed.first.ask)
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=session)


def _add_feed(registry: kopf.OperatorRegistry, operator: Operator, plural: str) -> None:
    def is_news(event: kopf.RawEvent, **_: Any) -> bool:
        """Ask again: it may have become known while it waited in Kopf's queue."""
        return operator.feed.hear(event["type"], event["object"])

    @kopf.on.event(GROUP, VERSION, plural, registry=registry, id=f"feed-{plural}", when=is_news)
    async def feed(event: kopf.RawEvent, **_: Any) -> None:
        operator.feed.take(event["type"], dict(event["object"]))


def _add_timer(registry: kopf.OperatorRegistry, operator: Operator, kind: str) -> None:
    interval = operator.settings.expiry_interval.total_seconds()

    def start(**_: Any) -> float:
        return random.uniform(0, interval)

    @kopf.timer(
        GROUP,
        VERSION,
        FED[kind].plural,
        registry=registry,
        id=f"{TIMER}{FED[kind].plural}",
        interval=interval,
        initial_delay=start,
    )
    async def judge(name: str, namespace: str | None, uid: str, **_: Any) -> None:
        if not operator.judge_expiry(ObjectKey(kind, namespace or "", name), uid):
            end_timer()

    leave_no_finalizer(registry)


def leave_no_finalizer(registry: kopf.OperatorRegistry) -> None:
    """Take back the finalizer that Kopf wants for every timer: objects must go when nobody runs.

    Kopf has no option for it; a test holds it to this (docs/adr: timers without finalizers).
    """
    spawning: Any = registry._spawning  # noqa: SLF001 - Kopf offers no other way
    spawning._handlers[:] = [  # noqa: SLF001 - Kopf offers no other way
        dataclasses.replace(handler, requires_finalizer=False)
        for handler in spawning._handlers  # noqa: SLF001 - Kopf offers no other way
    ]


def end_timer() -> None:
    """End the timer that calls this: its object is gone, and Kopf stops it only by a finalizer."""
    task = asyncio.current_task()
    if task is not None:
        task.cancel()


def end_timers() -> None:
    """End all timers: Kopf has forgotten those of deleted objects, and would wait seconds for them to end."""
    for task in asyncio.all_tasks():
        if task.get_name().startswith(f"runner of {TIMER}"):
            task.cancel()
