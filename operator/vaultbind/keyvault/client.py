"""The client of one vault."""

import random
from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vaultbind.keyvault.arguments import tell_wrong_types
from vaultbind.keyvault.assembly import Assembly, Given, Transport
from vaultbind.keyvault.cache.manager import CacheStats
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.health import HealthStatus, check_health
from vaultbind.keyvault.observer import Observer
from vaultbind.keyvault.observing import contain
from vaultbind.keyvault.resilience.breaker import Breaker, BreakerState
from vaultbind.keyvault.resilience.clock import Clock, SystemClock
from vaultbind.keyvault.resilience.ratelimit import TokenBucket
from vaultbind.keyvault.resilience.retry import RetryBudget
from vaultbind.keyvault.rotation.monitor import ExpiryMonitor
from vaultbind.keyvault.rotation.reader import VaultReader
from vaultbind.keyvault.shortcuts import VaultServices
from vaultbind.keyvault.transport.auth import quiet_azure_loggers
from vaultbind.keyvault.types.common import ObjectKind

if TYPE_CHECKING:
    from vaultbind.keyvault.builder import KeyVaultClientBuilder


@tell_wrong_types
class KeyVaultClient(VaultServices):
    """Secrets, certificates and keys of one vault.

        async with KeyVaultClient.from_env() as client:
            password = (await client.secrets.get_secret("db-password")).value.expose_secret()

    Building it does no I/O. What is given (`transport`, `limiter`, a credential object ...) stays its
    owner's; what the client makes itself, `aclose()` ends. Clients of one process should be given one
    SharedTransport: then they share connections, one credential per identity with its tokens, and what is a
    vault's. A client without one shares nothing.
    """

    def __init__(
        self,
        config: KeyVaultConfig,
        *,
        transport: Transport | None = None,
        limiter: TokenBucket | None = None,
        breaker: Breaker | None = None,
        retry_budget: RetryBudget | None = None,
        observer: Observer | None = None,
        clock: Clock | None = None,
        monitor_clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`limiter`, `breaker` and `retry_budget` may be shared by clients of the same vault, and no others.

        A `transport` has its own trust, proxy and timeouts: those of `config` are for a client without one.
        What is not given comes from the SharedTransport, where clients of a vault with equal settings have
        one of each, or is the client's own.
        `jitter` gives numbers from 0 to 1.
        `monitor_clock` is what `expiry_monitor` waits by, where that is not `clock`.
        """
        _check_config(config)
        quiet_azure_loggers()
        clock = clock or SystemClock()
        self.config = config
        self._observer = contain(observer)
        self._monitor_clock = monitor_clock or clock
        self._monitor: ExpiryMonitor | None = None
        given = Given(transport=transport, limiter=limiter, breaker=breaker, retry_budget=retry_budget)
        self._parts = Assembly(config, given, clock=clock, observer=self._observer)
        super().__init__(self._parts.build_pipeline(jitter))

    @classmethod
    def new(cls, config: KeyVaultConfig) -> Self:
        """Make a client of its own connections.

            client = KeyVaultClient.new(KeyVaultConfig(vault_url="https://shop.vault.azure.net"))

        Raises KeyVaultError (CONFIGURATION) for anything but a KeyVaultConfig.
        """
        return cls(config)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Make a client for `AZURE_KEYVAULT_URL`.

            other = KeyVaultClient.from_env({"AZURE_KEYVAULT_URL": "https://shop.vault.azure.net"})

        Raises KeyVaultError (CONFIGURATION), which tells all mistakes at once.
        """
        return cls(KeyVaultConfig.from_env(environ))

    @staticmethod
    def builder() -> "KeyVaultClientBuilder":
        """Start a client setting by setting.

            other = KeyVaultClient.builder().vault_url("https://shop.vault.azure.net").build()

        Its `build()` raises KeyVaultError (CONFIGURATION), which tells all mistakes at once.
        """
        from vaultbind.keyvault.builder import KeyVaultClientBuilder

        return KeyVaultClientBuilder()

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the vault's clock is ahead of ours, to about one second; compared once a second.

        None before the first answer. What is slow on its way looks like a clock that is behind.
        """
        return self._pipeline.clock_offset

    @property
    def vault_url(self) -> str:
        """The vault's address in its normal form."""
        return self._pipeline.url

    @property
    def breaker_state(self) -> BreakerState:
        """Whether the vault is being left alone after failures in a row."""
        return self._pipeline.breaker_state

    @property
    def cache_stats(self) -> CacheStats | None:
        """What the cache did so far; None without one."""
        return self._pipeline.cache.stats if self._pipeline.cache is not None else None

    @property
    def observer_failures(self) -> Mapping[str, int]:
        """How often the observer has raised, by the exception's type; no request is hurt by that."""
        return self._observer.failures

    @property
    def expiry_monitor(self) -> ExpiryMonitor:
        """What watches the vault for expiry and rotation; it asks nothing before it is started."""
        if self._monitor is None:
            reader = VaultReader(self._secrets, self._keys, self._certificates, forget=self._forget)
            self._monitor = ExpiryMonitor(
                reader, self._monitor_clock, self.config.monitor, check_open=self._pipeline.check_open
            )
            self._parts.own(self._monitor.stop)
        return self._monitor

    def register_rotation_handler(self, handler: object) -> None:
        """Let `expiry_monitor` tell this handler.

            client.register_rotation_handler(handler)
            await client.expiry_monitor.start(timedelta(hours=6))

        A handler is a RotationHandler, or any object with some of its methods. Raises KeyVaultError
        (CONFIGURATION) if it handles nothing.
        """
        self.expiry_monitor.register(handler)

    async def health_check(self) -> HealthStatus:
        """Find out whether the vault can be used, by up to three small reads; raises nothing.

            health = await client.health_check()
            print(health.reachable, health.authorized, health.clock_skew)

        No permission is needed; which ones the identity has is part of the answer.
        """
        return await check_health(self._pipeline)

    async def send_request(
        self, method: str, path: str, content: bytes | None = None, *, name: str | None = None
    ) -> bytes:
        """Send what the services have no method for, and return the answer's body.

            body = await client.send_request("GET", "/secrets/db-password/", name="db-password")

        `path` begins with `/secrets`, `/keys`, `/certificates` or their `/deleted...` and has no query;
        `content` is JSON; `name` is the object's, for errors and the cache. Observers see only its kind.
        Raises KeyVaultError: VALIDATION (another path) and those of any call.
        """
        return await self._pipeline.send_raw(method, path, content, name=name)

    async def aclose(self) -> None:
        """End what the client made itself, and what it shares if it is the last one.

            await client.aclose()

        `async with` does it. Raises nothing. Every call after it raises KeyVaultError (UNREACHABLE) with the
        code ClientClosed; `health_check()` has it in its answer.
        """
        self._pipeline.close()
        await self._parts.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __await__(self) -> Generator[Any, None, Self]:
        """`await KeyVaultClient.from_env()` is allowed, though nothing needs to be waited for."""
        return self._itself().__await__()

    async def _itself(self) -> Self:
        return self

    def _forget(self, kind: ObjectKind, name: str) -> None:
        if self._pipeline.cache is not None:
            self._pipeline.cache.forget(kind, name)


def _check_config(given: object) -> None:
    if not isinstance(given, KeyVaultConfig):
        detail = "a client is made of a KeyVaultConfig: KeyVaultClient.builder().vault_url(...).build()"
        raise KeyVaultError(KeyVaultErrorKind.CONFIGURATION, detail=detail)
