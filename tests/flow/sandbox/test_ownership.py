"""Managed fields and server-side apply: the same on the embedded API and on the real one."""

from tests.flow.sandbox.client import WIDGET, Api, base64_of

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}


def secret(**data: str) -> dict[str, object]:
    return {**SECRET, "data": {key: base64_of(value) for key, value in data.items()}}


async def test_an_apply_creates_and_repeats_without_a_write(api: Api) -> None:
    path = f"{api.secrets}/a?fieldManager=one"
    made = await api.apply(path, secret(a="1", b="2"))
    again = await api.apply(path, secret(a="1", b="2"))

    assert (made.status, again.status) == (201, 200)
    assert made.fields == {"one/Apply": {"f:data": {"f:a": {}, "f:b": {}}}}
    assert again.body == made.body


async def test_an_apply_does_not_take_other_managers_values_unless_forced(api: Api) -> None:
    path = f"{api.secrets}/a?fieldManager="
    await api.apply(f"{path}one", secret(a="1", b="2"))
    refused = await api.apply(f"{path}two", secret(a="9"))
    shared = await api.apply(f"{path}two", secret(a="1", c="3"))
    forced = await api.apply(f"{path}two&force=true", secret(a="9", c="3"))

    assert (refused.status, refused.causes) == (409, [(".data.a", "FieldManagerConflict")])
    assert shared.fields == {
        "one/Apply": {"f:data": {"f:a": {}, "f:b": {}}},
        "two/Apply": {"f:data": {"f:a": {}, "f:c": {}}},
    }
    assert forced.body["data"] == {"a": base64_of("9"), "b": base64_of("2"), "c": base64_of("3")}
    assert forced.fields["one/Apply"] == {"f:data": {"f:b": {}}}


async def test_an_apply_prunes_what_only_it_named(api: Api) -> None:
    path = f"{api.secrets}/a?fieldManager="
    await api.apply(f"{path}one", secret(a="1", b="2"))
    await api.apply(f"{path}two", secret(a="1"))
    left = await api.apply(f"{path}one", secret(c="3"))

    assert left.body["data"] == {"a": base64_of("1"), "c": base64_of("3")}


async def test_an_update_takes_the_fields_that_it_changes(api: Api) -> None:
    path = f"{api.secrets}/a"
    await api.apply(f"{path}?fieldManager=one", secret(a="1", b="2"))
    edited = await api.merge(f"{path}?fieldManager=editor", {"data": {"a": base64_of("x")}})
    refused = await api.apply(f"{path}?fieldManager=one", secret(a="1", b="2"))

    assert edited.fields == {
        "one/Apply": {"f:data": {"f:b": {}}},
        "editor/Update": {"f:data": {"f:a": {}}},
    }
    assert refused.status == 409
    assert 'conflict with "editor" using v1: .data.a' in refused.body["message"]


