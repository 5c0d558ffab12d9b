"""Environment variables to settings: Azure's own names where there are any, else `VAULTBIND_KEYVAULT_*`.

`VARIABLES` is the table of `docs/library.md`, too: a test compares them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.resilience.breaker import BreakerConfig
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.rotation.config import MonitorConfig
from vaultbind.keyvault.transport.identity_variables import CREDENTIAL_VARIABLES, PREFIX, read_identity
from vaultbind.keyvault.types.common import ObjectKind

URL_VARIABLE = "AZURE_KEYVAULT_URL"
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_FLAGS = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)
"""As azure-core reads them."""
SERVICE_LINK = re.compile(r"(_SERVICE_HOST|_SERVICE_PORT(_[A-Z0-9_]+)?|_PORT(_[0-9]+_[A-Z]+(_[A-Z]+)?)?)$")
"""How variables end that Kubernetes gives each pod beside a Service, here one named vaultbind-keyvault."""
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def _parse_flag(text: str) -> bool:
    return _FLAGS[text.lower()]


def _parse_list(text: str) -> tuple[str, ...]:
    return tuple(part for part in (item.strip() for item in text.split(",")) if part)


def _parse_durations(text: str) -> tuple[timedelta, ...]:
    return tuple(timedelta(**{_UNITS[part[-1]]: int(part[:-1])}) for part in _parse_list(text))


def _parse_kinds(text: str) -> tuple[ObjectKind, ...]:
    return tuple(ObjectKind(part) for part in _parse_list(text))


def _read_file(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting by its path in KeyVaultConfig, how its text is read, and what it means.

    `azure` is the Azure SDK's name for it, if there is one; ours goes first.
    """

    path: str
    parse: Callable[[str], Any]
    meaning: str
    azure: str = ""

    @property
    def name(self) -> str:
        """What it is called in the environment."""
        return PREFIX + ("ca_file" if self.path == "ca_pem" else self.path).replace(".", "_").upper()


VARIABLES = (
    Variable("connect_timeout", float, "seconds for a connection"),
    Variable("read_timeout", float, "seconds without a byte of the answer"),
    Variable("total_timeout", float, "seconds for a call with its token, waits and retries"),
    Variable("retry.attempts", int, "attempts of a request"),
    Variable("retry.base_delay", float, "seconds before the first repetition, at most"),
    Variable("retry.max_delay", float, "seconds before any repetition, at most"),
    Variable("retry.budget", float, "seconds for all attempts"),
    Variable("retry.share", float, "repetitions per call, over all calls"),
    Variable("retry.reserve", float, "repetitions before the share counts"),
    Variable("breaker.failures", int, "failures in a row that open the circuit breaker"),
    Variable("breaker.open_seconds", float, "seconds for which it opens at first"),
    Variable("breaker.max_open_seconds", float, "seconds for which it opens at most"),
    Variable("requests_per_second", float, "rate limit of the vault"),
    Variable("burst", int, "requests at once"),
    Variable("max_wait", float, "seconds that a request waits for the limit"),
    Variable("cache.ttl", float, "seconds for which reads are kept; any of these switches the cache on"),
    Variable("cache.negative_ttl", float, 'seconds for which "not found" is believed'),
    Variable("cache.refresh_after", float, "share of the ttl after which a hit refreshes"),
    Variable("cache.max_entries", int, "objects in the cache"),
    Variable("cache.max_bytes", int, "bytes in the cache"),
    Variable("monitor.thresholds", _parse_durations, "times before an expiry that are told"),
    Variable("monitor.kinds", _parse_kinds, "kinds that are watched"),
    Variable("monitor.handler_timeout", float, "seconds for a handler"),
    Variable(
        "tracing", _parse_flag, "OpenTelemetry spans (`vaultbind[otel]`)", azure="AZURE_TRACING_ENABLED"
    ),
    Variable("ca_pem", _read_file, "file of certificates to trust beside the system's"),
    Variable("proxy", str, "proxy; else `HTTPS_PROXY`, unless `NO_PROXY` names the vault"),
    Variable("user_agent", str, "what requests call themselves", azure="AZURE_HTTP_USER_AGENT"),
    Variable("api_version", str, "version of the service's interface"),
    Variable("secrets_api_version", str, "the same for secrets alone"),
    Variable("keys_api_version", str, "for keys alone"),
    Variable("certificates_api_version", str, "for certificates alone"),
    Variable("verify_challenge_resource", _parse_flag, "compare the challenge's resource with the vault"),
    Variable("allowed_suffixes", _parse_list, "endings that the vault's host may have"),
)
_GROUPS: dict[str, Callable[[], Any]] = {
    "retry": RetryConfig,
    "breaker": BreakerConfig,
    "cache": CacheConfig,
    "monitor": MonitorConfig,
}
"""A path that begins with one of these words leads into a value of its own."""


def read_environment(variables: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Fields of KeyVaultConfig that the variables set, and what is wrong with them, without values.

    Reads the files that are named. What is set to nothing is not set.
    """
    values: dict[str, Any] = {"vault_url": variables.get(URL_VARIABLE, "")}
    problems: list[str] = []
    for variable in VARIABLES:
        name = variable.name if variables.get(variable.name) else variable.azure
        text = variables.get(name)
        if text:
            try:
                _put(values, variable.path, variable.parse(text))
            except (ValueError, KeyError, OSError, OverflowError):
                problems.append(f"{name}: cannot be read ({variable.meaning})")
    known = {variable.name for variable in VARIABLES} | CREDENTIAL_VARIABLES.keys()
    unknown = sorted(
        name
        for name in variables
        if name.startswith(PREFIX) and name not in known and not SERVICE_LINK.search(name)
    )
    problems += [f"{name}: unknown variable" for name in unknown]
    values.setdefault("proxy", _find_proxy(values["vault_url"], variables))
    values["credential"], mistakes = read_identity(variables, values["vault_url"])
    return values, problems + mistakes


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    group, _, member = path.partition(".")
    if member:
        value = replace(values.get(group) or _GROUPS[group](), **{member: value})
    values[group] = value


def _find_proxy(vault_url: str, variables: Mapping[str, str]) -> str | None:
    """`HTTPS_PROXY`, in either case of letters, unless `NO_PROXY` names the vault."""
    proxy = variables.get("HTTPS_PROXY") or variables.get("https_proxy")
    exceptions = _parse_list(variables.get("NO_PROXY") or variables.get("no_proxy") or "")
    try:
        host = urlsplit(vault_url).hostname or ""
    except ValueError:
        host = ""
    is_direct = any(name == "*" or f".{host}".endswith(f".{name.strip('.').lower()}") for name in exceptions)
    return None if not proxy or is_direct else proxy
