"""Managed fields of one write: what it may own, its entries, and whether it changed anything. Pure."""

from typing import Final

from vaultbind.sandbox.documents import JsonObject, is_same, metadata
from vaultbind.sandbox.drafting import WriteOptions
from vaultbind.sandbox.fields import field_values
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.managed_fields import (
    UPDATE,
    Entry,
    ManagerKey,
    compare,
    parse_entries,
    render_entries,
    take_fields,
)

BEFORE_APPLY: Final = "before-first-apply"


def manager_key(kind: ResourceKind, options: WriteOptions, operation: str) -> ManagerKey:
    """The writer as managedFields know it."""
    return ManagerKey(
        manager=options.manager,
        operation=operation,
        api_version=kind.api_version,
        subresource=options.subresource,
    )


def own_part(document: JsonObject, kind: ResourceKind, options: WriteOptions) -> JsonObject:
    """The part of an object that this write may own."""
    if options.subresource == "status":
        return {key: value for key, value in document.items() if key in {"apiVersion", "kind", "status"}}
    if kind.has_status:
        return {key: value for key, value in document.items() if key != "status"}
    return document


def entries_after_update(
    kind: ResourceKind, live: JsonObject, document: JsonObject, options: WriteOptions, now: str
) -> tuple[Entry, ...]:
    """The entries after an update that turns `live` into `document`; stripped ones stay stripped."""
    entries = parse_entries(live)
    if live and not entries:
        return ()
    difference = compare(own_part(live, kind, options), own_part(document, kind, options), kind.schema)
    return take_fields(entries, manager_key(kind, options, UPDATE), difference, now)


def strips_entries(body: JsonObject) -> bool:
    """Whether a write empties the list of managers."""
    return metadata(body).get("managedFields") in ([], [{}])


def with_entries_of(live: JsonObject, body: JsonObject) -> JsonObject:
    """The live object with the entries that a body brings, if any: they may be edited by hand."""
    entries = metadata(body).get("managedFields")
    return {**live, "metadata": {**metadata(live), "managedFields": entries}} if entries else live


def entries_before_apply(kind: ResourceKind, live: JsonObject, options: WriteOptions) -> tuple[Entry, ...]:
    """The entries that an apply meets; without any, all fields belong to `before-first-apply`."""
    entries = parse_entries(live)
    if entries or not live:
        return entries
    key = ManagerKey(manager=BEFORE_APPLY, operation=UPDATE, api_version=kind.api_version)
    fields = frozenset(field_values(own_part(live, kind, options), kind.schema))
    return (Entry(key=key, fields=fields, time=str(metadata(live).get("creationTimestamp", ""))),)


def set_entries(document: JsonObject, entries: tuple[Entry, ...]) -> None:
    """Write the entries into an object's metadata."""
    rendered = render_entries(entries)
    document["metadata"].pop("managedFields", None)
    if rendered:
        document["metadata"]["managedFields"] = rendered


def is_unchanged(live: JsonObject, document: JsonObject, entries: tuple[Entry, ...]) -> bool:
    """Whether a write changes neither the object nor anyone's fields; times of entries do not count."""
    after = {(entry.key, entry.fields) for entry in entries if entry.fields}
    if after != {(entry.key, entry.fields) for entry in parse_entries(live)}:
        return False
    return is_same(_without_entries(live), _without_entries(document))


def _without_entries(document: JsonObject) -> JsonObject:
    meta = {key: value for key, value in document["metadata"].items() if key != "managedFields"}
    return {**document, "metadata": meta}
