"""Properties of JSON values: paths, pointers, exact text of what is found, and each way to have none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.rendering.json_property import MAX_DEPTH, PropertyError, PropertyFault, render_property

Fault = PropertyFault

FOUND: dict[str, tuple[str, str, str]] = {
    "string": ('{"a": "x y"}', "a", "x y"),
    "empty string": ('{"a": ""}', "a", ""),
    "true": ('{"a": true}', "a", "true"),
    "false": ('{"a": false}', "a", "false"),
    "integer": ('{"a": 5}', "a", "5"),
    "beyond 64 bits": ('{"a": 123456789012345678901234567890}', "a", "123456789012345678901234567890"),
    "beyond double precision": ('{"a": 12345678901234567890.123}', "a", "12345678901234567890.123"),
    "beyond double range": ('{"a": 1e400}', "a", "1e400"),
    "trailing zero": ('{"a": 1.10}', "a", "1.10"),
    "capital exponent": ('{"a": -0.0E+1}', "a", "-0.0E+1"),
    "more digits than int() takes": ('{"a": ' + "9" * 5000 + "}", "a", "9" * 5000),
    "object is compact and keeps its order": (
        '{"a": {"z": 1, "b": [1, null, {"ü": "ü\\n"}], "a": 1e400}}',
        "a",
        '{"z":1,"b":[1,null,{"ü":"ü\\n"}],"a":1e400}',
    ),
    "empty object": ('{"a": {}}', "a", "{}"),
    "empty array": ('{"a": [ ]}', "a", "[]"),
    "number that is a string": ('{"a": ["1", 1]}', "a", '["1",1]'),
    "lone surrogate stays an escape": ('{"a": ["\\ud800"]}', "a", '["\\ud800"]'),
    "byte order mark": ('\ufeff{"a": "x"}', "a", "x"),
    "last of equal keys": ('{"a": 1, "a": 2}', "a", "2"),
    "nested": ('{"a": {"b": {"c": "x"}}}', "a.b.c", "x"),
    "literal key with dots": ('{"a.b": "literal", "a": {"b": "nested"}}', "a.b", "literal"),
    "dots on the second level": ('{"a": {"b.c": "x"}}', "a.b.c", "x"),
    "dots on two levels": ('{"a.b": {"c.d": "x"}}', "a.b.c.d", "x"),
    "longest key first": ('{"a": {"b.c": "short"}, "a.b": {"c": "long"}}', "a.b.c", "long"),
    "way back from a dead end": ('{"a.b": {"x": 1}, "a": {"b": {"c": "x"}}}', "a.b.c", "x"),
    "way back from a dead end below": ('{"a": {"b.c": 1, "b": {"c.d": "x"}}}', "a.b.c.d", "x"),
    "index": ('{"a": [{"b": "x"}, {"b": "y"}]}', "a.1.b", "y"),
    "index at the top": ('["x", "y"]', "1", "y"),
    "key that is a number": ('{"1": "x"}', "1", "x"),
    "empty keys": ('{"": {"": "x"}}', ".", "x"),
    "literal dot": ('{".": "x"}', ".", "x"),
    "file name": ('{"tls.crt": "x"}', "tls.crt", "x"),
    "pointer": ('{"a": {"b": ["x"]}}', "/a/b/0", "x"),
    "pointer does not split at dots": ('{"a.b": "x", "a": {"b": "y"}}', "/a.b", "x"),
    "pointer escapes": ('{"a/b": {"~1": "x"}}', "/a~1b/~01", "x"),
    "pointer to the empty key": ('{"": "x"}', "/", "x"),
    "pointer to nothing below": ('{"a": {"": "x"}}', "/a/", "x"),
}


@pytest.mark.parametrize(("text", "path", "expected"), FOUND.values(), ids=FOUND.keys())
def test_found(text: str, path: str, expected: str) -> None:
    found = render_property(text, path)
    assert found == expected
    assert type(found) is str


WRONG: dict[str, tuple[str, str, PropertyFault]] = {
    "no JSON": ("hunter2", "a", Fault.NOT_JSON),
    "empty": ("", "a", Fault.NOT_JSON),
    "cut off": ('{"a": "x"', "a", Fault.NOT_JSON),
    "NaN": ('{"a": NaN}', "a", Fault.NOT_JSON),
    "Infinity elsewhere": ('{"a": 1, "b": -Infinity}', "a", Fault.NOT_JSON),
    "deeper than any parser goes": ("[" * 100_000, "0", Fault.NOT_JSON),
    "string has no properties": ('"abc"', "0", Fault.NOT_FOUND),
    "number has no properties": ("5", "a", Fault.NOT_FOUND),
    "absent": ('{"a": 1}', "b", Fault.NOT_FOUND),
    "absent below": ('{"a": {"b": 1}}', "a.c", Fault.NOT_FOUND),
    "below a string": ('{"a": "b"}', "a.b", Fault.NOT_FOUND),
    "index too high": ('{"a": [1]}', "a.1", Fault.NOT_FOUND),
    "index with leading zero": ('{"a": [1, 2]}', "a.01", Fault.NOT_FOUND),
    "index from the end": ('{"a": [1]}', "a.-1", Fault.NOT_FOUND),
    "index in other digits": ('{"a": [1, 2]}', "a.\u0661", Fault.NOT_FOUND),
    "null": ('{"a": null}', "a", Fault.NULL),
    "pointer absent": ('{"a": 1}', "/b", Fault.NOT_FOUND),
    "pointer below a number": ('{"a": 1}', "/a/b", Fault.NOT_FOUND),
    "pointer past the end": ("[1]", "/-", Fault.NOT_FOUND),
    "pointer index too high": ("[1]", "/1", Fault.NOT_FOUND),
    "pointer to null": ('{"a": null}', "/a", Fault.NULL),
    "bad escape": ('{"~2": 1}', "/~2", Fault.BAD_POINTER),
    "bad escape at the end": ('{"~": 1}', "/~", Fault.BAD_POINTER),
    "too deep to take whole": (
        '{"a": ' + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + "}",
        "a",
        Fault.TOO_DEEP,
    ),
}


@pytest.mark.parametrize(("text", "path", "fault"), WRONG.values(), ids=WRONG.keys())
def test_not_found(text: str, path: str, fault: PropertyFault) -> None:
    with pytest.raises(PropertyError) as caught:
        render_property(text, path)
    assert caught.value.fault is fault
    assert str(caught.value) == fault.value
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None  # json's own error holds the whole value


def test_the_deepest_that_may_be_taken_whole() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert render_property(f'{{"a": {deep}}}', "a") == deep


KEYS = st.text(alphabet="ab.~/0ü", max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def _places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = [(str(index), item) for index, item in enumerate(value)]
    below = [place for step, item in items for place in _places(item, (*path, step))]
    return [*([(path, value)] if path else []), *below]


@given(JSON)
def test_every_place_is_reached_by_its_pointer(document: Any) -> None:
    for path, value in _places(document):
        pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)
        if value is None:
            with pytest.raises(PropertyError):
                render_property(json.dumps(document), pointer)
            continue
        found = render_property(json.dumps(document), pointer)
        assert found == value if isinstance(value, str) else json.loads(found) == value


@given(JSON)
def test_every_place_has_a_dotted_path_to_it_or_to_a_twin(document: Any) -> None:
    places = [(path, value) for path, value in _places(document) if not ".".join(path).startswith("/")]
    for path, value in places:
        twins = [other for twin, other in places if ".".join(twin) == ".".join(path)]
        if None in twins:
            continue  # which of them is found is a matter of the longest key
        found = render_property(json.dumps(document), ".".join(path))
        assert found in [twin if isinstance(twin, str) else _compact(twin) for twin in twins], value


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
