"""Objects of one kind by name, live or deleted, each with its versions. Names compare without case."""

import math
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import Generic, TypeVar

from vaultbind.keyvault.simulation.problems import (
    being_deleted,
    being_recovered,
    deleted_but_recoverable,
    deleted_not_found,
    not_found,
    purge_protected,
)
from vaultbind.keyvault.simulation.records import Kind, VaultSettings, Version
from vaultbind.keyvault.simulation.tables import Listener

V = TypeVar("V", bound=Version)
SECONDS_PER_DAY = 86_400


class History(Generic[V]):
    """All versions of one object; the one that was written last is the latest."""

    __slots__ = ("latest", "versions")

    def __init__(self, first: V) -> None:
        """Begin with the first version."""
        self.versions: dict[str, V] = {first.version: first}
        self.latest = first

    def add(self, record: V) -> None:
        """Append a version, which becomes the latest."""
        self.versions[record.version] = record
        self.latest = record

    def replace(self, record: V) -> None:
        """Put a changed version in the place of the one with the same id."""
        self.versions[record.version] = record
        if self.latest.version == record.version:
            self.latest = record


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion(Generic[V]):
    """A deleted object: when it was deleted and when it will be purged (epoch seconds)."""

    history: History[V]
    deleted: int
    purge: int
    visible: int
    """From when on the deletion is done: shown among the deleted, recoverable, purgeable."""
    recovered: int | None = None
    """When it will be live again, once somebody has asked for that."""
    leaving: bool = False
    """Whether somebody has asked to purge it: until `purge` it only holds the name."""

    @property
    def due(self) -> int:
        """When something happens to it by itself."""
        return self.purge if self.recovered is None else self.recovered

    def is_shown(self, now: int) -> bool:
        """Tell whether it is among the deleted, for all to see."""
        return self.visible <= now and self.recovered is None and not self.leaving


