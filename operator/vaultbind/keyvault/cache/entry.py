"""What is kept of one read."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from vaultbind.keyvault.errors import KeyVaultError


class CacheKey(NamedTuple):
    """One thing that can be read; `name` is lower-cased, as the vault does not tell case apart.

    `kind` is secret, key or certificate; an empty version means the latest.
    """

    kind: str
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value, or the error that was the vault's answer; times are seconds of one monotonic clock."""

    value: Any = None
    error: KeyVaultError | None = None
    size: int = 0
    """Bytes, roughly."""
    refresh_at: float = 0.0
    """A hit from then on asks the vault again in the background; infinite once that was tried."""
    expires_at: float = 0.0
    """From then on it is no answer any more."""