async def test_an_apply_says_what_it_is(api: Api) -> None:
    path = f"{api.secrets}/a"
    nobody = await api.apply(path, secret())
    untyped = await api.apply(f"{path}?fieldManager=one", {"metadata": {"name": "a"}})
    renamed = await api.apply(f"{api.secrets}/b?fieldManager=one", secret())
    entry = {"manager": "x", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1"}
    meta = {"name": "a", "managedFields": [{**entry, "fieldsV1": {}}]}
    owned = await api.apply(f"{path}?fieldManager=one", {**SECRET, "metadata": meta})

    assert (nobody.status, nobody.causes) == (422, [("fieldManager", "FieldValueRequired")])
    assert [untyped.status, renamed.status, owned.status] == [400, 400, 400]


async def test_owners_and_finalizers_are_owned_one_by_one(api: Api) -> None:
    owner = (await api.call("POST", api.maps, {"metadata": {"name": "o"}})).body["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": owner, "controller": True}
    meta = {"name": "a", "finalizers": ["x.dev/f"], "ownerReferences": [reference]}
    made = await api.call("POST", api.maps, {"metadata": meta})
    await api.merge(f"{api.maps}/a", {"metadata": {"finalizers": None}})

    assert made.fields["tester/Update"]["f:metadata"] == {
        "f:finalizers": {".": {}, 'v:"x.dev/f"': {}},
        "f:ownerReferences": {".": {}, f'k:{{"uid":"{owner}"}}': {}},
    }


async def test_the_status_has_managers_of_its_own(api: Api) -> None:
    await api.call("POST", api.widgets, {**WIDGET, "metadata": {"name": "a"}, "spec": {"name": "abc"}})
    patch = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    answer = await api.merge(f"{api.widgets}/a/status?fieldManager=st", patch)

    assert answer.fields == {
        "tester/Update": {"f:spec": {".": {}, "f:name": {}, "f:size": {}}},
        "st/Update/status": {
            "f:status": {
                "f:conditions": {
                    ".": {},
                    'k:{"type":"Ready"}': {".": {}, "f:status": {}, "f:type": {}},
                }
            }
        },
    }


async def test_items_of_list_maps_are_applied_one_by_one(api: Api) -> None:
    path = f"{api.widgets}/a?fieldManager="

    def widget(*items: dict[str, str]) -> dict[str, object]:
        return {**WIDGET, "metadata": {"name": "a"}, "spec": {"name": "abc", "items": list(items)}}

    await api.apply(f"{path}one", widget({"key": "x", "value": "1"}))
    both = await api.apply(f"{path}two", widget({"key": "y", "value": "2"}))
    moved = await api.apply(f"{path}one", widget({"key": "z", "value": "3"}))

    assert [item["key"] for item in both.body["spec"]["items"]] == ["x", "y"]
    assert {item["key"] for item in moved.body["spec"]["items"]} == {"y", "z"}
    assert moved.fields["one/Apply"]["f:spec"]["f:items"] == {
        'k:{"key":"z"}': {".": {}, "f:key": {}, "f:value": {}}
    }


async def test_only_ten_managers_by_update_are_told_apart(api: Api) -> None:
    answer = await api.call(
        "POST", f"{api.maps}?fieldManager=m00", {"metadata": {"name": "a"}, "data": {"k00": "v"}}
    )
    for number in range(1, 12):
        manager, key = f"m{number:02}", f"k{number:02}"
        answer = await api.merge(f"{api.maps}/a?fieldManager={manager}", {"data": {key: "v"}})

    assert len(answer.fields) == 10
    assert answer.fields["ancient-changes/Update"] == {
        "f:data": {".": {}, "f:k00": {}, "f:k01": {}, "f:k02": {}}
    }


async def test_a_field_that_the_schema_does_not_know_cannot_be_applied(api: Api) -> None:
    spec = {"name": "abc", "bogus": 1}
    answer = await api.apply(
        f"{api.widgets}/a?fieldManager=one", {**WIDGET, "metadata": {"name": "a"}, "spec": spec}
    )

    assert answer.status == 500
    assert answer.body["message"].endswith(".spec.bogus: field not declared in schema")


async def test_the_list_of_managers_can_be_stripped_and_stays_so_until_an_apply(api: Api) -> None:
    path = f"{api.secrets}/a"
    await api.call("POST", api.secrets, secret(a="1"))
    stripped = await api.merge(path, {"metadata": {"managedFields": [{}]}})
    kept = await api.merge(path, {"data": {"b": base64_of("2")}})
    refused = await api.apply(f"{path}?fieldManager=one", secret(a="9"))
    applied = await api.apply(f"{path}?fieldManager=one", secret(a="1"))

    assert (stripped.fields, kept.fields) == ({}, {})
    assert kept.body["data"]["b"] == base64_of("2")
    assert 'conflict with "before-first-apply" using v1: .data.a' in refused.body["message"]
    assert applied.fields == {
        "one/Apply": {"f:data": {"f:a": {}}},
        "before-first-apply/Update": {"f:data": {".": {}, "f:a": {}, "f:b": {}}, "f:type": {}},
    }


async def test_a_put_strips_with_an_empty_list_and_not_by_silence(api: Api) -> None:
    made = await api.call("POST", api.secrets, secret(a="1"))
    path = f"{api.secrets}/a"
    silent = await api.call("PUT", path, secret(a="1"))
    explicit = await api.call("PUT", path, {**secret(a="1"), "metadata": {"name": "a", "managedFields": []}})

    assert silent.fields == made.fields
    assert explicit.fields == {}


async def test_an_entry_can_be_handed_over_by_hand(api: Api) -> None:
    made = await api.call("POST", api.secrets, secret(a="1"))
    (entry,) = made.body["metadata"]["managedFields"]
    path = f"{api.secrets}/a"
    renamed = await api.merge(path, {"metadata": {"managedFields": [{**entry, "manager": "heir"}]}})

    assert renamed.fields == {"heir/Update": made.fields["tester/Update"]}
