"""Structural schemas of custom resources: pruning of unknown fields and defaulting. Pure.

Validation is in validation.py. CEL rules (`x-kubernetes-validations`) are not evaluated here: the
tests on the real API server hold them.
"""

from collections.abc import Mapping
from typing import Any, Final

from vaultbind.sandbox.documents import JsonObject, clone

Schema = Mapping[str, Any]
_TYPE_META: Final = frozenset({"apiVersion", "kind", "metadata"})
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"


def prune_unknown(document: JsonObject, schema: Schema) -> tuple[JsonObject, list[str]]:
    """The object without fields that the schema does not name, and the paths of those."""
    unknown: list[str] = []
    pruned = _pruned(document, schema, "", unknown, is_root=True)
    return pruned, unknown


def _pruned(value: Any, schema: Schema, path: str, unknown: list[str], *, is_root: bool = False) -> Any:
    if isinstance(value, dict):
        return _pruned_object(value, schema, path, unknown, is_root=is_root)
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, Mapping):
        return [_pruned(item, items, f"{path}[{index}]", unknown) for index, item in enumerate(value)]
    return value


def _pruned_object(
    value: JsonObject, schema: Schema, path: str, unknown: list[str], *, is_root: bool
) -> JsonObject:
    keep = _TYPE_META if is_root or schema.get("x-kubernetes-embedded-resource") else frozenset[str]()
    properties = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    result: JsonObject = {}
    for key, member in value.items():
        where = f"{path}.{key}" if path else key
        if key in keep:
            result[key] = member
        elif key in properties:
            result[key] = _pruned(member, properties[key], where, unknown)
        elif isinstance(rest, Mapping):
            result[key] = _pruned(member, rest, where, unknown)
        elif rest or schema.get(_PRESERVE):
            result[key] = member
        else:
            unknown.append(where)
    return result


def apply_defaults(value: Any, schema: Schema) -> Any:
    """The value with the schema's defaults, and without members that are null but may not be."""
    if isinstance(value, dict):
        return _defaulted_object(value, schema)
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, Mapping):
        return [apply_defaults(item, items) for item in value]
    return value


def _may_be_null(schema: object) -> bool:
    """Whether a null stays: the schema allows it or says nothing."""
    return not isinstance(schema, Mapping) or bool(schema.get("nullable"))


def _defaulted_object(value: JsonObject, schema: Schema) -> JsonObject:
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
    result = {
        key: member
        for key, member in value.items()
        if member is not None or _may_be_null(properties.get(key, rest))
    }
    for key, member in properties.items():
        if "default" in member and key not in result:
            result[key] = clone({"value": member["default"]})["value"]
    for key, current in result.items():
        inner = properties.get(key, rest)
        if isinstance(inner, Mapping):
            result[key] = apply_defaults(current, inner)
    return result
