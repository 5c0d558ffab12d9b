"""Validation of custom resources by their structural schema, with the words of the real server. Pure.

Covered: type, nullable, required, enum, pattern, format date-time, lengths, counts, ranges, uniqueness
of sets and list maps, allOf, anyOf, oneOf, not. Not covered: CEL rules and most formats.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from vaultbind.sandbox.errors import Cause
from vaultbind.sandbox.shapes import item_step, list_type

Schema = Mapping[str, Any]
Causes = Iterator[Cause]

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def validate(document: Any, schema: Schema, path: str = "") -> list[Cause]:
    """Everything about a document that its schema refuses; metadata is judged elsewhere."""
    return list(_validate(document, schema, path))


def _validate(value: Any, schema: Schema, path: str) -> Causes:
    if value is None:
        if not schema.get("nullable") and schema.get("type"):
            yield _wrong_type(value, str(schema["type"]), path)
        return
    if not _has_type(value, schema):
        yield _wrong_type(value, str(schema.get("type", "integer,string")), path)
        return
    yield from _validate_enum(value, schema, path)
    if isinstance(value, str):
        yield from _validate_string(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _validate_number(value, schema, path)
    elif isinstance(value, list):
        yield from _validate_list(value, schema, path)
    elif isinstance(value, dict):
        yield from _validate_object(value, schema, path)
    yield from _validate_junctors(value, schema, path)


def _has_type(value: Any, schema: Schema) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    wanted = schema.get("type")
    if wanted is None:
        return True
    if isinstance(value, bool):
        return bool(wanted == "boolean")
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(wanted, (object,)))


def _name_of_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return next(name for name, types in _TYPES.items() if isinstance(value, types))


def _in_body(path: str) -> str:
    return f"{path} in body" if path else "in body"


def _wrong_type(value: Any, wanted: str, path: str) -> Cause:
    found = _name_of_type(value)
    message = f'Invalid value: "{found}": {_in_body(path)} must be of type {wanted}: "{found}"'
    return Cause(field=path, message=message, reason="FieldValueTypeInvalid")


def _quoted(value: Any) -> str:
    return orjson.dumps(value).decode()


def _refused(path: str, value: Any, problem: str) -> Cause:
    return Cause(field=path, message=f"Invalid value: {_quoted(value)}: {_in_body(path)} {problem}")


def _validate_enum(value: Any, schema: Schema, path: str) -> Causes:
    allowed = schema.get("enum")
    if allowed is not None and value not in allowed:
        listed = ", ".join(_quoted(item) for item in allowed)
        message = f"Unsupported value: {_quoted(value)}: supported values: {listed}"
        yield Cause(field=path, message=message, reason="FieldValueNotSupported")


def _validate_string(value: str, schema: Schema, path: str) -> Causes:
    most, least, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
    if most is not None and len(value) > most:
        message = f"Too long: may not be more than {most} bytes"
        yield Cause(field=path, message=message, reason="FieldValueTooLong")
    elif least is not None and len(value) < least:
        yield _refused(path, value, f"should be at least {least} chars long")
    elif pattern is not None and not _matches(pattern, value):
        yield _refused(path, value, f"should match '{pattern}'")
    if schema.get("format") == "date-time" and not _is_date_time(value):
        message = (
            f"Invalid value: {_quoted(value)}: {_in_body(path)} must be of type date-time: {_quoted(value)}"
        )
        yield Cause(field=path, message=message, reason="FieldValueTypeInvalid")


def _matches(pattern: str, value: str) -> bool:
    """Search as RE2 does: ASCII classes, and `$` only at the very end."""
    if pattern.endswith("$") and not pattern.endswith(r"\$"):
        pattern = pattern[:-1] + r"\Z"
    return re.search(pattern, value, re.ASCII) is not None


def _is_date_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _validate_number(value: float, schema: Schema, path: str) -> Causes:
    least, most, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        comparison = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield _refused(path, value, f"should be {comparison} {least}")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        comparison = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield _refused(path, value, f"should be {comparison} {most}")
    if step is not None and value % step:
        yield _refused(path, value, f"should be a multiple of {step}")


def _validate_list(value: list[Any], schema: Schema, path: str) -> Causes:
    most, least = schema.get("maxItems"), schema.get("minItems")
    if most is not None and len(value) > most:
        message = f"Too many: {len(value)}: must have at most {most} items"
        yield Cause(field=path, message=message, reason="FieldValueTooMany")
    if least is not None and len(value) < least:
        yield _refused(path, len(value), f"should have at least {least} items")
    items = schema.get("items")
    if isinstance(items, Mapping):
        for index, item in enumerate(value):
            yield from _validate(item, items, f"{path}[{index}]")
    yield from _validate_unique(value, schema, path)


def _validate_unique(value: list[Any], schema: Schema, path: str) -> Causes:
    if list_type(schema) == "atomic":
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        step = item_step(schema, item)
        if step in seen:
            message = f"Duplicate value: {step.partition(':')[2]}"
            yield Cause(field=f"{path}[{index}]", message=message, reason="FieldValueDuplicate")
        seen.add(step)


def _validate_object(value: dict[str, Any], schema: Schema, path: str) -> Causes:
    for name in schema.get("required", ()):
        if name not in value:
            where = f"{path}.{name}" if path else name
            yield Cause(field=where, message="Required value", reason="FieldValueRequired")
    most, least = schema.get("maxProperties"), schema.get("minProperties")
    if most is not None and len(value) > most:
        message = f"Too many: {len(value)}: must have at most {most} items"
        yield Cause(field=path, message=message, reason="FieldValueTooMany")
    if least is not None and len(value) < least:
        yield _refused(path, len(value), f"should have at least {least} properties")
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
    for key, member in value.items():
        inner = properties.get(key, rest)
        if isinstance(inner, Mapping) and not (not path and key == "metadata"):
            yield from _validate(member, inner, f"{path}.{key}" if path else key)


def _validate_junctors(value: Any, schema: Schema, path: str) -> Causes:
    for branch in schema.get("allOf", ()):
        yield from _validate(value, branch, path)
    for name, is_enough, problem in _JUNCTORS:
        branches = [validate(value, branch, path) for branch in schema.get(name, ())]
        valid = sum(not causes for causes in branches)
        if branches and not is_enough(valid):
            found = f"Found {valid} valid alternatives" if valid else "Found none valid"
            yield _unmatched(path, f"{problem}. {found}")
            yield from () if valid else branches[0]
    if (excluded := schema.get("not")) is not None and not validate(value, excluded, path):
        yield _unmatched(path, "must not validate the schema (not)")


def _unmatched(path: str, problem: str) -> Cause:
    """The real server names no field here."""
    return Cause(field="<nil>", message=f'Invalid value: "": "{path}" {problem}')


_JUNCTORS: Final[tuple[tuple[str, Callable[[int], bool], str], ...]] = (
    ("anyOf", lambda valid: valid > 0, "must validate at least one schema (anyOf)"),
    ("oneOf", lambda valid: valid == 1, "must validate one and only one schema (oneOf)"),
)
