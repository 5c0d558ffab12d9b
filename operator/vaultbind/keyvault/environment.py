"""Environment variables to settings: Azure's own names where there are any, else `VAULTBIND_KEYVAULT_*`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.resilience.breaker import BreakerConfig
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.transport.clouds import find_cloud
from vaultbind.keyvault.transport.identities import DefaultIdentity

URL_VARIABLE = "AZURE_KEYVAULT_URL"
AUTHORITY_VARIABLE = "AZURE_AUTHORITY_HOST"
PREFIX = "VAULTBIND_KEYVAULT_"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def _parse_flag(text: str) -> bool:
    return _FLAGS[text.lower()]


def _parse_list(text: str) -> tuple[str, ...]:
    return tuple(part for part in (item.strip() for item in text.split(",")) if part)


_FIELDS: dict[str, Callable[[str], Any]] = {
    "connect_timeout": float,
    "read_timeout": float,
    "total_timeout": float,
    "requests_per_second": float,
    "burst": int,
    "max_wait": float,
    "proxy": str,
    "user_agent": str,
    "api_version": str,
    "secrets_api_version": str,
    "keys_api_version": str,
    "certificates_api_version": str,
    "tracing": _parse_flag,
    "verify_challenge_resource": _parse_flag,
    "allowed_suffixes": _parse_list,
    "ca_file": lambda name: Path(name).read_text(encoding="utf-8"),
    "retry_attempts": int,
    "retry_budget": float,
    "breaker_failures": int,
    "breaker_open_seconds": float,
    "cache_ttl": float,
}
_GROUPS: dict[str, Callable[[], Any]] = {
    "retry": RetryConfig,
    "breaker": BreakerConfig,
    "cache": CacheConfig,
}
"""A field that begins with one of these words belongs to a value of its own."""
_NAMES = {PREFIX + name.upper(): name for name in _FIELDS}


def read_environment(variables: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Fields of KeyVaultConfig that the variables set, and what is wrong with them, without values.

    Reads the file of `VAULTBIND_KEYVAULT_CA_FILE`.
    """
    values: dict[str, Any] = {"vault_url": variables.get(URL_VARIABLE, "")}
    problems: list[str] = []
    for variable, name in _NAMES.items():
        text = variables.get(variable)
        if text:
            try:
                _put(values, name, _FIELDS[name](text))
            except (ValueError, KeyError, OSError):
                problems.append(f"{variable}: cannot be read")
    unknown = sorted(name for name in variables if name.startswith(PREFIX) and name not in _NAMES)
    problems += [f"{name}: unknown variable" for name in unknown]
    values.setdefault("proxy", _find_proxy(values["vault_url"], variables))
    cloud = find_cloud(values["vault_url"])
    if cloud is not None and not variables.get(AUTHORITY_VARIABLE):
        values["credential"] = DefaultIdentity(authority_host=cloud.authority_host)
    return values, problems


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    group, _, member = name.partition("_")
    if name == "ca_file":
        values["ca_pem"] = value
    elif group in _GROUPS:
        values[group] = replace(values.get(group) or _GROUPS[group](), **{member: value})
    else:
        values[name] = value


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
