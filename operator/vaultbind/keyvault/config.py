"""How to reach a vault and how patient to be; a configuration that exists is valid."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from typing import Any, Self

from azure.core.credentials_async import AsyncTokenProvider

from vaultbind.keyvault.cache.policy import CacheConfig, find_cache_problems
from vaultbind.keyvault.environment import URL_VARIABLE, read_environment
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.breaker import BreakerConfig
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.rotation.config import MonitorConfig, find_monitor_problems
from vaultbind.keyvault.transport.identities import CredentialConfig, DefaultIdentity
from vaultbind.keyvault.types.common import ObjectKind
from vaultbind.keyvault.validation import has_allowed_suffix, parse_vault_url

API_VERSION = "2025-07-01"
USER_AGENT = "vaultbind-keyvault"
_POSITIVE = (
    "connect_timeout",
    "read_timeout",
    "total_timeout",
    "requests_per_second",
    "burst",
    "max_wait",
)
_POSITIVE_IN_BREAKER = ("failures", "open_seconds", "max_open_seconds")
_HUGE = 1e9
_VERSION = re.compile(r"[0-9A-Za-z.-]{1,32}")
VERSIONS = ("api_version", "secrets_api_version", "keys_api_version", "certificates_api_version")
_FORMS = {
    "user_agent": (re.compile(r"[\x20-\x7e]{1,255}"), "must be 1 to 255 printable ASCII characters"),
    **dict.fromkeys(VERSIONS, (_VERSION, "must be a version such as 7.6 or 2025-07-01")),
    "proxy": (re.compile(r"https?://[\x21-\x7e]+"), "must be an http or https URL"),
    "ca_pem": (re.compile(r".*-----BEGIN [A-Z0-9 ]*CERTIFICATE-----.*", re.DOTALL), "must hold PEM"),
}


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
        """Read `AZURE_KEYVAULT_URL`, `HTTPS_PROXY`, `NO_PROXY` and `VAULTBIND_KEYVAULT_*`.

        The identity is Azure's default one, of the cloud that the vault belongs to; it reads the `AZURE_*`
        variables of the process. `VAULTBIND_KEYVAULT_CA_FILE` is read now. Raises KeyVaultError
        (CONFIGURATION) that tells all mistakes at once, and no value.
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
    """Collects the settings of a configuration."""

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


def find_problems(config: KeyVaultConfig) -> list[str]:
    """Everything that is wrong with the settings, as sentences without values."""
    problems = [*_find_url_problems(config.vault_url, config.allowed_suffixes)]
    problems += [f"{name}: must be positive" for name in _POSITIVE if not 0 < getattr(config, name) < _HUGE]
    problems += [
        f"breaker.{name}: must be positive"
        for name in _POSITIVE_IN_BREAKER
        if not 0 < getattr(config.breaker, name) < _HUGE
    ]
    if config.retry.attempts < 1:
        problems.append("retry.attempts: must be at least 1")
    problems += [
        f"retry.{name}: must be 0 or positive"
        for name in ("base_delay", "max_delay", "budget", "share", "reserve")
        if not 0 <= getattr(config.retry, name) < _HUGE
    ]
    if config.cache is not None:
        problems += find_cache_problems(config.cache)
    if config.tracing and find_spec("opentelemetry") is None:
        problems.append("tracing: opentelemetry-api is missing (pip install 'vaultbind[otel]')")
    if not _is_credential(config.credential):
        problems.append(
            "credential: must be an identity of this package, or a credential of azure.identity.aio"
        )
    problems += find_monitor_problems(config.monitor)
    return [*problems, *_find_text_problems(config)]


def _is_credential(given: object) -> bool:
    return (
        isinstance(given, CredentialConfig) or hasattr(given, "get_token") or hasattr(given, "get_token_info")
    )


def _find_text_problems(config: KeyVaultConfig) -> list[str]:
    texts = {name: getattr(config, name) for name in _FORMS}
    return [
        f"{name}: {sentence}"
        for name, (form, sentence) in _FORMS.items()
        if texts[name] is not None and not form.fullmatch(texts[name])
    ]


def _find_url_problems(url: str, suffixes: tuple[str, ...]) -> list[str]:
    if not url:
        return [f"vault_url: missing ({URL_VARIABLE})"]
    try:
        parsed = parse_vault_url(url)
    except KeyVaultError as error:
        return [f"vault_url: {error.detail}"]
    if suffixes and not has_allowed_suffix(parsed, suffixes):
        return [f"vault_url: must end in {' or '.join(suffixes)}"]
    return []


def _mistakes(problems: list[str]) -> KeyVaultError:
    return KeyVaultError(KeyVaultErrorKind.CONFIGURATION, detail="; ".join(problems))
