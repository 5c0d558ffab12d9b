"""Custom resources: schemas, status, tables, discovery; the same on the embedded API and on the real one."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.flow.sandbox.client import CRD_PATH, METADATA, TABLE, WIDGET, Answer, Api


async def make(api: Api, object_name: str = "a", query: str = "", **spec: Any) -> Answer:
    body = {**WIDGET, "metadata": {"name": object_name}, "spec": {"name": "abc", **spec}}
    return await api.call("POST", f"{api.widgets}{query}", body)


async def test_unknown_fields_go_and_defaults_come(api: Api) -> None:
    answer = await make(
        api, bogus=1, items=[{"key": "k", "deep": {}}], free={"x": {"y": 1}}, mode=None, note=None
    )

    assert answer.status == 201
    assert answer.body["spec"] == {
        "name": "abc",
        "size": 3,
        "items": [{"key": "k", "deep": {"on": True}}],
        "free": {"x": {"y": 1}},
        "note": None,
    }
    assert answer.body["status"] == {"observedGeneration": -1}
    assert answer.body["metadata"]["generation"] == 1
    assert answer.headers["Warning"] == '299 - "unknown field \\"spec.bogus\\""'


async def test_strict_clients_hear_of_unknown_fields(api: Api) -> None:
    answer = await make(api, query="?fieldValidation=Strict", bogus=1)

    assert answer.status == 400
    assert 'strict decoding error: unknown field "spec.bogus"' in answer.body["message"]


INVALID: dict[str, tuple[Mapping[str, Any], list[tuple[str, str]]]] = {
    "required": ({"name": None}, [("spec.name", "FieldValueRequired")]),
    "type": ({"name": 5}, [("spec.name", "FieldValueTypeInvalid")]),
    "too short": ({"name": "a"}, [("spec.name", "FieldValueInvalid")]),
    "too long": ({"name": "abcdefghi"}, [("spec.name", "FieldValueTooLong")]),
    "pattern": ({"name": "ABC"}, [("spec.name", "FieldValueInvalid")]),
    "pattern at a line's end": ({"name": "abc\n"}, [("spec.name", "FieldValueInvalid")]),
    "enum": ({"mode": "Other"}, [("spec.mode", "FieldValueNotSupported")]),
    "minimum": ({"size": 0}, [("spec.size", "FieldValueInvalid")]),
    "maximum": ({"size": 10}, [("spec.size", "FieldValueInvalid")]),
    "date": ({"when": "yesterday"}, [("spec.when", "FieldValueTypeInvalid")]),
    "duplicate in a set": ({"tags": ["a", "a"]}, [("spec.tags[1]", "FieldValueDuplicate")]),
    "too many items": ({"tags": list("abcd")}, [("spec.tags", "FieldValueTooMany")]),
    "null item": ({"tags": [None]}, [("spec.tags[0]", "FieldValueTypeInvalid")]),
    "too few items": ({"plain": []}, [("spec.plain", "FieldValueInvalid")]),
    "too many properties": ({"map": dict.fromkeys("abc", "")}, [("spec.map", "FieldValueTooMany")]),
    "int or string": ({"port": True}, [("spec.port", "FieldValueTypeInvalid")]),
    "one of two": ({"one": {"a": "1", "b": "2"}}, [("<nil>", "FieldValueInvalid")]),
    "one of none": ({"one": {}}, [("<nil>", "FieldValueInvalid"), ("spec.one.a", "FieldValueRequired")]),
    "item without key": ({"items": [{"value": "v"}]}, [("spec.items[0].key", "FieldValueRequired")]),
}


@pytest.mark.parametrize(("spec", "causes"), INVALID.values(), ids=INVALID.keys())
async def test_the_schema_is_kept(api: Api, spec: Mapping[str, Any], causes: list[tuple[str, str]]) -> None:
    answer = await make(api, **spec)

    assert (answer.status, answer.causes) == (422, causes)


async def test_spec_and_status_are_written_apart(api: Api) -> None:
    await make(api)
    path = f"{api.widgets}/a"
    spec = await api.merge(path, {"spec": {"size": 4}, "status": {"observedGeneration": 9}})
    meta = await api.merge(path, {"metadata": {"labels": {"a": "b"}}})
    patch = {"spec": {"size": 7}, "metadata": {"labels": {"no": "no"}}, "status": {"observedGeneration": 2}}
    status = await api.merge(f"{path}/status", patch)

    assert (spec.body["metadata"]["generation"], spec.body["status"]) == (2, {"observedGeneration": -1})
    assert meta.body["metadata"]["generation"] == 2
    assert status.body["status"] == {"observedGeneration": 2}
    assert status.body["spec"]["size"] == 4
    assert status.body["metadata"]["labels"] == {"a": "b"}
    assert status.body["metadata"]["generation"] == 2


async def test_the_status_is_guarded_and_saves_needless_writes(api: Api) -> None:
    await make(api)
    path = f"{api.widgets}/a/status"
    first = await api.merge(path, {"status": {"observedGeneration": 1}})
    same = await api.merge(path, {"status": {"observedGeneration": 1}})
    stale = await api.merge(path, {"metadata": {"resourceVersion": "1"}, "status": {"observedGeneration": 2}})

    assert same.body == first.body
    assert stale.status == 409


async def test_custom_objects_need_their_revision_in_a_put_and_their_kind_in_a_post(api: Api) -> None:
    await make(api)
    body = {"metadata": {"name": "a"}, "spec": {"name": "abc"}}

    assert (await api.call("PUT", f"{api.widgets}/a", {**WIDGET, **body})).status == 422
    assert (await api.call("POST", api.widgets, body)).status == 400


async def test_tables_have_the_columns_of_the_definition(api: Api) -> None:
    await make(api, size=5)
    await api.merge(f"{api.widgets}/a", {"metadata": {"annotations": {"test.dev/note": "hi"}}})
    status = {
        "status": {"conditions": [{"type": "Other", "status": "?"}, {"type": "Ready", "status": "True"}]}
    }
    await api.merge(f"{api.widgets}/a/status", status)
    await make(api, "b")
    table = (await api.call("GET", api.widgets, accept=TABLE)).body
    bare = (await api.call("GET", f"{api.widgets}/a?includeObject=None", accept=TABLE)).body

    assert [column["name"] for column in table["columnDefinitions"]] == [
        "Name",
        "Ready",
        "Size",
        "Note",
        "Age",
    ]
    assert [row["cells"][:4] for row in table["rows"]] == [["a", "True", 5, "hi"], ["b", None, 3, None]]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert bare["rows"][0]["object"] is None


async def test_metadata_alone_can_be_read(api: Api) -> None:
    made = await make(api)
    answer = await api.call("GET", f"{api.widgets}/a", accept=METADATA)

    assert answer.body == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": made.body["metadata"],
    }


async def test_kinds_are_discovered(api: Api) -> None:
    group = (await api.call("GET", "/apis/test.vaultbind.dev")).body
    resources = (await api.call("GET", "/apis/test.vaultbind.dev/v1")).body["resources"]
    groups = (await api.call("GET", "/apis")).body["groups"]

    assert group["preferredVersion"] == {"groupVersion": "test.vaultbind.dev/v1", "version": "v1"}
    assert [resource["name"] for resource in resources] == ["widgets", "widgets/status"]
    assert resources[0]["shortNames"] == ["wd"]
    assert "test.vaultbind.dev" in {found["name"] for found in groups}
    assert (await api.call("GET", "/api")).body["versions"] == ["v1"]


async def test_a_definition_says_that_its_kind_is_served(api: Api) -> None:
    found = (await api.call("GET", f"{CRD_PATH}/widgets.test.vaultbind.dev")).body

    assert found["status"]["acceptedNames"]["kind"] == "Widget"
    assert found["status"]["storedVersions"] == ["v1"]
    assert {condition["type"]: condition["status"] for condition in found["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }


async def test_a_definition_by_another_name_is_refused(api: Api) -> None:
    spec = {
        "group": "a.dev",
        "scope": "Namespaced",
        "names": {"plural": "bs", "kind": "B"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    }
    answer = await api.call("POST", CRD_PATH, {"metadata": {"name": "x.y.z"}, "spec": spec})

    assert answer.status == 422
