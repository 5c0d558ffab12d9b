"""Lists and watches: the same on the embedded API and on the real one."""

import asyncio

from tests.flow.sandbox.client import METADATA, METADATA_LIST, TABLE, Api, seen

SELECTED = "labelSelector=on%3Dy"


async def make(api: Api, name: str, on: str = "y") -> str:
    body = {"metadata": {"name": name, "labels": {"on": on}}, "data": {"k": "v"}}
    return (await api.call("POST", api.maps, body)).revision


async def revision(api: Api) -> str:
    return (await api.call("GET", f"{api.maps}?{SELECTED}")).revision


async def test_lists_are_ordered_and_selected(api: Api) -> None:
    for name, on in (("c", "y"), ("a", "y"), ("b", "n")):
        await make(api, name, on)

    async def names(query: str) -> list[str]:
        items = (await api.call("GET", f"{api.maps}?{query}", accept=METADATA_LIST)).body["items"]
        return [item["metadata"]["name"] for item in items or ()]  # null, not [], when there are none

    assert await names("labelSelector=on") == ["a", "b", "c"]
    assert await names(SELECTED) == ["a", "c"]
    assert await names("labelSelector=on%21%3Dy%2Con") == ["b"]
    assert await names("labelSelector=on+in+(n,x)") == ["b"]
    assert await names("labelSelector=on+notin+(n,x),on") == ["a", "c"]
    assert await names("labelSelector=on&fieldSelector=metadata.name%3Db") == ["b"]
    assert await names(f"labelSelector=on&fieldSelector=metadata.namespace%3D{api.namespace}") == [
        "a",
        "b",
        "c",
    ]
    assert await names("labelSelector=on,%21on") == []


async def test_a_list_of_builtin_kinds_names_the_kind_once(api: Api) -> None:
    await make(api, "a")
    listing = (await api.call("GET", f"{api.maps}?{SELECTED}")).body
    partial = (await api.call("GET", f"{api.maps}?{SELECTED}", accept=METADATA_LIST)).body

    assert (listing["kind"], listing["apiVersion"]) == ("ConfigMapList", "v1")
    assert not {"kind", "apiVersion"} & listing["items"][0].keys()
    assert (partial["kind"], partial["items"][0]["kind"]) == (
        "PartialObjectMetadataList",
        "PartialObjectMetadata",
    )
    assert partial["items"][0].keys() == {"kind", "apiVersion", "metadata"}


async def test_an_empty_list_of_metadata_has_null_items(api: Api) -> None:
    plain = await api.call("GET", f"{api.maps}?{SELECTED}")
    partial = await api.call("GET", f"{api.maps}?{SELECTED}", accept=METADATA_LIST)

    assert (plain.body["items"], partial.body["items"]) == ([], None)


async def test_pages_tell_what_is_left(api: Api) -> None:
    for name in "abcde":
        await make(api, name)
    query = f"{api.maps}?limit=2"
    first = (await api.call("GET", f"{query}&{SELECTED}")).body
    await make(api, "aa")
    second = (await api.call("GET", f"{query}&{SELECTED}&continue={first['metadata']['continue']}")).body
    third = (await api.call("GET", f"{query}&{SELECTED}&continue={second['metadata']['continue']}")).body

    pages = [[item["metadata"]["name"] for item in page["items"]] for page in (first, second, third)]
    assert pages == [["a", "b"], ["c", "d"], ["e"]]
    assert not third["metadata"].get("continue")
    await until_cached(api, 6)
    assert (await api.call("GET", f"{query}&continue=nonsense")).status == 400


async def until_cached(api: Api, count: int) -> None:
    """Of any state, as `resourceVersion=0` asks for it, all come at once; it may be one of a moment ago."""
    async with asyncio.timeout(60):
        while True:
            whole = await api.call("GET", f"{api.maps}?limit=1&resourceVersion=0&{SELECTED}")
            if len(whole.body["items"]) == count:
                return


async def test_bad_selectors_and_forms_are_refused(api: Api) -> None:
    await make(api, "a")
    assert (await api.call("GET", f"{api.maps}?labelSelector=a%3D%3D%3Db")).status == 400
    assert (await api.call("GET", f"{api.maps}?fieldSelector=data.k%3Dv")).status == 400
    assert (await api.call("GET", api.maps, accept="text/html")).status == 406
    assert (await api.call("GET", api.maps, accept=METADATA)).status == 406
    assert (await api.call("GET", f"{api.maps}/a", accept=METADATA_LIST)).status == 406
    assert (await api.call("POST", f"{api.maps}/a", {})).status == 405


