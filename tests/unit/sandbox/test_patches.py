from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaultbind.sandbox.builtin_kinds import PODS
from vaultbind.sandbox.patches import PatchError, json_patch, merge_patch
from vaultbind.sandbox.strategic import strategic_merge_patch

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Other work on the machine is no failure."""
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)

MERGES: dict[str, tuple[Any, Any, Any]] = {
    "change": ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    "add": ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    "remove": ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    "remove nothing": ({"a": "b"}, {"c": None}, {"a": "b"}),
    "list is replaced": ({"a": ["b"]}, {"a": ["c", "d"]}, {"a": ["c", "d"]}),
    "list by scalar": ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    "deep": ({"a": {"b": "c", "d": 1}}, {"a": {"b": "d", "d": None}}, {"a": {"b": "d"}}),
    "nulls inside a new object go": ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    "object by list": ({"a": {"b": 1}}, {"a": [1]}, {"a": [1]}),
    "scalar by object": ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    "no object": ({"a": 1}, ["c"], ["c"]),
}


@pytest.mark.parametrize(("target", "patch", "want"), MERGES.values(), ids=MERGES.keys())
def test_merge_patch(target: Any, patch: Any, want: Any) -> None:
    assert merge_patch(target, patch) == want


@UNHURRIED
@given(OBJECTS, OBJECTS)
def test_a_merge_patch_applied_twice_is_applied_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)

    assert merge_patch(once, patch) == once


@UNHURRIED
@given(OBJECTS, OBJECTS)
def test_a_merge_patch_leaves_its_arguments_alone(target: Any, patch: Any) -> None:
    before = repr((target, patch))
    merge_patch(target, patch)

    assert repr((target, patch)) == before


def op(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **more}


JSON_PATCHES: dict[str, tuple[Any, list[Any], Any]] = {
    "add member": ({"a": 1}, [op("add", "/b", value=2)], {"a": 1, "b": 2}),
    "add replaces": ({"a": 1}, [op("add", "/a", value=2)], {"a": 2}),
    "insert": ({"a": [1, 3]}, [op("add", "/a/1", value=2)], {"a": [1, 2, 3]}),
    "insert at the end": ({"a": [1]}, [op("add", "/a/1", value=2)], {"a": [1, 2]}),
    "append": ({"a": [1]}, [op("add", "/a/-", value=2)], {"a": [1, 2]}),
    "escapes": ({"a/b": {"~c": 1}}, [op("replace", "/a~1b/~0c", value=2)], {"a/b": {"~c": 2}}),
    "remove item": ({"a": [1, 2]}, [op("remove", "/a/0")], {"a": [2]}),
    "replace item": ({"a": [1, 2]}, [op("replace", "/a/1", value=3)], {"a": [1, 3]}),
    "move": ({"a": {"b": 1}}, [op("move", "/c", **{"from": "/a/b"})], {"a": {}, "c": 1}),
    "copy": ({"a": 1}, [op("copy", "/b", **{"from": "/a"})], {"a": 1, "b": 1}),
    "test": ({"a": {"b": [1]}}, [op("test", "/a", value={"b": [1]})], {"a": {"b": [1]}}),
    "test for absence": ({"a": 1}, [op("test", "/b", value=None)], {"a": 1}),
    "whole document": ({"a": 1}, [op("replace", "", value={"b": 2})], {"b": 2}),
}


@pytest.mark.parametrize(("target", "operations", "want"), JSON_PATCHES.values(), ids=JSON_PATCHES.keys())
def test_json_patch(target: Any, operations: list[Any], want: Any) -> None:
    assert json_patch(target, operations) == want


REFUSED: dict[str, Any] = {
    "test fails": op("test", "/a", value=2),
    "true is not 1": op("test", "/a", value=True),
    "no such member": op("remove", "/b"),
    "replace needs a member": op("replace", "/b", value=1),
    "no such parent": op("add", "/b/c", value=1),
    "into a scalar": op("add", "/a/b", value=1),
    "beyond the list": op("add", "/l/3", value=1),
    "not an index": op("replace", "/l/x", value=1),
    "no pointer": op("add", "a", value=1),
    "unknown": op("swap", "/a"),
    "no path": {"op": "add"},
    "no operation": 3,
    "document becomes a scalar": op("replace", "", value=3),
}


@pytest.mark.parametrize("operation", REFUSED.values(), ids=REFUSED.keys())
def test_json_patch_refuses(operation: Any) -> None:
    with pytest.raises(PatchError):
        json_patch({"a": 1, "l": [1]}, [operation])


def pod(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), **more}}


A, B = {"name": "a", "image": "1"}, {"name": "b", "image": "1"}
STRATEGIC: dict[str, tuple[Any, Any, Any]] = {
    "item by its key": (pod(A, B), pod({"name": "b", "image": "2"}), pod(A, {"name": "b", "image": "2"})),
    "new item": (pod(A), pod(B), pod(A, B)),
    "item goes": (pod(A, B), pod({"name": "a", "$patch": "delete"}), pod(B)),
    "absent item goes": (pod(A), pod({"name": "b", "$patch": "delete"}), pod(A)),
    "list is replaced": (pod(A), pod({"$patch": "replace"}, B), pod(B)),
    "list in an item": (
        pod({"name": "a", "env": [{"name": "x", "value": "1"}]}),
        pod({"name": "a", "env": [{"name": "y", "value": "2"}]}),
        pod({"name": "a", "env": [{"name": "x", "value": "1"}, {"name": "y", "value": "2"}]}),
    ),
    "set": (
        {"metadata": {"finalizers": ["a"]}},
        {"metadata": {"finalizers": ["b", "a"]}},
        {"metadata": {"finalizers": ["a", "b"]}},
    ),
    "items of a set go": (
        {"metadata": {"finalizers": ["a", "b"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}},
        {"metadata": {"finalizers": ["b"]}},
    ),
    "atomic list": ({"spec": {"x": [1, 2]}}, {"spec": {"x": [3]}}, {"spec": {"x": [3]}}),
    "null": (
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"a": None}}},
        {"metadata": {"labels": {}}},
    ),
    "object goes": (
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"$patch": "delete"}}},
        {"metadata": {}},
    ),
    "object is replaced": (
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"$patch": "replace", "b": "2"}}},
        {"metadata": {"labels": {"b": "2"}}},
    ),
    "only some keys stay": (
        {"spec": {"strategy": {"type": "A", "rolling": 1}}},
        {"spec": {"strategy": {"$retainKeys": ["type"], "type": "B"}}},
        {"spec": {"strategy": {"type": "B"}}},
    ),
    "order has no effect": (pod(A), {"spec": {"$setElementOrder/containers": [{"name": "a"}]}}, pod(A)),
}


@pytest.mark.parametrize(("target", "patch", "want"), STRATEGIC.values(), ids=STRATEGIC.keys())
def test_strategic_merge_patch(target: Any, patch: Any, want: Any) -> None:
    assert strategic_merge_patch(target, patch, PODS.schema) == want


@pytest.mark.parametrize("item", [{"image": "1"}, "a"], ids=str)
def test_items_need_their_merge_key(item: Any) -> None:
    with pytest.raises(PatchError, match="merge key"):
        strategic_merge_patch(pod(A), pod(item), PODS.schema)
