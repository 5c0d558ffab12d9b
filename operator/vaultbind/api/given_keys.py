"""Pure: which keys a binding's entries give, as far as its spec tells, and what a Secret's type needs."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from vaultbind.api.binding import DataEntry, FromEntry, TlsEntry

TYPE_OPAQUE: Final = "Opaque"
TYPE_TLS: Final = "kubernetes.io/tls"
TLS_KEYS: Final = ("tls.crt", "tls.key", "ca.crt")
"""Keys that a tls entry of `dataFrom` may give; the last only where the authority is known."""
KEYS_OF_TYPE: Final[Mapping[str, str]] = {
    TYPE_TLS: "tls.crt and tls.key",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/basic-auth": "username or password",
    "kubernetes.io/ssh-auth": "ssh-privatekey",
}
"""Keys without which the API server refuses a Secret of that type, as messages tell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenKeys:
    """Keys that are known without the vault, optional ones, too."""

    names: frozenset[str]
    is_open: bool
    """There may be more, whose names only the vault knows."""
    tls_entries: int
    """Entries that give just the keys of TLS."""


def given_keys(data: Iterable[DataEntry], data_from: Iterable[FromEntry]) -> GivenKeys:
    """Summarize what `spec.data` and `spec.dataFrom` give."""
    kinds = [isinstance(entry, TlsEntry) and not entry.rewrite for entry in data_from]
    names = {entry.key for entry in data}
    return GivenKeys(
        names=frozenset(names.union(TLS_KEYS) if any(kinds) else names),
        is_open=not all(kinds),
        tls_entries=sum(kinds),
    )


def has_keys_of_type(secret_type: str, keys: AbstractSet[str]) -> bool:
    """Whether a Secret with those keys may have that type."""
    needed = KEYS_OF_TYPE.get(secret_type)
    if needed is None:
        return True
    if " or " in needed:
        return any(key in keys for key in needed.split(" or "))
    return all(key in keys for key in needed.split(" and "))