async def test_a_watch_tells_of_objects_that_enter_and_leave_its_selector(api: Api) -> None:
    start = await revision(api)
    await make(api, "a")
    await make(api, "b", "n")
    await api.merge(f"{api.maps}/a", {"data": {"k": "w"}})
    await api.merge(f"{api.maps}/a", {"metadata": {"labels": {"on": "n"}}})
    await api.merge(f"{api.maps}/b", {"metadata": {"labels": {"on": "y"}}})
    await api.call("DELETE", f"{api.maps}/b")
    events = await api.watch(f"{api.maps}?watch=1&resourceVersion={start}&{SELECTED}", 5)

    assert seen(events) == [
        ("ADDED", "a"),
        ("MODIFIED", "a"),
        ("DELETED", "a"),
        ("ADDED", "b"),
        ("DELETED", "b"),
    ]
    left = events[2]["object"]
    assert left["metadata"]["labels"] == {"on": "y"}
    revisions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert revisions == sorted(set(revisions))


async def test_a_watch_without_revision_starts_with_what_is_there(api: Api) -> None:
    await make(api, "a")
    await make(api, "b")

    for query in ("", "&resourceVersion=0"):
        events = await api.watch(f"{api.maps}?watch=1&{SELECTED}{query}", 2)
        assert sorted(seen(events)) == [("ADDED", "a"), ("ADDED", "b")]


async def test_a_watch_of_metadata_has_no_data(api: Api) -> None:
    start = await revision(api)
    await make(api, "a")
    path = f"{api.maps}?watch=1&resourceVersion={start}&{SELECTED}"
    partial = (await api.watch(path, 1, accept=METADATA))[0]["object"]
    table = (await api.watch(path, 1, accept=TABLE))[0]["object"]

    assert partial.keys() == {"kind", "apiVersion", "metadata"}
    assert partial["kind"] == "PartialObjectMetadata"
    assert [row["cells"][0] for row in table["rows"]] == ["a"]


async def test_initial_events_end_with_a_bookmark(api: Api) -> None:
    await make(api, "a")
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    events = await api.watch(f"{api.maps}?{query}&{SELECTED}", 2)
    unasked = await api.watch(f"{api.maps}?watch=1&allowWatchBookmarks=true&{SELECTED}", 2)
    refused = await api.watch(f"{api.maps}?watch=1&sendInitialEvents=true", 1)

    assert seen(events) == seen(unasked)
    assert seen(events) == [("ADDED", "a"), ("BOOKMARK", "")]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert refused[0]["type"] == 422


async def test_a_watch_ends_after_its_time(api: Api) -> None:
    start = await revision(api)

    assert await api.watch(f"{api.maps}?watch=1&resourceVersion={start}&{SELECTED}&timeoutSeconds=1", 1) == []


async def test_one_object_can_be_watched(api: Api) -> None:
    await make(api, "a")
    await make(api, "b")
    events = await api.watch(f"{api.maps}?watch=1&fieldSelector=metadata.name%3Db", 1)

    assert seen(events) == [("ADDED", "b")]


async def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    for name, on in (("a", "y"), ("b", "y"), ("c", "n")):
        await make(api, name, on)
    answer = await api.call("DELETE", f"{api.maps}?{SELECTED}")
    left = (await api.call("GET", f"{api.maps}?labelSelector=on")).body["items"]

    assert answer.status == 200
    assert [item["metadata"]["name"] for item in left] == ["c"]
    assert (await api.call("DELETE", "/api/v1/configmaps")).status == 405


async def test_a_state_to_come_cannot_be_listed(api: Api) -> None:
    future = await api.call("GET", f"{api.maps}?resourceVersion=99999999")

    assert (future.status, future.body["reason"], future.headers["Retry-After"]) == (504, "Timeout", "1")


async def test_a_watch_of_one_namespace_does_not_see_another(api: Api) -> None:
    start = await revision(api)
    elsewhere = {"metadata": {"name": "a", "labels": {"on": "y"}}}
    assert (await api.call("POST", "/api/v1/namespaces/default/configmaps", elsewhere)).status == 201
    await api.call("DELETE", "/api/v1/namespaces/default/configmaps/a")
    await make(api, "b")

    assert seen(await api.watch(f"{api.maps}?watch=1&resourceVersion={start}&{SELECTED}", 1)) == [
        ("ADDED", "b")
    ]


async def test_table_rows_of_a_watch_tell_their_columns_once(api: Api) -> None:
    await make(api, "a")
    await make(api, "b")
    events = await api.watch(f"{api.maps}?watch=1&{SELECTED}", 2, accept=TABLE)

    assert events[0]["object"]["columnDefinitions"][0]["name"] == "Name"
    assert events[1]["object"]["columnDefinitions"] is None
