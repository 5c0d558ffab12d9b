"""What is wrong with a client's settings: pure, all mistakes at once, in sentences without values."""

import re
from collections.abc import Mapping
from copy import copy
from dataclasses import MISSING, fields
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vaultbind.keyvault.arguments import wrong_members
from vaultbind.keyvault.cache.policy import find_cache_problems
from vaultbind.keyvault.environment import URL_VARIABLE
from vaultbind.keyvault.errors import KeyVaultError
from vaultbind.keyvault.rotation.config import find_monitor_problems
from vaultbind.keyvault.transport.identities import CredentialConfig
from vaultbind.keyvault.validation import has_allowed_suffix, parse_vault_url
from vaultbind.keyvault.versions import API_VERSIONS, is_api_version

if TYPE_CHECKING:
    from vaultbind.keyvault.config import KeyVaultConfig

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
VERSIONS = ("api_version", "secrets_api_version", "keys_api_version", "certificates_api_version")
_FORMS = {
    "user_agent": (re.compile(r"[\x20-\x7e]{1,255}"), "must be 1 to 255 printable ASCII characters"),
    "proxy": (re.compile(r"https?://[\x21-\x7e]+"), "must be an http or https URL"),
    "ca_pem": (re.compile(r".*-----BEGIN [A-Z0-9 ]*CERTIFICATE-----.*", re.DOTALL), "must hold PEM"),
}


def find_problems(config: "KeyVaultConfig") -> list[str]:
    """Everything that is wrong with the settings, as sentences without values."""
    wrong = [(path, sentence) for path, sentence in wrong_members(config) if path != "credential"]
    sound = _with_defaults(config, {path.partition(".")[0] for path, _ in wrong})
    return [*(f"{path}: {sentence}" for path, sentence in wrong), *_find_wrong_values(sound)]


def _with_defaults(config: "KeyVaultConfig", names: set[str]) -> "KeyVaultConfig":
    """The same settings, and the defaults of those that have a wrong type and so cannot be compared."""
    if not names:
        return config
    sound = copy(config)
    usual = {item.name: item for item in fields(config)}
    for name in names:
        default = usual[name].default
        if default is MISSING:
            make = usual[name].default_factory
            default = make() if make is not MISSING else "https://vault.invalid"
        object.__setattr__(sound, name, default)
    return sound


def _find_wrong_values(config: "KeyVaultConfig") -> list[str]:
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


def _find_text_problems(config: "KeyVaultConfig") -> list[str]:
    texts = {name: getattr(config, name) for name in _FORMS}
    versions = {name: getattr(config, name) for name in VERSIONS}
    known = f"must be one of {', '.join(API_VERSIONS)}, or of a later date"
    return [
        *(f"{name}: {known}" for name, text in versions.items() if text and not is_api_version(text)),
        *_find_misformed(texts),
    ]


def _find_misformed(texts: Mapping[str, str | None]) -> list[str]:
    return [
        f"{name}: {sentence}"
        for name, (form, sentence) in _FORMS.items()
        if (text := texts[name]) is not None and not form.fullmatch(text)
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
