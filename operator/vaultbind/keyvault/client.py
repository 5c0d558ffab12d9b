"""The client of one vault."""

import random
from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from azure.core.pipeline.transport import AsyncHttpTransport

from vaultbind.keyvault.cache.manager import CacheStats, ReadCache
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.crypto_rules import parse_algorithm
from vaultbind.keyvault.envelope.envelopes import Envelopes
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.health import HealthStatus, check_health
from vaultbind.keyvault.observer import NullObserver, Observer
from vaultbind.keyvault.resilience.breaker import Breaker, BreakerState
from vaultbind.keyvault.resilience.clock import Clock, SystemClock
from vaultbind.keyvault.resilience.ratelimit import TokenBucket
from vaultbind.keyvault.resilience.retry import RetryBudget
from vaultbind.keyvault.rotation.monitor import ExpiryMonitor
from vaultbind.keyvault.rotation.reader import VaultReader
from vaultbind.keyvault.services.certificates import CertificatesService
from vaultbind.keyvault.services.keys import KeysService
from vaultbind.keyvault.services.secrets import SecretsService
from vaultbind.keyvault.transport.auth import build_credential, quiet_azure_loggers
from vaultbind.keyvault.transport.identities import CredentialConfig
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.transport.tokens import SharedCredential, share_credential
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.common import ObjectKind, SecretString
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm
from vaultbind.keyvault.types.key import Key
from vaultbind.keyvault.types.secret import Secret

if TYPE_CHECKING:
    from vaultbind.keyvault.builder import KeyVaultClientBuilder

