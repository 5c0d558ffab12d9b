"""Who owns which data key of a Secret or ConfigMap, read from `metadata.managedFields`.

The API server keeps this list for every object and sends it in metadata-only answers. So a foreign hand in a
Secret is seen without reading a value: an update moves the key to its writer, an apply adds the applier.

Limits, all the server's own: a manager that writes the value that is already there leaves no trace (nor did
it change anything); past ten updaters the oldest are merged into the manager `ancient-changes`; anybody with
the right to patch may empty the list, which `is_tracked` tells.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_PREFIX: Final = "f:"
_DATA_FIELDS: Final = ("f:data", "f:binaryData", "f:stringData")


def owners(metadata: Mapping[str, Any]) -> Mapping[str, frozenset[str]]:
    """Managers of each data key, from Update and Apply entries alike; keys without a manager are absent."""
    found: dict[str, set[str]] = {}
    for manager, key in _claims(metadata):
        found.setdefault(key, set()).add(manager)
    return {key: frozenset(managers) for key, managers in found.items()}


def data_keys_owned_by(metadata: Mapping[str, Any], manager: str) -> frozenset[str]:
    """Data keys that this manager owns, alone or with others."""
    return frozenset(key for name, key in _claims(metadata) if name == manager)


def other_owners(metadata: Mapping[str, Any], manager: str) -> Mapping[str, frozenset[str]]:
    """Data keys that somebody other than this manager owns, alone or with it, and who those are."""
    others = ((key, names - {manager}) for key, names in owners(metadata).items())
    return {key: names for key, names in others if names}


def is_locked_by(metadata: Mapping[str, Any], manager: str) -> bool:
    """Whether it is this manager that made the object immutable, alone or with others."""
    fields = (entry.get("fieldsV1") or {} for entry in _entries(metadata) if entry.get("manager") == manager)
    return any("f:immutable" in field for field in fields)


def is_tracked(metadata: Mapping[str, Any]) -> bool:
    """Whether the server tracks owners of this object at all: an emptied list says nothing about keys."""
    return any(isinstance(entry.get("fieldsV1"), dict) for entry in _entries(metadata))


def _claims(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(manager, data key) of every entry that is about the object itself, not a subresource."""
    for entry in _entries(metadata):
        if entry.get("subresource"):
            continue
        manager = str(entry.get("manager", ""))
        for key in _keys(entry.get("fieldsV1")):
            yield manager, key


def _entries(metadata: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries = metadata.get("managedFields")
    return (entry for entry in entries or () if isinstance(entry, dict))


def _keys(fields: object) -> Iterator[str]:
    if not isinstance(fields, dict):
        return
    for name in _DATA_FIELDS:
        keys = fields.get(name)
        for key in keys if isinstance(keys, dict) else ():
            if key.startswith(_PREFIX):
                yield key.removeprefix(_PREFIX)
