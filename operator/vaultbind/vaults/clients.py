"""From a KeyVault's spec to a client: identity, trust, pace. Building one sends nothing to Azure."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from vaultbind.api.keyvault import BundleRef, KeyVaultSpec
from vaultbind.engine.clock import Clock, SystemClock
from vaultbind.keyvault import KeyVaultClient, KeyVaultConfig, KeyVaultError, Observer, SharedTransport
from vaultbind.kube.client import KubeClient
from vaultbind.vaults.connections import Connections, Lent
from vaultbind.vaults.fence import FencedTransport
from vaultbind.vaults.identity import fetch_identity
from vaultbind.vaults.material import Material, Piece, bundle_invalid, describe_bundle, has_outdated
from vaultbind.vaults.rights import Asker


class Observers(Protocol):
    """Gives each vault's observer, by host name."""

    def of(self, vault: str) -> Observer:
        """Observer of one vault."""


@dataclass(slots=True, kw_only=True)
class VaultClients:
    """Makes clients; those that trust the same CAs share connections, credentials and each vault's pace."""

    kube: KubeClient
    observers: Observers
    clock: Clock = field(default_factory=SystemClock)
    asker: Asker = Asker.OPERATOR
    """Whose account `kube` uses."""
    open_transport: Callable[..., SharedTransport] = FencedTransport
    may_ask: Callable[[], bool] = lambda: True
    """Whether this process leads; asked before each request."""
    _connections: Connections = field(init=False)
    _time: "_ClientTime" = field(init=False)

    def __post_init__(self) -> None:
        """One time for all clients: those with another one would share nothing."""
        self._connections = Connections(open_transport=self._open_transport, may_send=self._may_send)
        self._time = _ClientTime(self.clock)

    async def warm(self) -> None:
        """Load what a first request needs beside the loop: identities' code, the system's certificates."""
        loading = asyncio.to_thread(importlib.import_module, "azure.identity.aio")
        await asyncio.gather(self._connections.warm(), loading)

    async def make(self, spec: KeyVaultSpec) -> KeyVaultClient:
        """Make the client of a vault.

        Raises KeyVaultError: AUTHENTICATION_FAILED where something in the cluster cannot be had or used that
        identity or trust need; CONFIGURATION where the CA bundle of the spec itself is of no use.
        """
        material = Material(kube=self.kube, asker=self.asker)
        ref = spec.ca_bundle_ref
        lent = self._connections.lend(spec.ca_bundle if ref is None else await material.fetch_bundle(ref))
        try:
            if ref is not None:
                await _open(lent.transport, ref)
            return await self._make(spec, material, lent)
        except BaseException:
            await lent.give_back()
            raise

    async def _make(self, spec: KeyVaultSpec, material: Material, lent: Lent) -> KeyVaultClient:
        config = KeyVaultConfig(
            vault_url=spec.url,
            credential=await fetch_identity(spec, material, self.clock),
            requests_per_second=spec.requests_per_second,
            burst=spec.burst,
        )
        observer = self.observers.of(urlsplit(spec.url).netloc)
        return MadeClient(
            config,
            transport=lent.transport,
            observer=observer,
            clock=self._time,
            pieces=tuple(material.pieces),
            give_back=lent.give_back,
        )

    async def is_outdated(self, client: KeyVaultClient) -> bool:
        """Whether something in the cluster that a client was made of is not as it was."""
        return isinstance(client, MadeClient) and await has_outdated(self.kube, client.pieces)

    def _open_transport(self, *given: Any, **named: Any) -> SharedTransport:
        return self.open_transport(*given, **named)  # set after this was made, as `may_ask`

    def _may_send(self) -> bool:
        return self.may_ask()  # set after the transports may have been made

    async def aclose(self) -> None:
        """Close connections, and the credentials that go over them."""
        await self._connections.aclose()


class MadeClient(KeyVaultClient):
    """A client that knows what it was made of, and gives its connections back when it closes."""

    def __init__(
        self,
        config: KeyVaultConfig,
        *,
        pieces: tuple[Piece, ...],
        give_back: Callable[[], Awaitable[None]],
        **options: Any,
    ) -> None:
        """Take `options` as KeyVaultClient does."""
        super().__init__(config, **options)
        self.pieces = pieces
        self._give_back = give_back

    async def aclose(self) -> None:
        """End the client; the last one of its trust ends the connections."""
        await super().aclose()
        await self._give_back()


class _ClientTime:
    """The operator's clock as the client library wants it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic()

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        await asyncio.sleep(seconds)


async def _open(transport: SharedTransport, ref: BundleRef) -> None:
    """Read the certificates now: later nobody would know that they came by reference."""
    try:
        await transport.open()
    except KeyVaultError:
        problem = "its certificates cannot be read"
    else:
        return
    raise bundle_invalid(describe_bundle(ref), problem)
