"""What the cluster last told us: raw objects by key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from vaultbind.api.refs import ObjectKey

RawObject = Mapping[str, Any]


class Change(Enum):
    """What a new state of an object means for whoever works on it."""

    NEW = auto()
    SPEC = auto()  # generation, labels or annotations moved
    STATUS = auto()  # anything else, as a rule the echo of our own status
    STALE = auto()  # older than what is known; dropped


@dataclass(slots=True)
class ObjectCache:
    """Last known state of each object. `uid` is part of the identity: a namesake is NEW."""

    _objects: dict[ObjectKey, RawObject] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of objects."""
        return len(self._objects)

    def get(self, key: ObjectKey) -> RawObject | None:
        """Return the last known state, or None."""
        return self._objects.get(key)

    def keys(self, kind: str) -> Iterator[ObjectKey]:
        """Keys of one kind; a copy, so that the cache may change meanwhile."""
        return iter([key for key in self._objects if key.kind == kind])

    def items(self, kind: str) -> list[tuple[ObjectKey, RawObject]]:
        """Keys and states of one kind; a copy, so that the cache may change meanwhile."""
        return [item for item in self._objects.items() if item[0].kind == kind]

    def put(self, key: ObjectKey, obj: RawObject) -> Change:
        """Store a state and tell what it changes."""
        old = self._objects.get(key)
        change = decide_change(old, obj)
        if change is not Change.STALE:
            self._objects[key] = obj
        return change

    def refresh(self, key: ObjectKey, obj: RawObject) -> None:
        """Store the answer to a write of ours, unless the object has gone or been replaced meanwhile."""
        old = self._objects.get(key)
        if old is not None and old["metadata"].get("uid") == obj["metadata"].get("uid"):
            self.put(key, obj)

    def remove(self, key: ObjectKey, uid: str = "") -> RawObject | None:
        """Forget an object; with `uid` only if it is that one."""
        old = self._objects.get(key)
        if old is None or (uid and old["metadata"].get("uid") != uid):
            return None
        return self._objects.pop(key)


def decide_change(old: RawObject | None, new: RawObject) -> Change:
    """Compare two states of one name."""
    if old is None:
        return Change.NEW
    before, after = old["metadata"], new["metadata"]
    if before.get("uid") != after.get("uid"):
        return Change.NEW
    if _is_older(after, before):
        return Change.STALE
    for name in ("generation", "labels", "annotations", "deletionTimestamp"):
        if before.get(name) != after.get(name):
            return Change.SPEC
    return Change.STATUS


def _is_older(after: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Compare resourceVersions as numbers (comparable since Kubernetes 1.35; numeric in etcd ever since)."""
    new, old = str(after.get("resourceVersion", "")), str(before.get("resourceVersion", ""))
    return new.isdecimal() and old.isdecimal() and int(new) < int(old)