class ObjectStore(Generic[V]):
    """Live and deleted objects of one kind."""

    def __init__(self, kind: Kind, settings: VaultSettings) -> None:
        """Begin empty."""
        self.kind = kind
        self._settings = settings
        self._live: dict[str, History[V]] = {}
        self._live_order: list[str] = []
        self._deleted: dict[str, Deletion[V]] = {}
        self._next_due = math.inf
        """Before this time nothing is due to be purged."""
        self.listeners: list[Listener] = []

    def __len__(self) -> int:
        """Count the live objects."""
        return len(self._live)

    def __contains__(self, name: str) -> bool:
        """Tell whether a live object has this name."""
        return name.lower() in self._live

    def names(self) -> tuple[str, ...]:
        """Names of the live objects, in order."""
        return tuple(self._live[key].latest.name for key in self._live_order)

    def get(self, name: str, version: str = "") -> V:
        """One version, the latest without `version`; raises VaultProblem (404)."""
        history = self._live.get(name.lower())
        if history is None:
            raise not_found(self.kind, name, version)
        if not version:
            return history.latest
        record = history.versions.get(version.lower())
        if record is None:
            raise not_found(self.kind, name, version)
        return record

    def previous(self, record: V) -> V | None:
        """The version that was written before a version of a live object."""
        found = self._live[record.name.lower()].versions.values()
        earlier = list(takewhile(lambda other: other.version != record.version, found))
        return earlier[-1] if earlier else None

    def versions(self, name: str) -> list[V]:
        """All versions of an object, sorted by id (so: in no useful order); of an unknown one none."""
        history = self._live.get(name.lower())
        if history is None:
            return []
        return [history.versions[version] for version in sorted(history.versions)]

    def page(
        self, after: str, limit: int, is_shown: Callable[[V], bool] | None = None
    ) -> tuple[list[V], bool]:
        """Latest versions of up to `limit` objects behind the name `after`, and whether more follow.

        `is_shown` may leave some out.
        """
        start = bisect_right(self._live_order, after) if after else 0
        if is_shown is not None:
            rest = (self._live[key].latest for key in self._live_order[start:])
            found = list(islice(filter(is_shown, rest), limit + 1))
            return found[:limit], len(found) > limit
        keys = self._live_order[start : start + limit]
        return [self._live[key].latest for key in keys], start + limit < len(self._live_order)

    def claim(self, name: str, now: int) -> None:
        """See that a name may be written; raises VaultProblem (409) while a deleted object holds it."""
        deletion = self._expire(name.lower(), now)
        if deletion is None:
            return
        if deletion.recovered is not None:
            raise being_recovered(self.kind, name)
        if deletion.leaving or now < deletion.visible:
            raise being_deleted(self.kind, name)
        raise deleted_but_recoverable(self.kind, name)

    def add(self, record: V) -> None:
        """Write a new version, which becomes the latest; the caller has claimed the name."""
        key = record.name.lower()
        history = self._live.get(key)
        if history is None:
            self._live[key] = History(record)
            insort(self._live_order, key)
        else:
            history.add(record)
        self._tell(key, record)

    def replace(self, record: V) -> None:
        """Put a changed version in its place."""
        key = record.name.lower()
        self._live[key].replace(record)
        self._tell(key)

    def delete(self, name: str, now: int) -> Deletion[V]:
        """Move an object with all versions to the deleted ones; raises VaultProblem (404)."""
        key = name.lower()
        history = self._live.pop(key, None)
        if history is None:
            raise not_found(self.kind, name)
        self._live_order.remove(key)
        settings = self._settings
        purge = now + settings.retention_days * SECONDS_PER_DAY
        deletion = Deletion(
            history=history, deleted=now, purge=purge, visible=now + settings.deletion_seconds
        )
        self._hold_deleted(key, deletion)
        return deletion

    def deleted(self, now: int) -> Mapping[str, Deletion[V]]:
        """Deleted objects that can be seen now, by lower-case name, in order."""
        done = ((key, self._expire(key, now)) for key in sorted(self._deleted))
        return {key: deletion for key, deletion in done if deletion is not None and deletion.is_shown(now)}

    def get_deleted(self, name: str, now: int) -> Deletion[V]:
        """One deleted object; raises VaultProblem (404), also while the deletion is under way."""
        deletion = self._expire(name.lower(), now)
        if deletion is None or not deletion.is_shown(now):
            raise deleted_not_found(self.kind, name)
        return deletion

    def recover(self, name: str, now: int) -> V:
        """Bring a deleted object back as it was, timestamps included; raises VaultProblem (404)."""
        deletion = self.get_deleted(name, now)
        recovered = now + self._settings.deletion_seconds
        self._plan(name.lower(), replace(deletion, recovered=recovered), now)
        return deletion.history.latest

    def purge(self, name: str, now: int) -> None:
        """Forget a deleted object; raises VaultProblem (404; 403 under purge protection)."""
        deletion = self.get_deleted(name, now)
        if not self._settings.purgeable:
            raise purge_protected()
        purge = now + self._settings.deletion_seconds
        self._plan(name.lower(), replace(deletion, purge=purge, leaving=True), now)

    def _plan(self, key: str, deletion: Deletion[V], now: int) -> None:
        self._deleted[key] = deletion
        self._next_due = min(self._next_due, deletion.due)
        if self._expire(key, now) is not None:
            self._tell(key)

    def settle(self, now: int) -> None:
        """Purge and recover what is due."""
        if now < self._next_due:
            return
        for key in tuple(self._deleted):
            self._expire(key, now)
        self._next_due = min((deletion.due for deletion in self._deleted.values()), default=math.inf)

    def held(self) -> Iterable[str]:
        """Lower-case names of all objects, live and deleted; a deleted one comes first."""
        return (*self._deleted, *self._live)

    def find(self, key: str) -> tuple[History[V], Deletion[V] | None] | None:
        """All versions under a lower-case name, and the deletion if it is deleted."""
        deletion = self._deleted.get(key)
        if deletion is not None:
            return deletion.history, deletion
        history = self._live.get(key)
        return (history, None) if history is not None else None

    def put(self, key: str, history: History[V], deletion: Deletion[V] | None = None) -> None:
        """Hold an object that was kept elsewhere, as it was."""
        self.drop(key)
        if deletion is None:
            self._live[key] = history
            insort(self._live_order, key)
            self._tell(key)
        else:
            self._hold_deleted(key, deletion)

    def drop(self, key: str) -> None:
        """Forget an object without a trace."""
        if self._live.pop(key, None) is not None:
            self._live_order.remove(key)
        self._deleted.pop(key, None)
        self._tell(key)

    def _hold_deleted(self, key: str, deletion: Deletion[V]) -> None:
        self._deleted[key] = deletion
        self._next_due = min(self._next_due, deletion.due)
        self._tell(key)

    def _tell(self, key: str, added: V | None = None) -> None:
        for listener in self.listeners:
            listener(key, added)

    def _expire(self, key: str, now: int) -> Deletion[V] | None:
        deletion = self._deleted.get(key)
        if deletion is None or now < deletion.due:
            return deletion
        del self._deleted[key]
        if deletion.recovered is not None:
            self._live[key] = deletion.history
            insort(self._live_order, key)
        self._tell(key)
        return None
