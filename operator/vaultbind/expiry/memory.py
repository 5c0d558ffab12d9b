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


@dataclass(slots=True)
class Version(Generic[T]):
    """One version of an object."""

    key: VaultKey
    mark: str
    since: datetime
    """When it was seen first."""
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

    def see(self, vault: str, objects: Sequence[ObjectProperties], now: datetime) -> list[Version[T]]:
        """Versions of objects, in their order; a new one begins with nothing.

        What is gone is forgotten, once that is worth while.
        """
        versions = self._versions.setdefault(vault, {})
        found: list[Version[T]] = []
        for item in objects:
            key, mark = VaultKey.of(item), mark_of(item)
            known = versions.get(key)
            if known is None or known.mark != mark:
                known = versions[key] = Version(key, mark, now)
            found.append(known)
        if len(versions) > 2 * len(objects) + MOST_AT_ONCE:
            there = {VaultKey.of(item) for item in objects}
            for key in [key for key in versions if key not in there]:
                del versions[key]
        return found
