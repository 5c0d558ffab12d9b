"""How to reach a vault and how patient to be; a configuration that exists is valid."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from azure.core.credentials_async import AsyncTokenProvider

from vaultbind.keyvault.cache.policy import CacheConfig, find_cache_problems
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.breaker import BreakerConfig
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.rotation.config import MonitorConfig, find_monitor_problems
from vaultbind.keyvault.transport.auth import CredentialConfig, DefaultIdentity
from vaultbind.keyvault.validation import parse_vault_url

API_VERSION = "2025-07-01"
USER_AGENT = "vaultbind-keyvault"
URL_VARIABLE = "AZURE_KEYVAULT_URL"
PREFIX = "VAULTBIND_KEYVAULT_"
_POSITIVE = (
    "connect_timeout",
    "read_timeout",
    "total_timeout",
    "requests_per_second",
    "burst",
    "max_wait",
)
_HUGE = 1e9
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVaultConfig:
    """Everything that a client needs to know; times in seconds.

    `credential` is the description of an identity, or any asynchronous credential of azure.identity.
    Raises KeyVaultError (CONFIGURATION) that tells all mistakes at once.
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
    ca_pem: str | None = None
    proxy: str | None = None
    user_agent: str = USER_AGENT
    api_version: str = API_VERSION
    verify_challenge_resource: bool = True

    def __post_init__(self) -> None:
        problems = [*_find_url_problems(self.vault_url), *_find_number_problems(self)]
        if problems:
            raise _mistakes(problems)

    @staticmethod
    def from_env(environ: Mapping[str, str] | None = None) -> "KeyVaultConfig":
        """Read `AZURE_KEYVAULT_URL` and `VAULTBIND_KEYVAULT_*`; the identity is Azure's default one.

        Raises KeyVaultError (CONFIGURATION) that tells all mistakes at once.
        """
        variables = os.environ if environ is None else environ
        values: dict[str, Any] = {"vault_url": variables.get(URL_VARIABLE, "")}
        problems: list[str] = []
        for name, parse in _VARIABLES.items():
            text = variables.get(PREFIX + name.upper())
            if text:
                _parse_into(values, problems, name, parse, text)
        known = {PREFIX + name.upper() for name in _VARIABLES}
        unknown = sorted(name for name in variables if name.startswith(PREFIX) and name not in known)
        problems += [f"{name}: unknown variable" for name in unknown]
        return _build(values, problems)


class KeyVaultConfigBuilder:
    """Collects settings one by one; `build()` checks them together."""

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

    def ca_pem(self, pem: str) -> Self:
        """Trust these certificates, too."""
        return self.set(ca_pem=pem)

    def set(self, **values: Any) -> Self:
        """Set fields of KeyVaultConfig by name."""
        self._values |= values
        return self

    def build(self) -> KeyVaultConfig:
        """Make the configuration; raises KeyVaultError (CONFIGURATION) that tells all mistakes at once."""
        known = {item.name for item in fields(KeyVaultConfig)}
        unknown = sorted(self._values.keys() - known)
        values = {name: value for name, value in self._values.items() if name in known}
        return _build(values, [f"{name}: unknown setting" for name in unknown])


_VARIABLES: dict[str, Any] = {
    "connect_timeout": float,
    "read_timeout": float,
    "total_timeout": float,
    "requests_per_second": float,
    "burst": int,
    "max_wait": float,
    "cache_ttl": float,
    "retry_attempts": int,
    "proxy": str,
    "user_agent": str,
    "api_version": str,
    "verify_challenge_resource": lambda text: _FLAGS[text.lower()],
}


def _parse_into(values: dict[str, Any], problems: list[str], name: str, parse: Any, text: str) -> None:
    try:
        value = parse(text)
    except (ValueError, KeyError):
        problems.append(f"{PREFIX}{name.upper()}: cannot be read")
        return
    if name == "retry_attempts":
        values["retry"] = RetryConfig(attempts=value)
    elif name == "cache_ttl":
        values["cache"] = CacheConfig(ttl=value)
    else:
        values[name] = value


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


def _find_url_problems(url: str) -> list[str]:
    if not url:
        return [f"vault_url: missing ({URL_VARIABLE})"]
    try:
        parse_vault_url(url)
    except KeyVaultError as error:
        return [f"vault_url: {error.detail}"]
    return []


def _find_number_problems(config: KeyVaultConfig) -> list[str]:
    problems = [f"{name}: must be positive" for name in _POSITIVE if not 0 < getattr(config, name) < _HUGE]
    if config.retry.attempts < 1:
        problems.append("retry.attempts: must be at least 1")
    problems += [
        f"retry.{name}: must be 0 or positive"
        for name in ("base_delay", "max_delay", "budget", "share", "reserve")
        if not 0 <= getattr(config.retry, name) < _HUGE
    ]
    if config.cache is not None:
        problems += find_cache_problems(config.cache)
    problems += find_monitor_problems(config.monitor)
    return problems


def _mistakes(problems: list[str]) -> KeyVaultError:
    return KeyVaultError(KeyVaultErrorKind.CONFIGURATION, detail="; ".join(problems))
