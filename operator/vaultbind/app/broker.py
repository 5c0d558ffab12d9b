"""The broker put together: its own hub, its own clients of vaults, and the server in front."""

import asyncio
import logging
from collections.abc import Mapping

from vaultbind.api.address import Address
from vaultbind.engine.cache import ObjectCache
from vaultbind.engine.clock import Clock
from vaultbind.injection.broker import Broker, BrokerServer
from vaultbind.injection.identity import CallerChecks
from vaultbind.injection.tls import ServingTls
from vaultbind.injection.values import ValueSource
from vaultbind.kube.client import KubeClient
from vaultbind.telemetry.metrics import Metrics
from vaultbind.vaults.clients import VaultClients
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.policy import VaultPolicy
from vaultbind.vaults.rights import Asker

logger = logging.getLogger(__name__)


class BrokerProcess:
    """Everything that `vaultbind broker` holds; `serve` until `stop` is set."""

    def __init__(
        self,
        *,
        client: KubeClient,
        policy: VaultPolicy,
        clock: Clock,
        metrics: Metrics,
        listen: Address,
        tls: ServingTls,
    ) -> None:
        """Put the parts together; nothing is started."""
        self.ready = asyncio.Event()
        self.clients = VaultClients(kube=client, observers=metrics.vaults, clock=clock, asker=Asker.BROKER)
        labels: dict[str, Mapping[str, str]] = {}
        self.hub = VaultHub(
            cache=ObjectCache(),
            clock=clock,
            policy=policy,
            make_client=self.clients.make,
            is_outdated=self.clients.is_outdated,
            enqueue=lambda *_: None,  # nobody looks at vaults here: values are read when they are asked for
            namespace_labels=lambda name: labels.get(name, {}),
        )
        self.values = ValueSource(client=client, hub=self.hub, clock=clock, labels=labels)
        self.broker = Broker(
            checks=CallerChecks(client=client), values=self.values, clock=clock, observer=metrics.injection
        )
        self.server = BrokerServer(self.broker, listen.host, listen.port, tls)

    async def serve(self, stop: asyncio.Event, drain: float = 0.0) -> None:
        """Listen until `drain` seconds after `stop` is set. Raises OSError where that cannot be."""
        await self.server.start()
        purging = asyncio.create_task(self.values.purge_for_ever())
        logger.info("the broker listens on port %d", self.server.port)
        self.ready.set()
        try:
            await stop.wait()
            self.ready.clear()
            await asyncio.sleep(drain)
        finally:
            self.ready.clear()
            purging.cancel()
            await self.server.stop()
            await self.hub.aclose()
            await self.clients.aclose()
