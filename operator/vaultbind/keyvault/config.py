"""How to reach a vault and how patient to be; a configuration that exists is valid."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from azure.core.credentials_async import AsyncTokenProvider

from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.config_rules import VERSIONS, find_problems
from vaultbind.keyvault.environment import read_environment
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.breaker import BreakerConfig
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.rotation.config import MonitorConfig
from vaultbind.keyvault.transport.identities import CredentialConfig, DefaultIdentity
from vaultbind.keyvault.types.common import ObjectKind

API_VERSION = "2025-07-01"
USER_AGENT = "vaultbind-keyvault"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVaultConfig:
    """Everything that a client needs to know; times in seconds.

    `credential` is the description of an identity, or any asynchronous credential of azure.identity.
    Raises KeyVaultError (CONFIGURATION) that tells all mistakes at once.

        made = KeyVaultConfig(vault_url="https://shop.vault.azure.net", cache=CacheConfig(ttl=60))
    """

    vault_url: str
    credential: CredentialConfig | AsyncTokenProvider = field(default_factory=DefaultIdentity)
    connect_timeout: float = 5.0
    read_timeout: float = 10.0
    total_timeout: float = 30.0
    """For one call with its challenge, its token, its waiting and its retries."""
    retry: RetryConfig = field(default_factory=RetryConfig)
    breaker: BreakerConfig = field(default_factory=BreakerConfig)
    requests_per_second: float = 200.0
    burst: int = 1000
    max_wait: float = 5.0
    """Longest time that a request waits for the limiter before it is refused."""
    cache: CacheConfig | None = None
    """None: every read asks the vault."""
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    """What `expiry_monitor` watches."""
    tracing: bool = False
    """Let azure-core make an OpenTelemetry span of every request; needs `vaultbind[otel]`."""
    ca_pem: str | None = None
    proxy: str | None = field(default=None, repr=False)
    """An URL, not in the repr: it may hold a password."""
    user_agent: str = USER_AGENT
    api_version: str = API_VERSION
    """Of the service's interface, for all kinds of objects that have none of their own here:"""
    secrets_api_version: str | None = None
    keys_api_version: str | None = None
    certificates_api_version: str | None = None
    verify_challenge_resource: bool = True

    allowed_suffixes: tuple[str, ...] = ()
    """Endings that the vault's host may have (`.vault.azure.net`); none: any. See `has_allowed_suffix`."""

    def __post_init__(self) -> None:
        problems = find_problems(self)
        if problems:
            raise _mistakes(problems)

    def api_version_of(self, kind: ObjectKind) -> str:
        """Version of the interface for this kind of objects."""
        return getattr(self, f"{kind.collection}_api_version") or self.api_version

    @staticmethod
    def from_env(environ: Mapping[str, str] | None = None) -> "KeyVaultConfig":
        """Read `AZURE_*`, `HTTPS_PROXY`, `NO_PROXY` and `VAULTBIND_KEYVAULT_*`; `docs/library.md` lists them.

        `VAULTBIND_KEYVAULT_CREDENTIAL` says which kind of identity it is; without it Azure's default one, of
        the cloud that the vault belongs to, which reads the `AZURE_*` variables of the process. Files that
        are named are read now. Raises KeyVaultError (CONFIGURATION) that tells all mistakes at once, and no
        value.
        """
        return _build(*read_environment(os.environ if environ is None else environ))


class KeyVaultSettings:
    """Settings, one by one; `build_config()` checks them together."""

    def __init__(self, vault_url: str = "") -> None:
        """Start with defaults."""
        self._values: dict[str, Any] = {"vault_url": vault_url}

    def vault_url(self, url: str) -> Self:
        """Set the vault's address, `https://NAME.vault.azure.net`."""
        return self.set(vault_url=url)

    def credential(self, credential: CredentialConfig | AsyncTokenProvider) -> Self:
        """Set who asks."""
        return self.set(credential=credential)

    def timeouts(
        self, *, connect: float | None = None, read: float | None = None, total: float | None = None
    ) -> Self:
        """Set the times in seconds that are given."""
        times = {"connect_timeout": connect, "read_timeout": read, "total_timeout": total}
        return self.set(**{name: value for name, value in times.items() if value is not None})

    def retry(self, retry: RetryConfig) -> Self:
        """Set how a failed attempt is repeated."""
        return self.set(retry=retry)

    def rate_limit(self, requests_per_second: float, burst: int) -> Self:
        """Set how many requests this vault gets."""
        return self.set(requests_per_second=requests_per_second, burst=burst)

    def cache(self, cache: CacheConfig | None) -> Self:
        """Keep what was read for a while; None asks the vault every time."""
        return self.set(cache=cache)

    def breaker(self, breaker: BreakerConfig) -> Self:
        """Set when a failing vault is left alone, and for how long."""
        return self.set(breaker=breaker)

    def monitor(self, monitor: MonitorConfig) -> Self:
        """Set what `expiry_monitor` watches."""
        return self.set(monitor=monitor)

    def proxy(self, url: str | None) -> Self:
        """Set the proxy of all requests but those to loopback and the metadata service."""
        return self.set(proxy=url)

    def user_agent(self, text: str) -> Self:
        """Set what requests call themselves."""
        return self.set(user_agent=text)

    def api_version(
        self,
        version: str | None = None,
        *,
        secrets: str | None = None,
        keys: str | None = None,
        certificates: str | None = None,
    ) -> Self:
        """Set the version of the service's interface, for all kinds of objects or for some."""
        given = dict(zip(VERSIONS, (version, secrets, keys, certificates), strict=True))
        return self.set(**{name: value for name, value in given.items() if value is not None})

    def allowed_suffixes(self, *suffixes: str) -> Self:
        """Set the endings that the vault's host may have."""
        return self.set(allowed_suffixes=suffixes)

    def ca_pem(self, pem: str) -> Self:
        """Trust these certificates, too."""
        return self.set(ca_pem=pem)

    def set(self, **values: Any) -> Self:
        """Set fields of KeyVaultConfig by name."""
        self._values |= values
        return self

    def build_config(self) -> KeyVaultConfig:
        """Make the configuration; raises KeyVaultError (CONFIGURATION) that tells all mistakes at once."""
        known = {item.name for item in fields(KeyVaultConfig)}
        unknown = sorted(self._values.keys() - known)
        values = {name: value for name, value in self._values.items() if name in known}
        return _build(values, [f"{name}: unknown setting" for name in unknown])


class KeyVaultConfigBuilder(KeyVaultSettings):
    """Collects the settings of a configuration.

        built = KeyVaultConfigBuilder("https://shop.vault.azure.net").rate_limit(100, 200).build()

    `build()` checks them together. Times are seconds.
    """

    def build(self) -> KeyVaultConfig:
        """Make the configuration; raises KeyVaultError (CONFIGURATION) that tells all mistakes at once."""
        return self.build_config()


def _build(values: dict[str, Any], problems: list[str]) -> KeyVaultConfig:
    """Make the configuration, or tell `problems` and its own together."""
    try:
        config = KeyVaultConfig(**values)
    except KeyVaultError as error:
        problems = [*problems, error.detail]
    else:
        if not problems:
            return config
    raise _mistakes(problems)


def _mistakes(problems: list[str]) -> KeyVaultError:
    return KeyVaultError(KeyVaultErrorKind.CONFIGURATION, detail="; ".join(problems))
