"""How a client is put together: what it shares with others, what is its own, and what it ends."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from azure.core.pipeline.transport import AsyncHttpTransport

from vaultbind.keyvault.cache.manager import ReadCache
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.observing import ContainedObserver
from vaultbind.keyvault.resilience.breaker import Breaker
from vaultbind.keyvault.resilience.clock import Clock
from vaultbind.keyvault.resilience.ratelimit import TokenBucket
from vaultbind.keyvault.resilience.retry import RetryBudget
from vaultbind.keyvault.transport.auth import build_credential
from vaultbind.keyvault.transport.identities import CredentialConfig
from vaultbind.keyvault.transport.pipeline import VaultPipeline, VaultState
from vaultbind.keyvault.transport.policies import FirstCall
from vaultbind.keyvault.transport.shares import End, Shares, Who, end_all, key_of
from vaultbind.keyvault.transport.tokens import SharedCredential, share_credential
from vaultbind.keyvault.validation import parse_vault_url

T = TypeVar("T")
Transport = AsyncHttpTransport[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a caller brings along; it stays the caller's."""

    transport: Transport | None = None
    limiter: TokenBucket | None = None
    breaker: Breaker | None = None
    retry_budget: RetryBudget | None = None


class Assembly:
    """Makes or borrows the parts of one client, and ends or gives them back.

    A transport with `shares` (SharedTransport) lends what its clients have in common (ADR 0025); with any
    other one, and with connections of its own, a client shares nothing but what it is given.
    """

    def __init__(
        self, config: KeyVaultConfig, given: Given, *, clock: Clock, observer: ContainedObserver
    ) -> None:
        """No I/O yet."""
        self._config = config
        self._clock = clock
        self._observer = observer
        self._given = given
        self._ends: list[End] = []
        self._vault = parse_vault_url(config.vault_url).authority
        self._transport = given.transport or self._open_transport()
        self._shares: Shares = getattr(self._transport, "shares", None) or Shares()

    def own(self, end: Callable[[], Awaitable[Any]]) -> None:
        """Await this when the client closes, before what is older."""
        self._ends.append(end)

    async def aclose(self) -> None:
        """End what is this client's own, and give back the rest; the youngest first. Raises nothing."""
        ends, self._ends = self._ends, []
        await end_all(ends)

    def build_pipeline(self, jitter: Callable[[], float]) -> VaultPipeline:
        """Make the client's way to the wire."""
        return VaultPipeline(
            self._config,
            credential=self._credential(),
            transport=self._transport,
            state=self._borrow_state(),
            observer=self._observer,
            clock=self._clock,
            jitter=jitter,
            cache=self._open_cache(),
        )

    def _borrow_state(self) -> VaultState:
        return VaultState(
            limiter=self._given.limiter or self._limiter(),
            breaker=self._given.breaker or self._breaker(),
            retry_budget=self._given.retry_budget or self._retry_budget(),
            first_call=self._borrow(("first call", self._vault, Who(self._config.credential)), FirstCall),
        )

    def _open_transport(self) -> Transport:
        from vaultbind.keyvault.transport.session import SharedTransport

        transport = SharedTransport(
            ca_pem=self._config.ca_pem,
            proxy=self._config.proxy,
            connect_timeout=self._config.connect_timeout,
            read_timeout=self._config.read_timeout,
        )
        self.own(transport.aclose)
        return transport

    def _open_cache(self) -> ReadCache | None:
        if self._config.cache is None:
            return None
        cache = ReadCache(self._config.cache, self._clock.monotonic, self._observer)
        self.own(cache.aclose)
        return cache

    def _credential(self) -> SharedCredential:
        given = self._config.credential
        if isinstance(given, SharedCredential):
            return given
        key = ("credential", Who(given), key_of(self._clock))
        return self._borrow(key, self._build_credential, SharedCredential.aclose)

    def _build_credential(self) -> SharedCredential:
        given, clock, observer = self._config.credential, self._clock.time, self._observer
        if isinstance(given, CredentialConfig):
            return build_credential(given, transport=self._transport, clock=clock, observer=observer)
        return share_credential(given, clock=clock, observer=observer)

    def _limiter(self) -> TokenBucket:
        rate, burst, wait = self._config.requests_per_second, self._config.burst, self._config.max_wait
        key = ("limiter", self._vault, rate, burst, wait, key_of(self._clock))
        return self._borrow(key, lambda: TokenBucket(rate, burst, self._clock, max_wait=wait))

    def _breaker(self) -> Breaker:
        config = self._config.breaker
        key = ("breaker", self._vault, config, key_of(self._clock))
        return self._borrow(key, lambda: Breaker(config))

    def _retry_budget(self) -> RetryBudget:
        config = self._config.retry
        key = ("retry budget", self._vault, config.share, config.reserve)
        return self._borrow(key, lambda: RetryBudget(config))

    def _borrow(
        self, key: Hashable, make: Callable[[], T], end: Callable[[T], Awaitable[None]] | None = None
    ) -> T:
        value, give_back = self._shares.borrow(key, make, end)
        self.own(give_back)
        return value
