"""Server-side apply on JSON documents: merge, find conflicts, prune what is no longer named. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vaultbind.sandbox.documents import JsonObject
from vaultbind.sandbox.errors import Cause, apply_conflict
from vaultbind.sandbox.fields import FieldSet, Path, applied_fields, describe_path, field_values
from vaultbind.sandbox.managed_fields import APPLY, Entry, ManagerKey, compare
from vaultbind.sandbox.shapes import (
    Shape,
    child_shape,
    is_atomic_map,
    item_shape,
    item_step,
    list_type,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The object and its managers after an apply."""

    document: JsonObject
    entries: tuple[Entry, ...]


def apply_configuration(
    live: JsonObject,
    configuration: JsonObject,
    shape: Shape,
    *,
    entries: Iterable[Entry],
    key: ManagerKey,
    force: bool,
    time: str,
) -> Applied:
    """Apply `configuration` on behalf of `key`; raises StatusError 409 when it would take fields unforced."""
    entries = tuple(entries)
    wanted = applied_fields(configuration, shape)
    merged = _merge(live, configuration, shape)
    changed = compare(live, merged, shape).changed
    others = tuple(entry for entry in entries if entry.key != key)
    if not force:
        _refuse_conflicts(others, changed)
    before = next((entry for entry in entries if entry.key == key), None)
    owned = before.fields if before else frozenset()
    owned_by_others = frozenset[Path]().union(*(entry.fields for entry in others))
    pruned = _prune(merged, shape, owned - wanted - owned_by_others)
    left = field_values(pruned, shape).keys()
    kept = [replace(entry, fields=frozenset((entry.fields - changed) & left)) for entry in others]
    mine = Entry(key=key, fields=wanted, time=time)
    if before and before.fields == wanted and not changed:
        mine = before
    return Applied(document=pruned, entries=(*kept, mine))


def _refuse_conflicts(others: Iterable[Entry], changed: FieldSet) -> None:
    causes = [
        Cause(field=describe_path(path), message=_told(entry), reason="FieldManagerConflict")
        for entry in others
        for path in sorted(entry.fields & changed)
    ]
    if causes:
        raise apply_conflict(causes)


def _told(entry: Entry) -> str:
    """The sentence by which the server names a manager in a conflict."""
    told = f'conflict with "{entry.key.manager}"'
    if entry.key.subresource:
        told += f' with subresource "{entry.key.subresource}"'
    if entry.key.operation != APPLY:
        told += f" using {entry.key.api_version}"
    return told


def _merge(live: Any, wanted: Any, shape: Shape) -> Any:
    """Merge by the shape; nulls in the configuration count as absent."""
    if isinstance(wanted, Mapping) and not is_atomic_map(shape):
        merged = dict(live) if isinstance(live, Mapping) else {}
        for key, value in wanted.items():
            if value is not None:
                merged[key] = _merge(merged.get(key), value, child_shape(shape, key))
        return merged
    if isinstance(wanted, list) and list_type(shape) != "atomic":
        return _merge_items(live if isinstance(live, list) else [], wanted, shape)
    return wanted


def _merge_items(live: list[Any], wanted: list[Any], shape: Shape) -> list[Any]:
    """Items of the live list keep their place, new ones follow."""
    merged = {item_step(shape, item): item for item in live}
    for item in wanted:
        step = item_step(shape, item)
        merged[step] = _merge(merged.get(step), item, item_shape(shape))
    return list(merged.values())


def _prune(document: JsonObject, shape: Shape, gone: FieldSet) -> JsonObject:
    """Remove the named fields, and the maps and lists that this leaves empty."""
    if not gone:
        return document
    pruned = _pruned(document, shape, (), gone)
    return pruned if isinstance(pruned, dict) else {}


_NOTHING = object()


def _pruned(value: Any, shape: Shape, path: Path, gone: FieldSet) -> Any:
    below = any(named[: len(path)] == path and len(named) > len(path) for named in gone)
    if path in gone and not below:
        return _NOTHING
    if not below:
        return value
    if isinstance(value, Mapping):
        members = {
            key: _pruned(member, child_shape(shape, key), (*path, f"f:{key}"), gone)
            for key, member in value.items()
        }
        left = {key: member for key, member in members.items() if member is not _NOTHING}
        return left or (_NOTHING if path else {})
    items = [_pruned(item, item_shape(shape), (*path, item_step(shape, item)), gone) for item in value]
    return [item for item in items if item is not _NOTHING] or _NOTHING
