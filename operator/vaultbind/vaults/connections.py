"""Connections to vaults, one pool per set of certificates that are trusted, closed with its last client."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from vaultbind.keyvault import KeyVaultError, SharedTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """A pool, and how to give it back; giving it back twice is giving it back once."""

    transport: SharedTransport
    give_back: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Pool:
    transport: SharedTransport
    users: int = 0


@dataclass(slots=True, kw_only=True)
class Connections:
    """Pools by their CA bundle; the one that trusts the system alone stays, for most vaults use it."""

    open_transport: Callable[..., SharedTransport]
    may_send: Callable[[], bool]
    """Whether this process leads; asked before each request."""
    _pools: dict[str, _Pool] = field(default_factory=dict)

    def lend(self, ca_bundle: str) -> Lent:
        """Lend the pool that trusts these certificates (PEM; empty: the system's) to one more client."""
        pool = self._pool(ca_bundle)
        pool.users += 1
        users = [pool]

        async def give_back() -> None:
            if users:
                await self._give_back(ca_bundle, users.pop())

        return Lent(transport=pool.transport, give_back=give_back)

    async def warm(self) -> None:
        """Read the system's certificates; what is wrong with them is told to those who need them."""
        with suppress(KeyVaultError):
            await self._pool("").transport.open()

    def _pool(self, ca_bundle: str) -> _Pool:
        pool = self._pools.get(ca_bundle)
        if pool is None:
            pool = _Pool(self.open_transport(self.may_send, ca_pem=ca_bundle or None))
            self._pools[ca_bundle] = pool
        return pool

    async def _give_back(self, ca_bundle: str, pool: _Pool) -> None:
        pool.users -= 1
        if not pool.users and ca_bundle and self._pools.get(ca_bundle) is pool:
            del self._pools[ca_bundle]
            await pool.transport.aclose()

    async def aclose(self) -> None:
        """Close all, whoever has them; credentials that go over them end, too."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.transport.aclose()
