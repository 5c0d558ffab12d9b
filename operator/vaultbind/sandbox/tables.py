"""Tables as kubectl asks for them: column definitions and one row of cells per object. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vaultbind.sandbox.builtin_kinds import AGE, NAME
from vaultbind.sandbox.documents import JsonObject, find, metadata
from vaultbind.sandbox.jsonpath import find_all
from vaultbind.sandbox.kinds import Column, ResourceKind
from vaultbind.sandbox.representations import list_metadata, partial_metadata

_UNKNOWN: Final = "<unknown>"
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def render_table(
    kind: ResourceKind, documents: Iterable[JsonObject], now: datetime, *, include: str, listing: JsonObject
) -> JsonObject:
    """A `Table`; `include` is None, Metadata or Object and says what each row carries of its object."""
    columns = kind.columns or (NAME, AGE)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata(listing),
        "columnDefinitions": [_definition(column) for column in columns],
        "rows": [_row(columns, document, now, include) for document in documents],
    }


def _definition(column: Column) -> JsonObject:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _row(columns: Iterable[Column], document: JsonObject, now: datetime, include: str) -> JsonObject:
    row: JsonObject = {"cells": [_cell(column, document, now) for column in columns]}
    row["object"] = None
    if include != "None":
        row["object"] = document if include == "Object" else partial_metadata(document)
    return row


def _cell(column: Column, document: JsonObject, now: datetime) -> Any:
    if column.path in _BUILTIN_CELLS:
        return _BUILTIN_CELLS[column.path](document, now)
    found = find_all(document, column.path)
    if column.type == "date":
        return render_age(found[0] if found else None, now)
    if not found:
        return None
    return found[0] if len(found) == 1 else ",".join(map(str, found))


def render_age(moment: str | None, now: datetime) -> str:
    """Time since a moment in RFC 3339, as short as kubectl prints it."""
    try:
        return render_duration(now - datetime.fromisoformat(str(moment)))
    except (ValueError, TypeError):
        return _UNKNOWN


def render_duration(age: timedelta) -> str:
    """`45s`, `3m20s`, `47m`, `5h30m`, `30h`, `3d4h`, `200d`: finer for younger things."""
    if age < timedelta():
        return "0s"
    for limit, unit, letter, smaller, small_letter in _DURATIONS:
        if age < limit:
            whole, rest = age // unit, age % unit // smaller if smaller else 0
            return f"{whole}{letter}" + (f"{rest}{small_letter}" if rest else "")
    return f"{age // _DAY}d"


_DURATIONS: Final[tuple[tuple[timedelta, timedelta, str, timedelta | None, str], ...]] = (
    (2 * _MINUTE, timedelta(seconds=1), "s", None, ""),
    (10 * _MINUTE, _MINUTE, "m", timedelta(seconds=1), "s"),
    (3 * _HOUR, _MINUTE, "m", None, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", None, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
)


def _name(document: JsonObject, _now: datetime) -> str:
    return str(metadata(document)["name"])


def _age(document: JsonObject, now: datetime) -> str:
    return render_age(metadata(document).get("creationTimestamp"), now)


def _created(document: JsonObject, _now: datetime) -> str:
    return str(metadata(document)["creationTimestamp"])


def _data_count(document: JsonObject, _now: datetime) -> int:
    return len(document.get("data") or ()) + len(document.get("binaryData") or ())


def _last_seen(document: JsonObject, now: datetime) -> str:
    moments = (
        find(document, "series", "lastObservedTime"),
        document.get("lastTimestamp") or document.get("deprecatedLastTimestamp"),
        document.get("eventTime"),
        metadata(document).get("creationTimestamp"),
    )
    return render_age(next((moment for moment in moments if moment), None), now)


def _involved_object(document: JsonObject, _now: datetime) -> str:
    regarding = document.get("involvedObject") or document.get("regarding") or {}
    return f"{str(regarding.get('kind', '')).lower()}/{regarding.get('name', '')}"


_BUILTIN_CELLS: Final[Mapping[str, Callable[[JsonObject, datetime], Any]]] = {
    "builtin:name": _name,
    "builtin:age": _age,
    "builtin:created": _created,
    "builtin:data-count": _data_count,
    "builtin:last-seen": _last_seen,
    "builtin:involved-object": _involved_object,
}


def utc_now() -> datetime:
    """The present, for servers that are not given a clock."""
    return datetime.now(UTC)
