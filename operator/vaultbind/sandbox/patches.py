"""Patch kinds without an owner's view: JSON merge patch (RFC 7396) and JSON patch (RFC 6902)."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from vaultbind.sandbox.documents import JsonObject, is_same


class PatchType(StrEnum):
    """Content types of PATCH."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"

    @property
    def short(self) -> str:
        """Name for statistics: merge, json, strategic or apply."""
        return self.name.lower()


class PatchError(ValueError):
    """A patch that cannot be read or does not fit the object; the message holds no value of either."""


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch; neither argument is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: JsonObject, operations: Sequence[Any]) -> JsonObject:
    """Apply a JSON patch to a document that may be changed; raises PatchError, also when a `test` fails."""
    root: dict[str, Any] = {"": target}
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise PatchError("every operation needs op and path")
        apply_operation = _OPERATIONS.get(operation.get("op", ""))
        if apply_operation is None:
            raise PatchError(f"unexpected kind of operation: {operation.get('op')}")
        apply_operation(root, operation)
    result = root[""]
    if not isinstance(result, dict):
        raise PatchError("the result is not an object")
    return result


def _steps(pointer: str) -> list[str]:
    """Parse a JSON pointer; its first step is the empty name of the root."""
    if pointer and not pointer.startswith("/"):
        raise PatchError(f"not a JSON pointer: {pointer}")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]


def _container(root: Any, steps: Sequence[str], pointer: str) -> Any:
    current = root
    for step in steps[:-1]:
        current = _member(current, step, pointer)
    return current


def _member(container: Any, step: str, pointer: str) -> Any:
    if isinstance(container, dict) and step in container:
        return container[step]
    if isinstance(container, list):
        return container[_index(step, pointer, last=len(container) - 1)]
    raise PatchError(f"doc is missing path: {pointer}")


def _index(step: str, pointer: str, *, last: int) -> int:
    if step.isdigit() and int(step) <= last:
        return int(step)
    raise PatchError(f"index out of bounds: {pointer}")


def _add(root: Any, pointer: str, value: Any) -> None:
    steps = _steps(pointer)
    container, step = _container(root, steps, pointer), steps[-1]
    if isinstance(container, list):
        end = len(container)
        container.insert(end if step == "-" else _index(step, pointer, last=end), value)
    elif isinstance(container, dict):
        container[step] = value
    else:
        raise PatchError(f"doc is missing path: {pointer}")


def _remove(root: Any, pointer: str) -> Any:
    steps = _steps(pointer)
    container, step = _container(root, steps, pointer), steps[-1]
    value = _member(container, step, pointer)
    del container[int(step) if isinstance(container, list) else step]
    return value


def _read(root: Any, pointer: str) -> Any:
    steps = _steps(pointer)
    return _member(_container(root, steps, pointer), steps[-1], pointer)


def _operation_add(root: Any, operation: JsonObject) -> None:
    _add(root, operation["path"], operation.get("value"))


def _operation_remove(root: Any, operation: JsonObject) -> None:
    _remove(root, operation["path"])


def _operation_replace(root: Any, operation: JsonObject) -> None:
    steps = _steps(operation["path"])
    container = _container(root, steps, operation["path"])
    _member(container, steps[-1], operation["path"])
    container[int(steps[-1]) if isinstance(container, list) else steps[-1]] = operation.get("value")


def _operation_move(root: Any, operation: JsonObject) -> None:
    _add(root, operation["path"], _remove(root, str(operation.get("from"))))


def _operation_copy(root: Any, operation: JsonObject) -> None:
    _add(root, operation["path"], _read(root, str(operation.get("from"))))


def _operation_test(root: Any, operation: JsonObject) -> None:
    try:
        found = _read(root, operation["path"])
    except PatchError:
        found = None
    if not is_same(found, operation.get("value")):
        raise PatchError(f"testing path {operation['path']} value failed")


_OPERATIONS: dict[str, Callable[[Any, JsonObject], None]] = {
    "add": _operation_add,
    "remove": _operation_remove,
    "replace": _operation_replace,
    "move": _operation_move,
    "copy": _operation_copy,
    "test": _operation_test,
}
