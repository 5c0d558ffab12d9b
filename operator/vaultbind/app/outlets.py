"""Where expiry and rotation are told besides status, Events and metrics: sink and handlers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vaultbind.api.refs import ObjectKey
from vaultbind.engine.clock import Clock
from vaultbind.expiry.delivery import Delivery
from vaultbind.expiry.handlers import Handlers, load_handler
from vaultbind.expiry.outbox import Outbox
from vaultbind.expiry.outlets import OutletSettings
from vaultbind.expiry.reads import OwnReads, fetch_new
from vaultbind.expiry.sink import HttpSink
from vaultbind.telemetry.expiry import ExpiryMetrics
from vaultbind.vaults.hub import VaultHub


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlets:
    """Made by `build_outlets`; each part is None where nobody wants it."""

    reads: OwnReads
    outbox: Outbox | None = None
    delivery: Delivery | None = None
    sink: HttpSink | None = None
    handlers: Handlers | None = None

    def wake(self) -> None:
        """Something may be in the outbox."""
        if self.delivery is not None:
            self.delivery.wake()

    async def run(self) -> None:
        """Tell until cancelled."""
        async with asyncio.TaskGroup() as group:
            for part in (self.delivery, self.handlers):
                if part is not None:
                    group.create_task(part.run())

    async def aclose(self) -> None:
        """Close connections and threads."""
        if self.handlers is not None:
            self.handlers.close()
        if self.sink is not None:
            await self.sink.aclose()


def build_outlets(
    settings: OutletSettings,
    *,
    hub: VaultHub,
    clock: Clock,
    metrics: ExpiryMetrics,
    judge: Callable[[ObjectKey], None],
    may_send: Callable[[], bool],
) -> Outlets:
    """Put them together; nothing is opened. `judge` is told of a KeyVault whose events have all been sent.

    Raises HandlerError.
    """
    reads = OwnReads(hub=hub, now=clock.now, observer=metrics)
    handlers = None
    if settings.handlers:
        handlers = Handlers(
            handlers=tuple(map(load_handler, settings.handlers)),
            read=partial(fetch_new, hub),
            find_versions=reads.find_versions,
            observer=metrics,
        )
    if settings.sink is None:
        return Outlets(reads=reads, handlers=handlers)
    outbox, sink = Outbox(), HttpSink(settings.sink)
    metrics.show_waiting(outbox.__len__)
    delivery = Delivery(
        outbox=outbox,
        host=settings.sink.host,
        send=sink.send,
        find_versions=reads.find_versions,
        on_sent=judge,
        observer=metrics,
        may_send=may_send,
    )
    return Outlets(reads=reads, outbox=outbox, delivery=delivery, sink=sink, handlers=handlers)
