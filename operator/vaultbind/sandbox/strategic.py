"""Strategic merge patches for built-in kinds: lists are merged by the keys that the kind's shape names.

Understood: merging of list maps and sets, `$patch: delete|replace`, `$deleteFromPrimitiveList/...`,
`$retainKeys`; the order directives (`$setElementOrder/...`) are accepted and have no effect.
"""

from collections.abc import Mapping
from typing import Any

from vaultbind.sandbox.patches import PatchError
from vaultbind.sandbox.shapes import child_shape, item_shape, list_keys, list_type

_DIRECTIVE = "$patch"
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"


def strategic_merge_patch(target: Any, patch: Any, shape: Mapping[str, Any]) -> Any:
    """Apply a strategic merge patch; neither argument is changed. Raises PatchError."""
    if not isinstance(patch, dict):
        return patch
    if patch.get(_DIRECTIVE) == "replace":
        return _without_directives(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    _retain(merged, patch.get("$retainKeys"))
    for key, value in patch.items():
        if key.startswith(_DELETE_PRIMITIVES):
            _drop_primitives(merged, key.removeprefix(_DELETE_PRIMITIVES), value)
        elif key.startswith("$"):
            continue
        elif value is None or (isinstance(value, dict) and value.get(_DIRECTIVE) == "delete"):
            merged.pop(key, None)
        else:
            merged[key] = _merge_value(merged.get(key), value, child_shape(shape, key))
    return merged


def _merge_value(current: Any, value: Any, shape: Mapping[str, Any]) -> Any:
    if not isinstance(value, list):
        return strategic_merge_patch(current, value, shape)
    present = current if isinstance(current, list) else []
    match list_type(shape):
        case "map":
            return _merge_list_map(present, value, shape)
        case "set":
            return [*present, *(item for item in value if item not in present)]
        case _:
            return value


def _merge_list_map(current: list[Any], patch: list[Any], shape: Mapping[str, Any]) -> list[Any]:
    """The first key of a list map is the merge key of a strategic patch."""
    key = list_keys(shape)[0]
    replace = any(item == {_DIRECTIVE: "replace"} for item in patch)
    merged = [] if replace else list(current)
    for item in patch:
        if not isinstance(item, dict):
            raise PatchError(f"items of a list with merge key {key} must be objects")
        if item == {_DIRECTIVE: "replace"}:
            continue
        if key not in item:
            raise PatchError(f"map does not contain declared merge key: {key}")
        _merge_item(merged, item, key, item_shape(shape))
    return merged


def _merge_item(merged: list[Any], item: dict[str, Any], key: str, shape: Mapping[str, Any]) -> None:
    position = next((index for index, old in enumerate(merged) if old.get(key) == item[key]), None)
    if item.get(_DIRECTIVE) == "delete":
        if position is not None:
            del merged[position]
    elif position is None:
        merged.append(strategic_merge_patch({}, item, shape))
    else:
        merged[position] = strategic_merge_patch(merged[position], item, shape)


def _without_directives(patch: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in patch.items() if not key.startswith("$")}


def _retain(merged: dict[str, Any], keys: Any) -> None:
    if isinstance(keys, list):
        for key in set(merged) - set(keys):
            del merged[key]


def _drop_primitives(merged: dict[str, Any], key: str, values: Any) -> None:
    current = merged.get(key)
    if isinstance(current, list) and isinstance(values, list):
        merged[key] = [item for item in current if item not in values]
