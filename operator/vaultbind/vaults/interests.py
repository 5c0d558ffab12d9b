"""Who wants which objects of which KeyVault."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vaultbind.api.data_from import FindEntry
from vaultbind.api.refs import ObjectKey, VaultObjectRef


@dataclass(slots=True)
class InterestBook:
    """Readers (bindings) by KeyVault and vault object, in both directions."""

    _by_reader: dict[ObjectKey, tuple[ObjectKey, frozenset[VaultObjectRef]]] = field(default_factory=dict)
    _readers: dict[ObjectKey, set[ObjectKey]] = field(default_factory=dict)
    _users: dict[ObjectKey, dict[VaultObjectRef, set[ObjectKey]]] = field(default_factory=dict)
    _by_name: dict[str, list[tuple[ObjectKey, VaultObjectRef]]] | None = None
    """Made when it is asked for, and dropped with each change."""
    _finders: dict[ObjectKey, tuple[FindEntry, ...]] = field(default_factory=dict)
    """Readers that look for objects in their vault's lists."""

    def note(
        self,
        reader: ObjectKey,
        vault: ObjectKey,
        refs: Iterable[VaultObjectRef],
        finds: tuple[FindEntry, ...] = (),
    ) -> None:
        """Replace what a reader wants; a reader without refs still belongs to its vault."""
        if finds:
            self._finders[reader] = finds
        elif self._finders:
            self._finders.pop(reader, None)
        entry = (vault, frozenset(refs))
        if self._by_reader.get(reader) == entry:
            return
        self._by_name = None
        self._drop(reader)
        self._by_reader[reader] = entry
        self._readers.setdefault(vault, set()).add(reader)
        users = self._users.setdefault(vault, {})
        for ref in entry[1]:
            users.setdefault(ref, set()).add(reader)

    def drop(self, reader: ObjectKey) -> None:
        """Forget a reader."""
        self._by_name = None
        self._finders.pop(reader, None)
        self._drop(reader)

    def _drop(self, reader: ObjectKey) -> None:
        vault, refs = self._by_reader.pop(reader, (None, frozenset()))
        if vault is None:
            return
        users = self._users[vault]
        for ref in refs:
            users[ref].discard(reader)
            if not users[ref]:
                del users[ref]
        self._readers[vault].discard(reader)
        if not self._readers[vault]:
            del self._readers[vault], self._users[vault]

    def vault_of(self, reader: ObjectKey) -> ObjectKey | None:
        """KeyVault that a reader uses."""
        known = self._by_reader.get(reader)
        return known[0] if known else None

    def refs_of(self, reader: ObjectKey) -> frozenset[VaultObjectRef]:
        """Objects that a reader wants."""
        known = self._by_reader.get(reader)
        return known[1] if known else frozenset()

    def readers_of(self, vault: ObjectKey) -> list[ObjectKey]:
        """All readers of a KeyVault."""
        return list(self._readers.get(vault, ()))

    def finders(self, vaults: Iterable[ObjectKey]) -> Mapping[ObjectKey, tuple[FindEntry, ...]]:
        """Readers that look for objects in lists of any of those KeyVaults, and what for."""
        if not self._finders:
            return {}
        among = set(vaults)
        return {
            reader: finds for reader, finds in self._finders.items() if self._by_reader[reader][0] in among
        }

    def users(self, vaults: Iterable[ObjectKey], ref: VaultObjectRef) -> set[ObjectKey]:
        """Readers that want an object through any of those KeyVaults."""
        found: set[ObjectKey] = set()
        for vault in vaults:
            found |= self._users.get(vault, {}).get(ref, set())
        return found

    def find_named(self, name: str) -> Sequence[tuple[ObjectKey, VaultObjectRef]]:
        """Objects of that name, whatever its case and their kind, each with the KeyVault it is wanted of."""
        if self._by_name is None:
            self._by_name = {}
            for vault, users in self._users.items():
                for ref in users:
                    self._by_name.setdefault(ref.name.lower(), []).append((vault, ref))
        return self._by_name.get(name.lower(), ())

    def refs(self, vaults: Iterable[ObjectKey]) -> frozenset[VaultObjectRef]:
        """Objects wanted through any of those KeyVaults."""
        return frozenset(ref for vault in vaults for ref in self._users.get(vault, ()))