Transport = AsyncHttpTransport[Any, Any]


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
        breaker: Breaker | None = None,
        retry_budget: RetryBudget | None = None,
        observer: Observer | None = None,
        clock: Clock | None = None,
        monitor_clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Clients of the same vault may share `limiter`, `breaker` and `retry_budget`; others may not.

        `jitter` gives numbers from 0 to 1.
        `monitor_clock` is what `expiry_monitor` waits by, where that is not `clock`.
        """
        _check_config(config)
        quiet_azure_loggers()
        clock = clock or SystemClock()
        observer = observer or NullObserver()
        self.config = config
        self._monitor_clock = monitor_clock or clock
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
            breaker=breaker,
            retry_budget=retry_budget,
        )
        self._secrets = SecretsService(self._pipeline)
        self._certificates = CertificatesService(self._pipeline, self._secrets.get_secret)
        self._keys = KeysService(self._pipeline)

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
        """Seconds by which the vault's clock is ahead of ours, by its last answer and to about one second.

        None before the first answer. What is slow on its way looks like a clock that is behind.
        """
        return self._pipeline.clock_offset

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
        """Encrypt bytes of any number for an RSA key; needs `keys/get` and `keys/wrapKey`.

            sealed = await client.envelope_encrypt("orders", b"a long report", aad=b"report 7")

        `envelopes.encrypt` has more options. Raises as it.
        """
        return await self.envelopes.encrypt(key, plaintext, aad=aad)

    async def envelope_decrypt(self, envelope: bytes, *, aad: bytes = b"") -> bytes:
        """Decrypt what `envelope_encrypt` made with a key of this vault; needs `keys/unwrapKey`.

            report = await client.envelope_decrypt(envelope, aad=b"report 7")

        Raises as `envelopes.decrypt`.
        """
        return await self.envelopes.decrypt(envelope, aad=aad)

    @property
    def expiry_monitor(self) -> ExpiryMonitor:
        """What watches the vault for expiry and rotation; it asks nothing before it is started."""
        if self._monitor is None:
            reader = VaultReader(self._secrets, self._keys, self._certificates, forget=self._forget)
            self._monitor = ExpiryMonitor(reader, self._monitor_clock, self.config.monitor)
            self._owned.append(self._monitor.stop)
        return self._monitor

    def register_rotation_handler(self, handler: object) -> None:
        """Let `expiry_monitor` tell this handler.

            client.register_rotation_handler(handler)
            await client.expiry_monitor.start(timedelta(hours=6))

        A handler is a RotationHandler, or any object with some of its methods. Raises KeyVaultError
        (CONFIGURATION) if it handles nothing.
        """
        self.expiry_monitor.register(handler)

    async def get_secret(self, name: str) -> Secret:
        """Read a secret's latest version; needs `secrets/get`.

            password = (await client.get_secret("db-password")).value.expose_secret()

        Raises as `secrets.get_secret`.
        """
        return await self._secrets.get_secret(name)

    async def get_secret_version(self, name: str, version: str) -> Secret:
        """Read one version of a secret; needs `secrets/get`.

            old = await client.get_secret_version("db-password", version)

        Raises as `secrets.get_secret_version`.
        """
        return await self._secrets.get_secret_version(name, version)

    async def set_secret(self, name: str, value: str | SecretString) -> Secret:
        """Make a new version of a secret; needs `secrets/set`.

            await client.set_secret("db-password", "s3cr3t")

        Raises as `secrets.set_secret`.
        """
        return await self._secrets.set_secret(name, value)

    async def get_key(self, name: str) -> Key:
        """Read a key's latest version; needs `keys/get`.

            key = await client.get_key("orders")

        Raises as `keys.get_key`.
        """
        return await self._keys.get_key(name)

    async def get_certificate(self, name: str) -> Certificate:
        """Read a certificate's latest version; needs `certificates/get`.

            leaf = (await client.get_certificate("shop")).leaf

        Raises as `certificates.get_certificate`.
        """
        return await self._certificates.get_certificate(name)

    async def encrypt(self, key_name: str, algorithm: EncryptionAlgorithm, plaintext: bytes) -> bytes:
        """Encrypt one block with the latest version of an RSA key; needs `keys/encrypt`.

            rsa = EncryptionAlgorithm.RSA_OAEP_256
            ciphertext = await client.encrypt("orders", rsa, b"card 4711")

        `keys.encrypt` without the rest of its result. Raises KeyVaultError: VALIDATION for AES, whose iv and
        tag would be lost, and as `keys.encrypt`.
        """
        algorithm = parse_algorithm(EncryptionAlgorithm, algorithm)
        _refuse_aes(algorithm, "keys.encrypt, which returns iv and tag")
        return (await self._keys.encrypt(key_name, algorithm, plaintext)).ciphertext

    async def decrypt(self, key_name: str, algorithm: EncryptionAlgorithm, ciphertext: bytes) -> bytes:
        """Decrypt one block with the latest version of an RSA key; needs `keys/decrypt`.

            rsa = EncryptionAlgorithm.RSA_OAEP_256
            plaintext = await client.decrypt("orders", rsa, sealed.ciphertext)

        `keys.decrypt` takes another version. Raises KeyVaultError: VALIDATION for AES, which needs iv and
        tag, and as `keys.decrypt`.
        """
        algorithm = parse_algorithm(EncryptionAlgorithm, algorithm)
        _refuse_aes(algorithm, "keys.decrypt, which takes iv and tag")
        return (await self._keys.decrypt(key_name, algorithm, ciphertext)).plaintext

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
        """End what the client made itself.

            await client.aclose()

        `async with` does it. Raises nothing.
        """
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
        if not isinstance(given, CredentialConfig):
            return share_credential(given, clock=clock.time, observer=observer)
        credential = build_credential(given, transport=transport, clock=clock.time, observer=observer)
        self._owned.append(credential.aclose)
        return credential


def _check_config(given: object) -> None:
    if not isinstance(given, KeyVaultConfig):
        detail = "a client is made of a KeyVaultConfig: KeyVaultClient.builder().vault_url(...).build()"
        raise KeyVaultError(KeyVaultErrorKind.CONFIGURATION, detail=detail)


def _refuse_aes(algorithm: EncryptionAlgorithm, instead: str) -> None:
    if not algorithm.startswith("RSA"):
        detail = f"{algorithm} is more than bytes to bytes: use {instead}"
        raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)
