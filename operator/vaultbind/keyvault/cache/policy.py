"""How long answers are kept, which errors are answers, and what a request makes stale: pure."""

from dataclasses import dataclass
from math import inf
from typing import Any

from vaultbind.keyvault.cache.entry import Entry
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.key import Key
from vaultbind.keyvault.types.secret import Secret

NEGATIVE = frozenset(
    {
        KeyVaultErrorKind.SECRET_NOT_FOUND,
        KeyVaultErrorKind.KEY_NOT_FOUND,
        KeyVaultErrorKind.CERTIFICATE_NOT_FOUND,
        KeyVaultErrorKind.NOT_FOUND,
        KeyVaultErrorKind.DISABLED,
    }
)
"""Errors that say something about the object. A missing right is not among them: a grant works at once."""
OVERHEAD = 1024
"""Bytes of an entry beside its content: id, times, tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """How much is kept, and for how long; times in seconds.

    The cache holds secret values in this process's memory. Somebody else's change in the vault is seen after
    `ttl` at the latest; the client's own writes at once.
    """

    ttl: float = 300.0
    negative_ttl: float = 10.0
    """How long "not found" and "disabled" are believed."""
    refresh_after: float = 0.8
    """Share of `ttl` after which a hit refreshes in the background; 1 never does."""
    max_entries: int = 1000
    max_bytes: int = 16 * 1024 * 1024
    """Whatever was not used for the longest time goes first."""


def find_cache_problems(config: CacheConfig) -> list[str]:
    """What is wrong with a configuration, in words."""
    problems = []
    if not 0 < config.ttl < inf:
        problems.append("cache.ttl: must be positive")
    if not 0 <= config.negative_ttl < inf:
        problems.append("cache.negative_ttl: must be 0 or positive")
    if not 0 < config.refresh_after <= 1:
        problems.append("cache.refresh_after: must be above 0 and at most 1")
    problems += [
        f"cache.{name}: must be at least 1"
        for name in ("max_entries", "max_bytes")
        if getattr(config, name) < 1
    ]
    return problems


def make_entry(config: CacheConfig, value: Any, now: float) -> Entry:
    """Entry of a value that was asked for at `now`."""
    late = now + config.ttl * config.refresh_after if config.refresh_after < 1 else inf
    return Entry(value=value, size=measure(value), refresh_at=late, expires_at=now + config.ttl)


def make_negative_entry(config: CacheConfig, error: KeyVaultError, now: float) -> Entry:
    """Entry of an error; one that is no answer about the object is over at once."""
    kept = config.negative_ttl if error.kind in NEGATIVE else 0.0
    return Entry(error=error, size=OVERHEAD, refresh_at=inf, expires_at=now + kept)


def is_answer(entry: Entry) -> bool:
    """Tell whether the vault said something about the object: only that takes the place of what is known."""
    return entry.error is None or entry.error.kind in NEGATIVE


def measure(value: Any) -> int:
    """Size of an object in bytes, roughly."""
    match value:
        case Secret():
            content = len(value.value.expose_secret().encode(errors="replace"))
        case Certificate():
            content = len(value.cer)
        case Key():
            content = len(value.key.n) + len(value.key.x) + len(value.key.y)
        case _:
            content = 0
    return OVERHEAD + content
