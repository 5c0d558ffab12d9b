"""How a schema says that lists and maps are merged; without one, maps are granular and lists atomic."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

Shape = Mapping[str, Any]
UNKNOWN: Final[Shape] = {}
STRUCT: Final = "x-vaultbind-struct"


def child_shape(shape: Shape, key: str) -> Shape:
    """Shape of a member of an object."""
    known = shape.get("properties")
    if isinstance(known, Mapping) and key in known:
        found: Shape = known[key]
        return found
    rest = shape.get("additionalProperties")
    return rest if isinstance(rest, Mapping) else UNKNOWN


def item_shape(shape: Shape) -> Shape:
    """Shape of a list's items."""
    items = shape.get("items")
    return items if isinstance(items, Mapping) else UNKNOWN


def list_type(shape: Shape) -> str:
    """`atomic`, `set` or `map`."""
    return str(shape.get("x-kubernetes-list-type", "atomic"))


def list_keys(shape: Shape) -> list[str]:
    """The keys by which the items of a list map are told apart."""
    return list(shape.get("x-kubernetes-list-map-keys", ()))


def is_atomic_map(shape: Shape) -> bool:
    """Whether an object has one owner as a whole."""
    return shape.get("x-kubernetes-map-type") == "atomic"


def is_struct(shape: Shape) -> bool:
    """Whether an object is always there in the server's own types, so that nobody owns its presence."""
    return bool(shape.get(STRUCT))


def item_identity(shape: Shape, item: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of one item of a list map; keys with a default in the schema may be absent in the item."""
    properties = item_shape(shape).get("properties", {})
    identity = {}
    for key in list_keys(shape):
        default = properties.get(key, {}).get("default") if isinstance(properties, Mapping) else None
        value = item.get(key, default)
        if value is not None:
            identity[key] = value
    return identity


def item_step(shape: Shape, item: Any) -> str:
    """The `fieldsV1` step to one item of a list map or set: `k:{...}` or `v:...`."""
    if list_type(shape) == "map" and isinstance(item, Mapping):
        return "k:" + orjson.dumps(item_identity(shape, item), option=orjson.OPT_SORT_KEYS).decode()
    return "v:" + orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()
