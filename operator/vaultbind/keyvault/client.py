"""The client of one vault."""

import random
from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import Any, Self

from azure.core.pipeline.transport import AsyncHttpTransport

from vaultbind.keyvault.cache.manager import CacheStats, ReadCache
from vaultbind.keyvault.config import KeyVaultConfig, KeyVaultConfigBuilder
from vaultbind.keyvault.envelope.envelopes import Envelopes
from vaultbind.keyvault.observer import NullObserver, Observer
from vaultbind.keyvault.resilience.breaker import BreakerState
from vaultbind.keyvault.resilience.clock import Clock, SystemClock
from vaultbind.keyvault.resilience.ratelimit import TokenBucket
from vaultbind.keyvault.rotation.monitor import ExpiryMonitor
from vaultbind.keyvault.rotation.reader import VaultReader
from vaultbind.keyvault.services.certificates import CertificatesService
from vaultbind.keyvault.services.keys import KeysService
from vaultbind.keyvault.services.secrets import SecretsService
from vaultbind.keyvault.transport.auth import (
    ClientSecretIdentity,
    DefaultIdentity,
    ManagedIdentity,
    WorkloadIdentity,
    build_credential,
    quiet_azure_loggers,
)
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.transport.tokens import SharedCredential, share_credential
from vaultbind.keyvault.types.common import ObjectKind
from vaultbind.keyvault.types.key import Key

Transport = AsyncHttpTransport[Any, Any]
_IDENTITIES = (DefaultIdentity, ManagedIdentity, ClientSecretIdentity, WorkloadIdentity)


