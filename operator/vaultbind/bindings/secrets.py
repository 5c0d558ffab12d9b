"""Metadata of the Secrets that carry our label, as the metadata-only watch and our own writes tell it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from vaultbind.api.names import LABEL_MANAGED


class _Packed(NamedTuple):
    """Metadata as JSON: a tenth of the memory, and looked at a few times in a Secret's life."""

    uid: str
    version: int
    json: bytes


@dataclass(slots=True, kw_only=True)
class WatchedSecrets:
    """The newest metadata of each Secret. `on_change` hears of changes that are not our own."""

    on_change: Callable[[str, str], None]
    _known: dict[tuple[str, str], _Packed] = field(default_factory=dict)
    _held: dict[tuple[str, str], list[tuple[str, Mapping[str, Any]]]] = field(default_factory=dict)
    """Events of Secrets that are being written, until the answer to the write is in."""

    def __len__(self) -> int:
        """Number of Secrets."""
        return len(self._known)

    def get(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """Metadata, or None."""
        packed = self._known.get((namespace, name))
        if packed is None:
            return None
        metadata: Mapping[str, Any] = orjson.loads(packed.json)
        return metadata

    def put(self, metadata: Mapping[str, Any]) -> None:
        """Take metadata from the answer to a read or write of ours."""
        if (metadata.get("labels") or {}).get(LABEL_MANAGED) == "true":
            self._store(metadata)

    def forget(self, namespace: str, name: str) -> None:
        """Take the absence of a Secret from an answer."""
        self._known.pop((namespace, name), None)

    @contextmanager
    def writing(self, namespace: str, name: str) -> Iterator[None]:
        """Let events of a Secret wait for the answer to a write: the watch may tell of it before that."""
        key = (namespace, name)
        if key in self._held:  # another binding merges into the same Secret just now
            yield
            return
        self._held[key] = []
        try:
            yield
        finally:
            for event, obj in self._held.pop(key):
                self.on_event(event, obj)

    def on_event(self, event: str, obj: Mapping[str, Any]) -> None:
        """Take an event of the watch: ADDED, MODIFIED or DELETED."""
        metadata = obj["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if key in self._held:
            self._held[key].append((event, obj))
            return
        if event == "DELETED":
            known = self._known.get(key)
            if known is None or known.uid != metadata.get("uid"):
                return
            del self._known[key]
        elif not self._store(metadata):
            return
        self.on_change(*key)

    def _store(self, metadata: Mapping[str, Any]) -> bool:
        """Keep metadata unless it is known or older."""
        key = (metadata["namespace"], metadata["name"])
        known = self._known.get(key)
        uid, version = str(metadata.get("uid")), _version(metadata)
        if known is not None and known.uid == uid and version <= known.version:
            return False
        self._known[key] = _Packed(uid, version, orjson.dumps(metadata))
        return True


def _version(metadata: Mapping[str, Any]) -> int:
    text = str(metadata.get("resourceVersion", ""))
    return int(text) if text.isdecimal() else 0
