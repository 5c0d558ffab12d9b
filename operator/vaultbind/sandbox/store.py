"""The state of the cluster: objects, one counter of revisions and the log of changes that watches read.

Pure: no clock, no tasks. Watches keep a revision and ask for what came after it, so that a slow reader costs
no memory; who wants to be woken registers a listener.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from vaultbind.sandbox.documents import JsonObject, clone
from vaultbind.sandbox.errors import expired

StorageKey = tuple[str, str]
"""Group and plural, shared by all versions of a resource."""


class ChangeType(StrEnum):
    """What a watch calls a change."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write: the object after it (before it, with the new revision, when deleted)."""

    revision: int
    storage: StorageKey
    type: ChangeType
    object: JsonObject
    previous: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKey:
    """Where an object is stored; `namespace` is empty for cluster-wide ones."""

    storage: StorageKey
    namespace: str
    name: str


class Store:
    """All objects; what it hands out must not be changed, and it keeps what it is given."""

    def __init__(self, *, history: int = 20_000, first_revision: int = 1_000) -> None:
        """`history` is the number of changes that a watch may lag behind."""
        self._objects: dict[StorageKey, dict[tuple[str, str], JsonObject]] = {}
        self._log: list[Change] = []
        self._history = history
        self._listeners: set[Callable[[Change], None]] = set()
        self.revision = first_revision
        self.compacted = first_revision
        """A watch that has seen less than this revision is too old."""

    def get(self, key: ObjectKey) -> JsonObject | None:
        """The object, None when there is none."""
        return self._objects.get(key.storage, {}).get((key.namespace, key.name))

    def objects(self, storage: StorageKey, namespace: str = "") -> list[JsonObject]:
        """All objects of a resource ordered by namespace and name; of one namespace when it is given."""
        found = self._objects.get(storage, {})
        return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def everything(self) -> Iterator[tuple[ObjectKey, JsonObject]]:
        """Every object there is, with its key."""
        for storage, objects in list(self._objects.items()):
            for (namespace, name), document in list(objects.items()):
                yield ObjectKey(storage=storage, namespace=namespace, name=name), document

    def put(self, key: ObjectKey, document: JsonObject) -> JsonObject:
        """Store the object under the next revision; tells a new object from a changed one by itself."""
        objects = self._objects.setdefault(key.storage, {})
        previous = objects.get((key.namespace, key.name))
        self.revision += 1
        document["metadata"]["resourceVersion"] = str(self.revision)
        objects[key.namespace, key.name] = document
        change_type = ChangeType.ADDED if previous is None else ChangeType.MODIFIED
        self._record(key.storage, change_type, document, previous)
        return document

    def remove(self, key: ObjectKey) -> JsonObject:
        """Remove the object; raises KeyError when it is not there."""
        previous = self._objects[key.storage].pop((key.namespace, key.name))
        self.revision += 1
        last = clone(previous)
        last["metadata"]["resourceVersion"] = str(self.revision)
        self._record(key.storage, ChangeType.DELETED, last, previous)
        return last

    def _record(
        self, storage: StorageKey, change_type: ChangeType, document: JsonObject, previous: JsonObject | None
    ) -> None:
        change = Change(
            revision=self.revision, storage=storage, type=change_type, object=document, previous=previous
        )
        self._log.append(change)
        if len(self._log) > self._history:
            self.compact(self._log[len(self._log) // 2].revision)
        for listener in list(self._listeners):
            listener(change)

    def changes_since(self, revision: int) -> list[Change]:
        """Every change after `revision`, oldest first; raises StatusError 410 when that history is gone."""
        if revision < self.compacted:
            raise expired(f"too old resource version: {revision} ({self.compacted})")
        start = bisect_right(self._log, revision, key=lambda change: change.revision)
        return self._log[start:]

    def compact(self, revision: int | None = None) -> None:
        """Forget the history up to `revision` (all of it when absent)."""
        self.compacted = self.revision if revision is None else revision
        start = bisect_right(self._log, self.compacted, key=lambda change: change.revision)
        del self._log[:start]

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` on every change until the returned function is called."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)
