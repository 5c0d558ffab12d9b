from typing import Any

import pytest

from vaultbind.sandbox.schema import apply_defaults, prune_unknown
from vaultbind.sandbox.validation import validate

STRING = {"type": "string"}


def object_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


PRUNED: dict[str, tuple[Any, Any, Any, list[str]]] = {
    "unknown": (object_of(a=STRING), {"a": "1", "b": 2}, {"a": "1"}, ["b"]),
    "type and metadata stay": (
        object_of(),
        {"kind": "K", "apiVersion": "v", "metadata": {"x": 1}},
        {"kind": "K", "apiVersion": "v", "metadata": {"x": 1}},
        [],
    ),
    "deep": (object_of(a=object_of()), {"a": {"b": {"c": 1}}}, {"a": {}}, ["a.b"]),
    "items": (
        object_of(a={"type": "array", "items": object_of(b=STRING)}),
        {"a": [{"b": "1", "c": 2}, 5]},
        {"a": [{"b": "1"}, 5]},
        ["a[0].c"],
    ),
    "list without items": (object_of(a={"type": "array"}), {"a": [{"b": 1}]}, {"a": [{"b": 1}]}, []),
    "map": (
        object_of(a={"type": "object", "additionalProperties": object_of(b=STRING)}),
        {"a": {"x": {"b": "1", "c": 2}}},
        {"a": {"x": {"b": "1"}}},
        ["a.x.c"],
    ),
    "free map": (
        object_of(a={"additionalProperties": True}),
        {"a": {"x": {"y": 1}}},
        {"a": {"x": {"y": 1}}},
        [],
    ),
    "free": (
        object_of(a={"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        {"a": {"x": {"y": 1}}},
        {"a": {"x": {"y": 1}}},
        [],
    ),
    "known part of a free one": (
        object_of(a={**object_of(k=object_of()), "x-kubernetes-preserve-unknown-fields": True}),
        {"a": {"x": 1, "k": {"z": 1}}},
        {"a": {"x": 1, "k": {}}},
        ["a.k.z"],
    ),
    "embedded": (
        object_of(a={"type": "object", "x-kubernetes-embedded-resource": True}),
        {"a": {"kind": "K", "metadata": {}, "x": 1}},
        {"a": {"kind": "K", "metadata": {}}},
        ["a.x"],
    ),
}


@pytest.mark.parametrize(("schema", "document", "want", "unknown"), PRUNED.values(), ids=PRUNED.keys())
def test_pruning(schema: Any, document: Any, want: Any, unknown: list[str]) -> None:
    assert prune_unknown(document, schema) == (want, unknown)


COLOUR = {"type": "string", "default": "red"}
DEFAULTED: dict[str, tuple[Any, Any, Any]] = {
    "absent": (object_of(a=COLOUR), {}, {"a": "red"}),
    "present": (object_of(a=COLOUR), {"a": "blue"}, {"a": "blue"}),
    "null gives way": (object_of(a=COLOUR), {"a": None}, {"a": "red"}),
    "null that may be": (object_of(a={**COLOUR, "nullable": True}), {"a": None}, {"a": None}),
    "null that may not be": (object_of(a=STRING), {"a": None}, {}),
    "null of an unknown kind": (object_of(), {"a": None}, {"a": None}),
    "only in objects that are there": (object_of(a=object_of(b=COLOUR)), {}, {}),
    "in objects that are there": (object_of(a=object_of(b=COLOUR)), {"a": {}}, {"a": {"b": "red"}}),
    "in a default": (object_of(a={**object_of(b=COLOUR), "default": {}}), {}, {"a": {"b": "red"}}),
    "in items": (
        object_of(a={"type": "array", "items": object_of(b=COLOUR)}),
        {"a": [{}, {"b": "x"}]},
        {"a": [{"b": "red"}, {"b": "x"}]},
    ),
    "in maps": (
        object_of(a={"type": "object", "additionalProperties": object_of(b=COLOUR)}),
        {"a": {"x": {}, "y": None}},
        {"a": {"x": {"b": "red"}}},
    ),
}


@pytest.mark.parametrize(("schema", "document", "want"), DEFAULTED.values(), ids=DEFAULTED.keys())
def test_defaults(schema: Any, document: Any, want: Any) -> None:
    assert apply_defaults(document, schema) == want


def test_defaults_are_not_shared() -> None:
    schema = object_of(a={"type": "array", "default": []})
    apply_defaults({}, schema)["a"].append(1)

    assert apply_defaults({}, schema) == {"a": []}


VALID: dict[str, tuple[Any, Any]] = {
    "anything": ({}, {"a": [1, None]}),
    "float for a number": ({"type": "number"}, 1.5),
    "whole float for an integer": ({"type": "integer"}, 2.0),
    "int or string": ({"x-kubernetes-int-or-string": True}, "80"),
    "null where nothing is said": ({}, None),
    "null where it is allowed": ({"type": "string", "nullable": True}, None),
    "date": ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z"),
    "escaped dollar": ({"type": "string", "pattern": r"a\$"}, "xa$x"),
    "all of": ({"allOf": [{"type": "string"}, {"minLength": 1}]}, "a"),
    "any of": ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, 1),
    "not": ({"not": {"type": "string"}}, 1),
    "multiple": ({"type": "integer", "multipleOf": 5}, 10),
    "root metadata is not its business": (object_of(metadata=STRING), {"metadata": {}}),
}


@pytest.mark.parametrize(("schema", "document"), VALID.values(), ids=VALID.keys())
def test_valid(schema: Any, document: Any) -> None:
    assert validate(document, schema) == []


INVALID: dict[str, tuple[Any, Any, str, str]] = {
    "null": (STRING, None, "a", 'Invalid value: "null": a in body must be of type string: "null"'),
    "type": (STRING, True, "a", 'Invalid value: "boolean": a in body must be of type string: "boolean"'),
    "bool is no integer": (
        {"type": "integer"},
        True,
        "a",
        'Invalid value: "boolean": a in body must be of type integer: "boolean"',
    ),
    "date without zone": (
        {"type": "string", "format": "date-time"},
        "2026-01-01T00:00:00",
        "a",
        'Invalid value: "2026-01-01T00:00:00": a in body must be of type date-time: "2026-01-01T00:00:00"',
    ),
    "exclusive minimum": (
        {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
        1,
        "a",
        "Invalid value: 1: a in body should be greater than 1",
    ),
    "exclusive maximum": (
        {"type": "integer", "maximum": 1, "exclusiveMaximum": True},
        1,
        "a",
        "Invalid value: 1: a in body should be less than 1",
    ),
    "multiple": (
        {"type": "integer", "multipleOf": 5},
        7,
        "a",
        "Invalid value: 7: a in body should be a multiple of 5",
    ),
    "too few properties": (
        {"type": "object", "minProperties": 1},
        {},
        "a",
        "Invalid value: 0: a in body should have at least 1 properties",
    ),
    "all of": (
        {"allOf": [{"minLength": 2}]},
        "a",
        "a",
        'Invalid value: "a": a in body should be at least 2 chars long',
    ),
    "not": (
        {"not": {"type": "string"}},
        "x",
        "<nil>",
        'Invalid value: "": "a" must not validate the schema (not)',
    ),
    "duplicate item": (
        {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k", "d"],
            "items": object_of(k=STRING, d={"type": "string", "default": "x"}),
        },
        [{"k": "1"}, {"k": "1", "d": "x"}],
        "a[1]",
        'Duplicate value: {"d":"x","k":"1"}',
    ),
}


@pytest.mark.parametrize(("schema", "document", "field", "message"), INVALID.values(), ids=INVALID.keys())
def test_invalid(schema: Any, document: Any, field: str, message: str) -> None:
    (cause,) = validate(document, schema, "a")

    assert (cause.field, cause.message) == (field, message)


def test_a_cause_at_the_root_names_no_field() -> None:
    (cause,) = validate(5, {"type": "object"})

    assert cause.message == 'Invalid value: "integer": in body must be of type object: "integer"'
    assert [found.field for found in validate({}, {"type": "object", "required": ["spec"]})] == ["spec"]


def test_any_of_nothing_tells_the_first_problem() -> None:
    causes = validate(1.5, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "a")

    assert [cause.field for cause in causes] == ["<nil>", "a"]
