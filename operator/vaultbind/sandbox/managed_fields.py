"""Who owns which field: what a write does to `metadata.managedFields`. Pure.

An update gives the writer every field that it added or changed, takes those from all others, and forgets
removed ones. At most ten managers by update are kept; older ones are merged into `ancient-changes`.
Server-side apply, in apply.py, uses the same values.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from vaultbind.sandbox.documents import JsonObject
from vaultbind.sandbox.fields import FieldSet, decode_fields, encode_fields, field_values
from vaultbind.sandbox.shapes import Shape

UPDATE: Final = "Update"
APPLY: Final = "Apply"
ANCIENT: Final = "ancient-changes"
_MAX_UPDATE_MANAGERS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerKey:
    """What makes an entry of managedFields its own."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One manager's fields and when they last changed."""

    key: ManagerKey
    fields: FieldSet
    time: str


def parse_entries(document: JsonObject) -> tuple[Entry, ...]:
    """The entries of an object; unreadable ones are dropped."""
    raw = document.get("metadata", {}).get("managedFields") or ()
    return tuple(_parse_entry(entry) for entry in raw if isinstance(entry, Mapping) and "manager" in entry)


def _parse_entry(raw: Mapping[str, Any]) -> Entry:
    key = ManagerKey(
        manager=raw["manager"],
        operation=raw.get("operation", UPDATE),
        api_version=raw.get("apiVersion", ""),
        subresource=raw.get("subresource", ""),
    )
    return Entry(key=key, fields=decode_fields(raw.get("fieldsV1") or {}), time=raw.get("time", ""))


def render_entries(entries: Iterable[Entry]) -> list[JsonObject]:
    """The `managedFields` list in the server's order: applies first, then by time and manager."""
    kept = sorted(
        (entry for entry in entries if entry.fields),
        key=lambda entry: (entry.key.operation, entry.time, entry.key.manager, entry.key.api_version),
    )
    return [_render_entry(entry) for entry in kept]


def _render_entry(entry: Entry) -> JsonObject:
    rendered: JsonObject = {
        "manager": entry.key.manager,
        "operation": entry.key.operation,
        "apiVersion": entry.key.api_version,
        "time": entry.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": encode_fields(entry.fields),
    }
    if entry.key.subresource:
        rendered["subresource"] = entry.key.subresource
    return rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a write did to the fields of an object."""

    changed: FieldSet
    """Added or with another value."""
    removed: FieldSet


def compare(old: Mapping[str, Any], new: Mapping[str, Any], shape: Shape) -> Difference:
    """Fields that differ between two states of one object."""
    before, after = field_values(old, shape), field_values(new, shape)
    changed = frozenset(path for path, value in after.items() if path not in before or before[path] != value)
    return Difference(changed=changed, removed=frozenset(before.keys() - after.keys()))


def take_fields(
    entries: Iterable[Entry], key: ManagerKey, difference: Difference, time: str
) -> tuple[Entry, ...]:
    """The entries after an update by `key`."""
    kept: list[Entry] = []
    mine = Entry(key=key, fields=frozenset(), time=time)
    for entry in entries:
        if entry.key == key:
            mine = replace(entry, fields=entry.fields - difference.removed)
        else:
            kept.append(replace(entry, fields=entry.fields - difference.changed - difference.removed))
    if difference.changed:
        mine = replace(mine, fields=mine.fields | difference.changed, time=time)
    return _capped((*kept, mine))


def _capped(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Merge the oldest managers by update until at most ten are left."""
    updates = sorted(
        (entry for entry in entries if entry.key.operation == UPDATE and entry.fields),
        key=lambda entry: (entry.time, entry.key.manager),
    )
    surplus = len(updates) - _MAX_UPDATE_MANAGERS
    if surplus <= 0:
        return entries
    merged = updates[: surplus + 1]
    rest = tuple(entry for entry in entries if entry not in merged)
    oldest = merged[0]
    ancient = ManagerKey(manager=ANCIENT, operation=UPDATE, api_version=oldest.key.api_version)
    fields = frozenset[tuple[str, ...]]().union(*(entry.fields for entry in merged))
    return (*rest, Entry(key=ancient, fields=fields, time=merged[-1].time))
