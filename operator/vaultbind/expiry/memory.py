"""What own reads have shown of each version of an object; KeyVaults that lead to one vault share it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from vaultbind.keyvault import ObjectProperties
from vaultbind.keyvault.rotation.judgement import mark_of
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey

T = TypeVar("T")

MOST_AT_ONCE: Final = 20
"""Objects that are read in one pass; the others come with the next look."""
GRACE: Final = timedelta(hours=1)
"""After which a version is read that can wait: the day's read is left to what needs it more, a binding may
read it anyway, and a restart costs nothing at once."""
FORGET: Final = timedelta(days=1)
"""After which a version that nobody has seen is gone. Not sooner: KeyVaults that lead to one vault may each
see another part of it, at a pace of their own."""


@dataclass(slots=True)
class Version(Generic[T]):
    """One version of an object."""

    key: VaultKey
    mark: str
    since: datetime
    """When it was seen first."""
    seen: datetime
    """When it was seen last, by any KeyVault."""
    is_known: bool = False
    value: T | None = None
    """What was found; None where there is nothing."""

    def learn(self, value: T | None) -> None:
        """Note what was found."""
        self.is_known, self.value = True, value


@dataclass(slots=True)
class Memory(Generic[T]):
    """Versions by host of the vault."""

    _versions: dict[str, dict[VaultKey, Version[T]]] = field(default_factory=dict)
    _swept: dict[str, datetime] = field(default_factory=dict)

    def see(self, vault: str, objects: Sequence[ObjectProperties], now: datetime) -> list[Version[T]]:
        """Versions of objects, in their order; a new one begins with nothing.

        What nobody sees any more is forgotten within two days.
        """
        versions = self._versions.setdefault(vault, {})
        found: list[Version[T]] = []
        for item in objects:
            key, mark = VaultKey.of(item), mark_of(item)
            known = versions.get(key)
            if known is None or known.mark != mark:
                known = versions[key] = Version(key, mark, now, now)
            known.seen = now
            found.append(known)
        if now - self._swept.setdefault(vault, now) >= FORGET:
            self._swept[vault] = now
            for key in [key for key, version in versions.items() if now - version.seen >= FORGET]:
                del versions[key]
        return found
