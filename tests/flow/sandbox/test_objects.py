"""Creating, reading, changing and deleting objects: the same on the embedded API and on the real one."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.flow.sandbox.client import JSON_PATCH, STRATEGIC, WIDGET, Api, base64_of


async def test_a_created_secret_has_the_servers_own_fields(api: Api) -> None:
    body = {"metadata": {"name": "a", "labels": {"l": "1"}}, "data": {"k": base64_of("v")}}
    answer = await api.call("POST", api.secrets, {**body, "stringData": {"t": "x"}})

    assert answer.status == 201
    assert answer.body["type"] == "Opaque"
    assert answer.body["data"] == {"k": base64_of("v"), "t": base64_of("x")}
    assert "stringData" not in answer.body
    meta = answer.body["metadata"]
    assert {"uid", "creationTimestamp", "resourceVersion"} <= meta.keys()
    assert "generation" not in meta
    assert answer.fields == {
        "tester/Update": {
            "f:data": {".": {}, "f:k": {}, "f:t": {}},
            "f:metadata": {"f:labels": {".": {}, "f:l": {}}},
            "f:type": {},
        }
    }
    assert (await api.call("GET", f"{api.secrets}/a")).body == answer.body


TLS = "kubernetes.io/tls"
REFUSED: dict[str, tuple[Mapping[str, Any], int, list[tuple[str, str]]]] = {
    "bad name": ({"metadata": {"name": "A_b"}}, 422, [("metadata.name", "FieldValueInvalid")]),
    "no name": ({"metadata": {}}, 422, [("metadata.name", "FieldValueRequired")]),
    "bad label": (
        {"metadata": {"name": "a", "labels": {"a b": "c", "ok": "!"}}},
        422,
        [("metadata.labels", "FieldValueInvalid")] * 2,
    ),
    "other namespace": ({"metadata": {"name": "a", "namespace": "other"}}, 400, []),
    "other kind": ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}, 400, []),
    "resourceVersion": ({"metadata": {"name": "a", "resourceVersion": "1"}}, 500, []),
    "tls without key": (
        {"metadata": {"name": "a"}, "type": TLS, "data": {"tls.crt": ""}},
        422,
        [("data[tls.key]", "FieldValueRequired")],
    ),
    "bad key": ({"metadata": {"name": "a"}, "data": {"a/b": ""}}, 422, [("data[a/b]", "FieldValueInvalid")]),
    "no base64": ({"metadata": {"name": "a"}, "data": {"a": "%"}}, 400, []),
    "number": ({"metadata": {"name": "a"}, "data": {"a": 1}}, 400, []),
    "over 1 MiB": (
        {"metadata": {"name": "a"}, "data": {"a": base64_of("x" * (1024 * 1024 + 1))}},
        422,
        [("data", "FieldValueTooLong")],
    ),
    "owner without uid": (
        {
            "metadata": {
                "name": "a",
                "ownerReferences": [{"apiVersion": "v1", "kind": "Secret", "name": "s"}],
            }
        },
        422,
        [("metadata.ownerReferences[0].uid", "FieldValueRequired")],
    ),
}


@pytest.mark.parametrize(("body", "status", "causes"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_bad_secret_is_refused(
    api: Api, body: Mapping[str, Any], status: int, causes: list[tuple[str, str]]
) -> None:
    answer = await api.call("POST", api.secrets, body)

    assert (answer.status, answer.causes) == (status, causes)


async def test_a_secret_of_exactly_one_mebibyte_is_taken(api: Api) -> None:
    body = {"metadata": {"name": "a"}, "data": {"a": base64_of("x" * 1024 * 1024)}}

    assert (await api.call("POST", api.secrets, body)).status == 201


async def test_conflicts_and_absence_have_their_reasons(api: Api) -> None:
    await api.call("POST", api.secrets, {"metadata": {"name": "a"}})
    again = await api.call("POST", api.secrets, {"metadata": {"name": "a"}})
    absent = await api.call("GET", f"{api.secrets}/b")
    nowhere = await api.call("POST", "/api/v1/namespaces/no-such/secrets", {"metadata": {"name": "a"}})
    unknown = await api.call("GET", f"{api.core}/nothings")

    assert (again.status, again.body["reason"]) == (409, "AlreadyExists")
    assert (absent.status, absent.body["reason"]) == (404, "NotFound")
    assert absent.body["details"] == {"name": "b", "kind": "secrets"}
    assert nowhere.body["message"] == 'namespaces "no-such" not found'
    assert (unknown.status, unknown.body["reason"]) == (404, "NotFound")


async def test_a_merge_patch_without_effect_writes_nothing(api: Api) -> None:
    made = await api.call("POST", api.secrets, {"metadata": {"name": "a"}, "data": {"k": base64_of("v")}})
    same = await api.merge(f"{api.secrets}/a?fieldManager=other", {"data": {"k": base64_of("v")}})

    assert same.status == 200
    assert same.body == made.body


async def test_a_merge_patch_moves_only_what_it_changes_to_its_manager(api: Api) -> None:
    body = {"metadata": {"name": "a"}, "data": {"k": base64_of("v"), "t": base64_of("x")}}
    await api.call("POST", api.secrets, body)
    patch = {"data": {"k": base64_of("w"), "n": base64_of("1"), "t": None}}
    answer = await api.merge(f"{api.secrets}/a?fieldManager=other", patch)

    assert answer.body["data"] == {"k": base64_of("w"), "n": base64_of("1")}
    assert answer.fields == {
        "tester/Update": {"f:data": {}, "f:type": {}},
        "other/Update": {"f:data": {"f:k": {}, "f:n": {}}},
    }


@pytest.mark.parametrize(
    ("patch", "status", "reason"),
    [
        pytest.param({"metadata": {"resourceVersion": "1"}, "data": {"x": ""}}, 409, "Conflict", id="stale"),
        pytest.param({"metadata": {"uid": "other"}, "data": {"x": ""}}, 422, "Invalid", id="other uid"),
        pytest.param({"type": "other"}, 422, "Invalid", id="type"),
        pytest.param({"metadata": {"name": "b"}}, 400, "BadRequest", id="other name"),
    ],
)
async def test_a_merge_patch_is_refused(api: Api, patch: object, status: int, reason: str) -> None:
    before = await api.call("POST", api.secrets, {"metadata": {"name": "a"}})
    answer = await api.merge(f"{api.secrets}/a", patch)

    assert (answer.status, answer.body["reason"]) == (status, reason)
    assert (await api.call("GET", f"{api.secrets}/a")).body == before.body


async def test_a_guarded_merge_patch_works_once(api: Api) -> None:
    made = await api.call("POST", api.secrets, {"metadata": {"name": "a"}})
    patch = {"metadata": {"resourceVersion": made.revision}, "data": {"k": base64_of("1")}}

    assert (await api.merge(f"{api.secrets}/a", patch)).status == 200
    patch["data"] = {"k": base64_of("2")}
    assert (await api.merge(f"{api.secrets}/a", patch)).status == 409


async def test_immutable_secrets_keep_their_data_only(api: Api) -> None:
    body = {"metadata": {"name": "a"}, "immutable": True, "data": {"k": base64_of("v")}}
    await api.call("POST", api.secrets, body)
    path = f"{api.secrets}/a"

    assert (await api.merge(path, {"data": {"k": base64_of("w")}})).causes == [
        ("data", "FieldValueForbidden")
    ]
    assert (await api.merge(path, {"immutable": None})).causes == [("immutable", "FieldValueForbidden")]
    assert (await api.merge(path, {"metadata": {"labels": {"x": "y"}}})).status == 200


async def test_json_patches_test_and_replace(api: Api) -> None:
    await api.call("POST", api.secrets, {"metadata": {"name": "a"}, "data": {"k": base64_of("v")}})

    async def patch(*operations: Mapping[str, Any]) -> int:
        path = f"{api.secrets}/a"
        return (await api.call("PATCH", path, operations, content_type=JSON_PATCH)).status

    test = {"op": "test", "path": "/data/k", "value": base64_of("v")}
    replace = {"op": "replace", "path": "/data/k", "value": base64_of("w")}
    assert await patch(test, replace) == 200
    assert await patch(test, replace) == 422
    assert await patch({"op": "remove", "path": "/data/none"}) == 422
    assert await patch({"op": "add", "path": "/a/b", "value": 1}) == 422


async def test_strategic_patches_merge_lists_of_builtin_kinds_only(api: Api) -> None:
    owner = (await api.call("POST", api.maps, {"metadata": {"name": "owner"}})).body["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner}
    await api.call("POST", api.maps, {"metadata": {"name": "a", "finalizers": ["x.dev/a"]}})
    patch = {"metadata": {"finalizers": ["x.dev/b"], "ownerReferences": [reference]}}
    answer = await api.call("PATCH", f"{api.maps}/a", patch, content_type=STRATEGIC)
    widget = await api.call("PATCH", f"{api.widgets}/a", {}, content_type=STRATEGIC)

    assert sorted(answer.body["metadata"]["finalizers"]) == ["x.dev/a", "x.dev/b"]
    assert answer.body["metadata"]["ownerReferences"] == [reference]
    assert widget.status == 415
    await api.merge(f"{api.maps}/a", {"metadata": {"finalizers": None}})


async def test_put_needs_the_right_revision_name_and_uid(api: Api) -> None:
    made = await api.call("POST", api.secrets, {"metadata": {"name": "a"}})
    path = f"{api.secrets}/a"

    assert (await api.call("PUT", path, {**made.body, "data": {"k": base64_of("1")}})).status == 200
    assert (await api.call("PUT", path, {**made.body, "data": {"k": base64_of("2")}})).status == 409
    assert (await api.call("PUT", path, {"metadata": {"name": "b"}})).status == 400
    assert (await api.call("PUT", path, {"metadata": {"name": "a", "uid": "other"}})).status == 409
    unconditional = await api.call("PUT", path, {"metadata": {"name": "a"}})
    assert (unconditional.status, "data" in unconditional.body) == (200, False)


async def test_null_data_is_empty_data(api: Api) -> None:
    made = await api.call("POST", api.secrets, {"metadata": {"name": "a"}, "data": {"k": None}})
    cleared = await api.merge(f"{api.secrets}/a?fieldManager=b", {"data": None})

    assert made.body["data"] == {"k": ""}
    assert cleared.fields == {"tester/Update": {"f:type": {}}}


async def test_dry_runs_change_nothing(api: Api) -> None:
    made = await api.call("POST", api.secrets, {"metadata": {"name": "a"}})
    path = f"{api.secrets}/a"

    patched = await api.merge(f"{path}?dryRun=All", {"data": {"k": base64_of("v")}})
    assert patched.body["data"] == {"k": base64_of("v")}
    assert (await api.call("POST", f"{api.secrets}?dryRun=All", {"metadata": {"name": "b"}})).status == 201
    assert (await api.call("DELETE", f"{path}?dryRun=All")).status == 200
    bad = {"metadata": {"name": "b"}, "type": TLS}
    assert (await api.call("POST", f"{api.secrets}?dryRun=All", bad)).status == 422
    assert (await api.call("GET", path)).body == made.body
    assert (await api.call("GET", f"{api.secrets}/b")).status == 404


@pytest.mark.parametrize("preconditions", [{"uid": "other"}, {"resourceVersion": "1"}], ids=str)
async def test_deletions_hold_to_their_preconditions(api: Api, preconditions: Mapping[str, str]) -> None:
    made = await api.call("POST", api.secrets, {"metadata": {"name": "a"}})
    path = f"{api.secrets}/a"
    refused = await api.call("DELETE", path, {"preconditions": preconditions})
    right = {name: made.body["metadata"][name] for name in preconditions}
    done = await api.call("DELETE", path, {"preconditions": right})

    assert (refused.status, refused.body["reason"]) == (409, "Conflict")
    assert (done.status, done.body["status"]) == (200, "Success")
    assert done.body["details"]["uid"] == made.body["metadata"]["uid"]
    assert (await api.call("DELETE", path)).status == 404


async def test_finalizers_hold_an_object_until_the_last_is_gone(api: Api) -> None:
    await api.call("POST", api.widgets, {**WIDGET, "metadata": {"name": "a"}, "spec": {"name": "abc"}})
    path = f"{api.widgets}/a"
    await api.merge(path, {"metadata": {"finalizers": ["x.dev/f"]}})
    deleted = await api.call("DELETE", path)
    added = await api.merge(path, {"metadata": {"finalizers": ["x.dev/f", "x.dev/g"]}})
    last = await api.merge(path, {"metadata": {"finalizers": None}})

    assert deleted.body["metadata"]["deletionGracePeriodSeconds"] == 0
    assert deleted.body["metadata"]["generation"] == 2
    assert (added.status, set(added.causes)) == (422, {("metadata.finalizers", "FieldValueForbidden")})
    assert last.status == 200
    assert (await api.call("GET", path)).status == 404


async def test_generated_names_are_new_names(api: Api) -> None:
    event = {
        "metadata": {"generateName": "ev-"},
        "involvedObject": {"kind": "Secret", "namespace": api.namespace, "name": "a"},
        "reason": "Tested",
        "message": "it was",
        "type": "Normal",
    }
    names = {(await api.call("POST", f"{api.core}/events", event)).body["metadata"]["name"] for _ in range(3)}

    assert len(names) == 3
    assert all(name.startswith("ev-") and len(name) == 8 for name in names)


async def test_events_have_two_faces(api: Api) -> None:
    events = f"/apis/events.k8s.io/v1/namespaces/{api.namespace}/events"
    event = {
        "metadata": {"name": "a"},
        "regarding": {"kind": "Secret", "namespace": api.namespace, "name": "s"},
        "reason": "Tested",
        "note": "it was",
        "type": "Normal",
        "action": "Test",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "test.dev/c",
        "reportingInstance": "i",
    }
    assert (await api.call("POST", events, event)).status == 201
    core = (await api.call("GET", f"{api.core}/events/a")).body
    new = (await api.call("GET", f"{events}/a")).body

    assert (core["apiVersion"], core["message"], core["involvedObject"]["name"]) == ("v1", "it was", "s")
    assert (new["apiVersion"], new["note"]) == ("events.k8s.io/v1", "it was")
    elsewhere = {"metadata": {"name": "b"}, "involvedObject": {"kind": "Secret", "namespace": "other"}}
    assert (await api.call("POST", f"{api.core}/events", elsewhere)).status == 422


async def test_leases_are_updated_with_their_revision_only(api: Api) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{api.namespace}/leases"
    spec = {"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}
    made = await api.call("POST", leases, {"metadata": {"name": "l"}, "spec": spec})

    async def put(revision: str) -> int:
        meta = {"name": "l", "resourceVersion": revision}
        return (
            await api.call("PUT", f"{leases}/l", {"metadata": meta, "spec": {**spec, "holderIdentity": "b"}})
        ).status

    assert made.status == 201
    assert await put("") == 422
    assert await put(made.revision) == 200
    assert await put(made.revision) == 409
    bad = {"metadata": {"name": "m"}, "spec": {**spec, "leaseDurationSeconds": 0}}
    assert (await api.call("POST", leases, bad)).status == 422


async def test_only_one_owner_controls(api: Api) -> None:
    owner = {"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": "u", "controller": True}
    meta = {"name": "a", "ownerReferences": [owner, {**owner, "uid": "v"}]}
    answer = await api.call("POST", api.maps, {"metadata": meta})

    assert (answer.status, answer.causes) == (422, [("metadata.ownerReferences", "FieldValueInvalid")])


async def test_an_administrator_may_do_everything(api: Api) -> None:
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "secrets"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = await api.call("POST", path, review)

    assert (answer.status, answer.body["status"]["allowed"]) == (201, True)


@pytest.mark.parametrize("query", ["dryRun=Some", "fieldValidation=Some"])
async def test_options_have_known_values(api: Api, query: str) -> None:
    assert (await api.call("POST", f"{api.maps}?{query}", {"metadata": {"name": "a"}})).status in {400, 422}
