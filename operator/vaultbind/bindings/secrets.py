"""Metadata of the Secrets that carry our label, as the metadata-only watch and our own writes tell it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vaultbind.api.names import LABEL_MANAGED


@dataclass(slots=True, kw_only=True)
class WatchedSecrets:
    """The newest metadata of each Secret. `on_change` hears of changes that are not our own."""

    on_change: Callable[[str, str], None]
    _metadata: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of Secrets."""
        return len(self._metadata)

    def get(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """Metadata, or None."""
        return self._metadata.get((namespace, name))

    def put(self, metadata: Mapping[str, Any]) -> None:
        """Take metadata from the answer to a read or write of ours."""
        if (metadata.get("labels") or {}).get(LABEL_MANAGED) == "true":
            self._store(metadata)

    def forget(self, namespace: str, name: str) -> None:
        """Take the absence of a Secret from an answer."""
        self._metadata.pop((namespace, name), None)

    def on_event(self, event: str, obj: Mapping[str, Any]) -> None:
        """Take an event of the watch: ADDED, MODIFIED or DELETED."""
        metadata = obj["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if event == "DELETED":
            known = self._metadata.get(key)
            if known is None or known.get("uid") != metadata.get("uid"):
                return
            del self._metadata[key]
        elif not self._store(metadata):
            return
        self.on_change(*key)

    def _store(self, metadata: Mapping[str, Any]) -> bool:
        """Keep metadata unless it is known or older."""
        key = (metadata["namespace"], metadata["name"])
        known = self._metadata.get(key)
        if known is not None and known.get("uid") == metadata.get("uid") and not _is_newer(metadata, known):
            return False
        self._metadata[key] = metadata
        return True


def _is_newer(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return _version(new) > _version(old)


def _version(metadata: Mapping[str, Any]) -> int:
    text = str(metadata.get("resourceVersion", ""))
    return int(text) if text.isdecimal() else 0
