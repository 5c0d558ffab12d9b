"""JSON documents as plain dictionaries: copies, exact equality and steps into the tree.

Objects in the store are never changed in place: every write works on a `clone`.
"""

from datetime import UTC, datetime
from typing import Any, cast

import orjson

JsonObject = dict[str, Any]


def clone(document: JsonObject) -> JsonObject:
    """A deep copy of a JSON document."""
    return cast("JsonObject", orjson.loads(orjson.dumps(document)))


def is_same(left: Any, right: Any) -> bool:
    """Equality of JSON values: `1` and `true` differ, the order of keys does not matter."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict | list):
        options = orjson.OPT_SORT_KEYS
        return bool(left == right) and orjson.dumps(left, option=options) == orjson.dumps(
            right, option=options
        )
    return bool(left == right)


def metadata(document: JsonObject) -> JsonObject:
    """The metadata of an object, an empty one when it has none."""
    found = document.get("metadata")
    return found if isinstance(found, dict) else {}


def labels(document: JsonObject) -> dict[str, str]:
    """The labels of an object."""
    return metadata(document).get("labels") or {}


def timestamp(moment: datetime) -> str:
    """RFC 3339 in whole seconds, as Kubernetes writes `metav1.Time`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find(document: Any, *steps: str) -> Any:
    """The value below the given keys; None where the path ends early."""
    for step in steps:
        if not isinstance(document, dict):
            return None
        document = document.get(step)
    return document