class KeyVaultClient:
    """Secrets, certificates and keys of one vault.

        async with KeyVaultClient.from_env() as client:
            password = (await client.secrets.get_secret("db-password")).value.expose_secret()

    Building it does no I/O. `transport`, `limiter` and a credential object stay their owner's; what the
    client makes itself, `aclose()` ends. Clients of one process should share a SharedTransport, and one
    credential per identity.
    """

    def __init__(
        self,
        config: KeyVaultConfig,
        *,
        transport: Transport | None = None,
        limiter: TokenBucket | None = None,
        observer: Observer | None = None,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`limiter` is for this vault alone; `jitter` gives numbers from 0 to 1."""
        quiet_azure_loggers()
        clock = clock or SystemClock()
        observer = observer or NullObserver()
        self.config = config
        self._clock = clock
        self._monitor: ExpiryMonitor | None = None
        self._owned: list[Callable[[], Any]] = []
        transport = transport or self._open_transport(config)
        self._pipeline = VaultPipeline(
            config,
            credential=self._open_credential(config, transport, clock, observer),
            transport=transport,
            limiter=limiter
            or TokenBucket(config.requests_per_second, config.burst, clock, max_wait=config.max_wait),
            observer=observer,
            clock=clock,
            jitter=jitter,
            cache=self._open_cache(config, clock, observer),
        )
        self._secrets = SecretsService(self._pipeline)
        self._certificates = CertificatesService(self._pipeline, self._secrets.get_secret)
        self._keys = KeysService(self._pipeline)

    @classmethod
    def new(cls, config: KeyVaultConfig) -> Self:
        """Make a client of its own connections."""
        return cls(config)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Make a client for `AZURE_KEYVAULT_URL`; raises KeyVaultError (CONFIGURATION)."""
        return cls(KeyVaultConfig.from_env(environ))

    @staticmethod
    def builder() -> "KeyVaultClientBuilder":
        """Start a client setting by setting."""
        return KeyVaultClientBuilder()

    @property
    def vault_url(self) -> str:
        """The vault's address in its normal form."""
        return self._pipeline.url

    @property
    def secrets(self) -> SecretsService:
        """The vault's secrets."""
        return self._secrets

    @property
    def certificates(self) -> CertificatesService:
        """The vault's certificates."""
        return self._certificates

    @property
    def keys(self) -> KeysService:
        """The vault's keys."""
        return self._keys

    @property
    def breaker_state(self) -> BreakerState:
        """Whether the vault is being left alone after failures in a row."""
        return self._pipeline.breaker_state

    @property
    def cache_stats(self) -> CacheStats | None:
        """What the cache did so far; None without one."""
        return self._pipeline.cache.stats if self._pipeline.cache is not None else None

    @property
    def envelopes(self) -> Envelopes:
        """Encryption of payloads of any size, with keys that the vault wraps."""
        return Envelopes(self._keys, self._pipeline.url)

    async def envelope_encrypt(self, key: str | Key, plaintext: bytes, *, aad: bytes = b"") -> bytes:
        """Encrypt bytes of any number for an RSA key; `envelopes.encrypt` has more options. Raises as it."""
        return await self.envelopes.encrypt(key, plaintext, aad=aad)

    async def envelope_decrypt(self, envelope: bytes, *, aad: bytes = b"") -> bytes:
        """Decrypt what `envelope_encrypt` made with a key of this vault; raises as `envelopes.decrypt`."""
        return await self.envelopes.decrypt(envelope, aad=aad)

    @property
    def expiry_monitor(self) -> ExpiryMonitor:
        """What watches the vault for expiry and rotation; it asks nothing before it is started."""
        if self._monitor is None:
            reader = VaultReader(self._secrets, self._keys, self._certificates, forget=self._forget)
            self._monitor = ExpiryMonitor(reader, self._clock, self.config.monitor)
            self._owned.append(self._monitor.stop)
        return self._monitor

    def register_rotation_handler(self, handler: object) -> None:
        """Let `expiry_monitor` tell this handler; raises KeyVaultError (CONFIGURATION) if it handles nothing.

        A handler is a RotationHandler, or any object with some of its methods.
        """
        self.expiry_monitor.register(handler)

    async def aclose(self) -> None:
        """End what the client made itself."""
        while self._owned:
            await self._owned.pop()()

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

    def _open_transport(self, config: KeyVaultConfig) -> Transport:
        from vaultbind.keyvault.transport.session import SharedTransport

        transport = SharedTransport(
            ca_pem=config.ca_pem,
            proxy=config.proxy,
            connect_timeout=config.connect_timeout,
            read_timeout=config.read_timeout,
        )
        self._owned.append(transport.aclose)
        return transport

    def _forget(self, kind: ObjectKind, name: str) -> None:
        if self._pipeline.cache is not None:
            self._pipeline.cache.forget(kind, name)

    def _open_cache(self, config: KeyVaultConfig, clock: Clock, observer: Observer) -> ReadCache | None:
        if config.cache is None:
            return None
        cache = ReadCache(config.cache, clock.monotonic, observer)
        self._owned.append(cache.aclose)
        return cache

    def _open_credential(
        self, config: KeyVaultConfig, transport: Transport, clock: Clock, observer: Observer
    ) -> SharedCredential:
        given = config.credential
        if not isinstance(given, _IDENTITIES):
            return share_credential(given, clock=clock.time, observer=observer)
        credential = build_credential(given, transport=transport, clock=clock.time, observer=observer)
        self._owned.append(credential.aclose)
        return credential


class KeyVaultClientBuilder(KeyVaultConfigBuilder):
    """A configuration's builder that ends in a client."""

    def __init__(self) -> None:
        """Start with defaults."""
        super().__init__()
        self._parts: dict[str, Any] = {}

    def transport(self, transport: Transport) -> Self:
        """Use these connections; they stay the caller's."""
        self._parts["transport"] = transport
        return self

    def observer(self, observer: Observer) -> Self:
        """Tell this observer about requests."""
        self._parts["observer"] = observer
        return self

    def build_client(self) -> KeyVaultClient:
        """Make the client; raises KeyVaultError (CONFIGURATION) that tells all mistakes at once."""
        return KeyVaultClient(self.build(), **self._parts)
