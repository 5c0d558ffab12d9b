from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaultbind.sandbox.apply import apply_configuration
from vaultbind.sandbox.builtin_kinds import PODS
from vaultbind.sandbox.errors import StatusError
from vaultbind.sandbox.fields import applied_fields, decode_fields, describe_path, encode_fields, field_values
from vaultbind.sandbox.managed_fields import (
    APPLY,
    UPDATE,
    Entry,
    ManagerKey,
    compare,
    parse_entries,
    render_entries,
    take_fields,
)

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Other work on the machine is no failure."""
SHAPE = PODS.schema
STEPS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
PATHS = st.frozensets(st.lists(STEPS, min_size=1, max_size=4).map(tuple), max_size=8)


@UNHURRIED
@given(PATHS)
def test_encoded_fields_decode_to_the_same(paths: frozenset[tuple[str, ...]]) -> None:
    assert decode_fields(encode_fields(paths)) == paths


def test_fields_of_an_object() -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "a",
            "uid": "1",
            "labels": {"l": "1"},
            "finalizers": ["f"],
            "ownerReferences": [{"uid": "u", "name": "o"}],
        },
        "spec": {"containers": [{"name": "c", "args": ["x"]}], "nodeSelector": {"a": "b"}},
    }

    assert encode_fields(field_values(document, SHAPE)) == {
        "f:metadata": {
            "f:labels": {".": {}, "f:l": {}},
            "f:finalizers": {".": {}, 'v:"f"': {}},
            "f:ownerReferences": {".": {}, 'k:{"uid":"u"}': {}},
        },
        "f:spec": {
            "f:containers": {".": {}, 'k:{"name":"c"}': {".": {}, "f:name": {}, "f:args": {}}},
            "f:nodeSelector": {},
        },
    }
    assert encode_fields(applied_fields(document, SHAPE)) == {
        "f:metadata": {
            "f:labels": {"f:l": {}},
            "f:finalizers": {'v:"f"': {}},
            "f:ownerReferences": {'k:{"uid":"u"}': {}},
        },
        "f:spec": {
            "f:containers": {'k:{"name":"c"}': {".": {}, "f:name": {}, "f:args": {}}},
            "f:nodeSelector": {},
        },
    }


def test_an_empty_map_is_applied_as_a_whole() -> None:
    assert applied_fields({"data": {}}, {}) == {("f:data",)}


def test_paths_are_told_as_the_server_tells_them() -> None:
    path = ("f:spec", "f:containers", 'k:{"name":"x"}', "f:args", 'v:"y"')

    assert describe_path(path) == '.spec.containers[name="x"].args[="y"]'


def key(manager: str, operation: str = UPDATE) -> ManagerKey:
    return ManagerKey(manager=manager, operation=operation, api_version="v1")


def entry(manager: str, *paths: tuple[str, ...], operation: str = UPDATE, time: str = "1") -> Entry:
    return Entry(key=key(manager, operation), fields=frozenset(paths), time=time)


A, B, C = ("f:data", "f:a"), ("f:data", "f:b"), ("f:data", "f:c")


def test_an_update_takes_changed_fields_and_forgets_removed_ones() -> None:
    difference = compare({"data": {"a": 1, "b": 2}}, {"data": {"a": 2, "c": 3}}, {})
    after = take_fields([entry("old", A, B), entry("me", B)], key("me"), difference, "2")

    assert difference.changed == {A, C}
    assert difference.removed == {B}
    assert after == (entry("old"), entry("me", A, C, time="2"))
    assert [found["manager"] for found in render_entries(after)] == ["me"]


def test_an_update_that_only_removes_keeps_its_time() -> None:
    difference = compare({"data": {"a": 1, "b": 2}}, {"data": {"a": 1}}, {})
    after = take_fields([entry("me", A, B)], key("me"), difference, "2")

    assert after == (entry("me", A),)


def test_numbers_and_booleans_are_different_values() -> None:
    assert compare({"a": 1}, {"a": True}, {}).changed == {("f:a",)}


def test_entries_survive_being_written_down() -> None:
    entries = (entry("b", A, operation=APPLY), entry("a", B, C))

    assert parse_entries({"metadata": {"managedFields": render_entries(entries)}}) == entries


def test_applies_come_first_and_then_time_counts() -> None:
    entries = [entry("z", A, time="1"), entry("a", A, time="2"), entry("m", A, operation=APPLY, time="3")]

    assert [found["manager"] for found in render_entries(entries)] == ["m", "z", "a"]


def test_the_eleventh_manager_makes_the_oldest_two_one() -> None:
    entries = [entry(f"m{number:02}", ("f:data", f"f:{number}"), time=f"{number:02}") for number in range(10)]
    difference = compare({}, {"x": 1}, {})
    rendered = render_entries(take_fields(entries, key("new"), difference, "99"))

    assert [found["manager"] for found in rendered][:2] == ["ancient-changes", "m02"]
    assert len(rendered) == 10
    assert rendered[0]["fieldsV1"] == {"f:data": {"f:0": {}, "f:1": {}}}


def applied(live: Any, configuration: Any, *entries: Entry, force: bool = False) -> Any:
    return apply_configuration(
        live, configuration, SHAPE, entries=entries, key=key("me", APPLY), force=force, time="9"
    )


def test_equal_values_are_shared() -> None:
    result = applied({"data": {"a": 1}}, {"data": {"a": 1}}, entry("other", A))

    assert result.document == {"data": {"a": 1}}
    assert result.entries == (entry("other", A), entry("me", A, operation=APPLY, time="9"))


def test_other_values_are_a_conflict_that_names_the_manager() -> None:
    with pytest.raises(StatusError, match=r'1 conflict: conflict with "other" using v1: \.data\.a') as caught:
        applied({"data": {"a": 1}}, {"data": {"a": 2}}, entry("other", A))

    assert caught.value.code == 409


def test_several_conflicts_are_all_told() -> None:
    status = ManagerKey(manager="s", operation=APPLY, api_version="v1", subresource="status")
    others = (Entry(key=status, fields=frozenset([A]), time="1"), entry("other", B))
    with pytest.raises(StatusError, match='2 conflicts: conflict with "s" with subresource "status": '):
        applied({"data": {"a": 1, "b": 1}}, {"data": {"a": 2, "b": 2}}, *others)


def test_force_takes_the_field() -> None:
    result = applied({"data": {"a": 1}}, {"data": {"a": 2}}, entry("other", A), force=True)

    assert result.document == {"data": {"a": 2}}
    assert [found["manager"] for found in render_entries(result.entries)] == ["me"]


def test_fields_that_are_no_longer_named_go_unless_shared() -> None:
    mine = entry("me", A, B, operation=APPLY)
    result = applied({"data": {"a": 1, "b": 2}, "x": 1}, {"data": {"c": 3}}, entry("other", A), mine)

    assert result.document == {"data": {"a": 1, "c": 3}, "x": 1}


def test_maps_and_lists_that_become_empty_go() -> None:
    item = ("f:spec", "f:containers", 'k:{"name":"c"}')
    mine = entry("me", A, item, (*item, "f:name"), operation=APPLY)
    live = {"data": {"a": 1}, "spec": {"containers": [{"name": "c"}]}}

    assert applied(live, {}, mine).document == {}


def test_an_apply_without_change_keeps_its_time() -> None:
    mine = entry("me", A, operation=APPLY, time="1")

    assert applied({"data": {"a": 1}}, {"data": {"a": 1}}, mine).entries == (mine,)


def test_atomic_parts_are_taken_whole_and_nulls_are_nothing() -> None:
    live = {"spec": {"nodeSelector": {"a": "1"}, "containers": [{"name": "c", "args": ["x"]}]}}
    wanted = {
        "spec": {"nodeSelector": {"b": "2"}, "containers": [{"name": "c", "args": ["y"], "image": None}]}
    }

    assert applied(live, wanted).document == {
        "spec": {"nodeSelector": {"b": "2"}, "containers": [{"name": "c", "args": ["y"]}]}
    }
