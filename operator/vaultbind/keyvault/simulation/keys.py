"""Keys of a simulated vault (their operations are in a later module)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaultbind.keyvault.simulation.changes import NO_CHANGES, Changes, changed_attributes, new_attributes
from vaultbind.keyvault.simulation.keymaterial import (
    KeyMaterial,
    default_operations,
    generate,
    parse_jwk,
    render_public,
    type_of,
)
from vaultbind.keyvault.simulation.limits import VersionIds, check_name, check_tags
from vaultbind.keyvault.simulation.problems import managed
from vaultbind.keyvault.simulation.records import KeyVersion, Kind
from vaultbind.keyvault.simulation.store import Deletion, ObjectStore


class SimulatedKeys:
    """What the service does with keys; `now` is in epoch seconds; every method raises VaultProblem."""

    def __init__(self, store: ObjectStore[KeyVersion], ids: VersionIds) -> None:
        """Work on `store`."""
        self.store = store
        self._ids = ids

    def create(
        self,
        name: str,
        *,
        now: int,
        key_type: str = "RSA",
        size: int | None = None,
        curve: str | None = None,
        exponent: int | None = None,
        changes: Changes = NO_CHANGES,
    ) -> KeyVersion:
        """Make a key, or a new version of it."""
        self._claim(name, now, changes)
        return self._write(name, key_type, generate(key_type, size, curve, exponent), now, changes)

    def import_key(
        self, name: str, jwk: Mapping[str, Any], *, now: int, hsm: bool = False, changes: Changes = NO_CHANGES
    ) -> KeyVersion:
        """Take a private key as JWK."""
        self._claim(name, now, changes)
        material = parse_jwk(jwk)
        key_type = type_of(material)
        return self._write(
            name, f"{key_type}-HSM" if hsm and key_type != "oct-HSM" else key_type, material, now, changes
        )

    def get(self, name: str, version: str = "") -> KeyVersion:
        """Read the public half of a version, disabled or not."""
        return self.store.get(name, version)

    def update(self, name: str, version: str = "", *, now: int, changes: Changes) -> KeyVersion:
        """Change attributes, tags and operations of a version."""
        record = self.store.get(name, version)
        if record.managed:
            raise managed(Kind.KEYS, name)
        check_tags(Kind.KEYS, changes.tags)
        changed = replace(
            record,
            attributes=changed_attributes(record.attributes, changes, now),
            tags=record.tags if changes.tags is None else dict(changes.tags),
            operations=record.operations if changes.operations is None else changes.operations,
        )
        self.store.replace(changed)
        return changed

    def delete(self, name: str, *, now: int) -> Deletion[KeyVersion]:
        """Delete softly, with all versions."""
        if self.store.get(name).managed:
            raise managed(Kind.KEYS, name)
        return self.store.delete(name, now)

    def _claim(self, name: str, now: int, changes: Changes) -> None:
        check_name(name)
        check_tags(Kind.KEYS, changes.tags)
        self.store.claim(name, now)
        if name in self.store and self.store.get(name).managed:
            raise managed(Kind.KEYS, name)

    def _write(
        self, name: str, key_type: str, material: KeyMaterial, now: int, changes: Changes
    ) -> KeyVersion:
        record = KeyVersion(
            name=name,
            version=self._ids.take(),
            key_type=key_type,
            material=material,
            public=render_public(material),
            operations=changes.operations or default_operations(key_type),
            attributes=new_attributes(changes, now),
            tags=None if changes.tags is None else dict(changes.tags),
        )
        self.store.add(record)
        return record
