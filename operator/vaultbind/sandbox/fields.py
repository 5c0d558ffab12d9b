"""Sets of fields: an object's fields as paths, and the `fieldsV1` form in which managedFields hold them.

A path is a tuple of fieldsV1 steps: `f:name` for a member, `k:{"name":"x"}` for an item of a list map,
`v:"x"` for an item of a set. A map that holds granular members has a path of its own, written as `.`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from vaultbind.sandbox.shapes import (
    Shape,
    child_shape,
    is_atomic_map,
    is_struct,
    item_shape,
    item_step,
    list_type,
)

Path = tuple[str, ...]
FieldSet = frozenset[Path]

_NODE: Final = object()
_UNOWNED: Final[frozenset[Path]] = frozenset(
    [
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "generation",
                "managedFields",
                "resourceVersion",
            )
        ),
    ]
)


def _children(value: Any, shape: Shape) -> Iterator[tuple[str, Any, Shape]] | None:
    """Members of a granular map or list; None for what is owned as a whole."""
    if isinstance(value, Mapping) and not is_atomic_map(shape):
        return ((f"f:{key}", member, child_shape(shape, key)) for key, member in value.items())
    if isinstance(value, list) and list_type(shape) != "atomic":
        return ((item_step(shape, item), item, item_shape(shape)) for item in value)
    return None


def field_values(document: Mapping[str, Any], shape: Shape) -> dict[Path, bytes | object]:
    """Every owned path of an object with its value in canonical JSON (a mark for maps): for comparing."""
    found: dict[Path, bytes | object] = {}

    def walk(path: Path, value: Any, shape: Shape) -> None:
        children = _children(value, shape)
        if path and path not in _UNOWNED and not is_struct(shape):
            found[path] = _NODE if children is not None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        if path not in _UNOWNED or path == ("f:metadata",):
            for step, member, member_shape in children or ():
                walk((*path, step), member, member_shape)

    walk((), document, shape)
    return found


def applied_fields(document: Mapping[str, Any], shape: Shape) -> FieldSet:
    """The fields that an apply configuration names: leaves, empty maps, items of lists."""
    found: set[Path] = set()

    def walk(path: Path, value: Any, shape: Shape) -> None:
        if path in _UNOWNED and path != ("f:metadata",):
            return
        children = list(_children(value, shape) or ())
        is_item = bool(path) and not path[-1].startswith("f:")
        if path not in _UNOWNED and path and (is_item or not children):
            found.add(path)
        for step, member, member_shape in children:
            walk((*path, step), member, member_shape)

    walk((), document, shape)
    return frozenset(found)


def encode_fields(paths: Iterable[Path]) -> dict[str, Any]:
    """The `fieldsV1` form of a set of paths."""
    root: dict[str, Any] = {}
    members = set(paths)
    for path in sorted(members):
        node = root
        for depth, step in enumerate(path, start=1):
            inner = node.setdefault(step, {})
            if depth < len(path) and path[:depth] in members:
                inner.setdefault(".", {})
            node = inner
    return root


def decode_fields(encoded: Mapping[str, Any]) -> FieldSet:
    """The set of paths that a `fieldsV1` object stands for."""
    found: set[Path] = set()

    def walk(path: Path, node: Mapping[str, Any]) -> None:
        if path and (not node or "." in node):
            found.add(path)
        for step, inner in node.items():
            if step != ".":
                walk((*path, step), inner)

    walk((), encoded)
    return frozenset(found)


def describe_path(path: Path) -> str:
    """The form in which a conflict names a field, such as `.spec.containers[name="x"].image`."""
    told = ""
    for step in path:
        kind, _, text = step.partition(":")
        if kind == "f":
            told += f".{text}"
        elif kind == "k":
            keys = ",".join(
                f"{key}={orjson.dumps(value).decode()}" for key, value in orjson.loads(text).items()
            )
            told += f"[{keys}]"
        else:
            told += f"[={text}]"
    return told
