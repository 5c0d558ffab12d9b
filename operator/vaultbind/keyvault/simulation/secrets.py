"""Secrets of a simulated vault."""

from collections.abc import Mapping
from dataclasses import replace

from vaultbind.keyvault.simulation.changes import NO_CHANGES, Changes, changed_attributes, new_attributes
from vaultbind.keyvault.simulation.limits import VersionIds, check_name, check_secret, check_tags
from vaultbind.keyvault.simulation.problems import disabled, managed
from vaultbind.keyvault.simulation.records import Kind, SecretVersion
from vaultbind.keyvault.simulation.store import Deletion, ObjectStore


class SimulatedSecrets:
    """What the service does with secrets; `now` is in epoch seconds; every method raises VaultProblem."""

    def __init__(self, store: ObjectStore[SecretVersion], ids: VersionIds) -> None:
        """Work on `store`."""
        self.store = store
        self._ids = ids

    def set(self, name: str, value: str, *, now: int, changes: Changes = NO_CHANGES) -> SecretVersion:
        """Write a new version."""
        check_name(name)
        check_tags(Kind.SECRETS, changes.tags)
        check_secret(value, changes.content_type)
        self.store.claim(name, now)
        if name in self.store and self.store.get(name).managed:
            raise managed(Kind.SECRETS, name)
        record = SecretVersion(
            name=name,
            version=self._ids.take(),
            value=value,
            content_type=changes.content_type,
            attributes=new_attributes(changes, now),
            tags=_copy(changes.tags),
        )
        self.store.add(record)
        return record

    def get(self, name: str, version: str = "") -> SecretVersion:
        """Read a version with its value; refused while it is disabled, fine outside its time window."""
        record = self.store.get(name, version)
        if not record.attributes.enabled:
            raise disabled(Kind.SECRETS, "get")
        return record

    def update(self, name: str, version: str = "", *, now: int, changes: Changes) -> SecretVersion:
        """Change attributes, tags and content type of a version, never its value."""
        record = self.store.get(name, version)
        if record.managed:
            raise managed(Kind.SECRETS, name)
        check_tags(Kind.SECRETS, changes.tags)
        check_secret("", changes.content_type)
        changed = replace(
            record,
            attributes=changed_attributes(record.attributes, changes, now),
            tags=record.tags if changes.tags is None else _copy(changes.tags),
            content_type=record.content_type if changes.content_type is None else changes.content_type,
        )
        self.store.replace(changed)
        return changed

    def delete(self, name: str, *, now: int) -> Deletion[SecretVersion]:
        """Delete softly, with all versions."""
        if self.store.get(name).managed:
            raise managed(Kind.SECRETS, name)
        return self.store.delete(name, now)


def _copy(tags: Mapping[str, str] | None) -> Mapping[str, str] | None:
    return None if tags is None else dict(tags)
