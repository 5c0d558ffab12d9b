"""The client that a session holds: made at the first call, and anew when what it was made of has changed."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from vaultbind.api.keyvault import KeyVaultSpec
from vaultbind.engine.clock import Clock
from vaultbind.keyvault import KeyVaultClient

ClientFactory = Callable[[KeyVaultSpec], Awaitable[KeyVaultClient]]
"""Makes the client of a vault. Raises KeyVaultError where what it is made of cannot be had."""
OutdatedCheck = Callable[[KeyVaultClient], Awaitable[bool]]
"""Tells whether a client has to be made anew, because objects of the cluster that it was made of changed."""

MOST_OPEN = 4
"""Replaced clients that stay open: an identity that is refused again and again is replaced each time."""


async def never_outdated(_client: KeyVaultClient) -> bool:
    """For clients that nothing in the cluster changes."""
    return False


@dataclass(slots=True, kw_only=True)
class HeldClient:
    """One client at a time, made once however many ask for it.

    Where the spec names objects of the cluster, they are looked at once per `refreshInterval` at most, by
    whoever comes first; the others keep the client that there is. One that was replaced or dropped stays open
    for an interval at least, until somebody comes after that: what it was asked before gets its answers. Of
    more than `MOST_OPEN` the oldest are closed.
    """

    spec: KeyVaultSpec
    clock: Clock
    make: ClientFactory
    is_outdated: OutdatedCheck = never_outdated
    _client: KeyVaultClient | None = None
    _replaced: deque[tuple[KeyVaultClient, float]] = field(default_factory=deque)
    """Clients that are still open, and since when they are replaced."""
    _flight: asyncio.Task[KeyVaultClient] | None = None
    _checked: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether there is no client at present."""
        return self._client is None

    async def get(self) -> KeyVaultClient:
        """Return the client. Raises KeyVaultError where it cannot be made; the next call tries again."""
        if self._client is not None and not self._is_due():
            return self._client
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._refresh())
        return await asyncio.shield(self._flight)

    def renew(self) -> None:
        """Drop the client, so that what it is made of is read again."""
        if self._client is not None:
            self._replaced.append((self._client, self.clock.monotonic()))
            self._client = None

    async def aclose(self) -> None:
        """End what is under way and close what is held."""
        if self._flight is not None:
            self._flight.cancel()
        self.renew()
        while self._replaced:
            await self._close_first()

    def _is_due(self) -> bool:
        return (self.spec.reads_cluster or bool(self._replaced)) and self._is_past(self._checked)

    def _is_past(self, moment: float) -> bool:
        return self.clock.monotonic() - moment >= self.spec.refresh_interval.total_seconds()

    async def _refresh(self) -> KeyVaultClient:
        self._checked = self.clock.monotonic()
        while self._replaced and (self._is_past(self._replaced[0][1]) or len(self._replaced) > MOST_OPEN):
            await self._close_first()
        client = self._client
        if client is not None and not await self.is_outdated(client) and self._client is client:
            return client
        self.renew()
        made = self._client = await self.make(self.spec)
        return made

    async def _close_first(self) -> None:
        client, _ = self._replaced.popleft()
        await client.aclose()
