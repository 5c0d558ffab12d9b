"""What follows a deletion: the same on the embedded API and on the real one with its controllers."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.flow.sandbox.client import Api

_WAIT = 120.0


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_WAIT):
        while not await condition():  # noqa: ASYNC110 - the condition is on a server
            await asyncio.sleep(0.02)


async def make(api: Api, name: str, *owners: str, blocking: bool = False) -> str:
    """A ConfigMap of these owners, which wait for it in the foreground if it is `blocking`."""
    blocks = {"blockOwnerDeletion": True} if blocking else {}
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid, **blocks}
        for owner, _, uid in (owner.partition("=") for owner in owners)
    ]
    meta = {"name": name, "ownerReferences": references}
    made = await api.call("POST", api.maps, {"metadata": meta})
    return f"{name}={made.body['metadata']['uid']}"


async def gone(api: Api, name: str) -> None:
    async def is_gone() -> bool:
        return (await api.call("GET", f"{api.maps}/{name}")).status == 404

    await until(is_gone)


async def test_dependents_follow_their_owner(api: Api) -> None:
    owner = await make(api, "owner")
    child = await make(api, "child", owner)
    await make(api, "grandchild", child)
    await api.call("DELETE", f"{api.maps}/owner")

    await gone(api, "child")
    await gone(api, "grandchild")


async def test_a_dependent_with_another_owner_loses_only_the_reference(api: Api) -> None:
    one, two = await make(api, "one"), await make(api, "two")
    await make(api, "child", one, two)
    await api.call("DELETE", f"{api.maps}/one")

    async def has_one_owner() -> bool:
        found = (await api.call("GET", f"{api.maps}/child")).body["metadata"]
        return [owner["name"] for owner in found["ownerReferences"]] == ["two"]

    await until(has_one_owner)


async def test_orphans_stay(api: Api) -> None:
    owner = await make(api, "owner")
    await make(api, "child", owner)
    await api.call("DELETE", f"{api.maps}/owner?propagationPolicy=Orphan")
    await gone(api, "owner")

    assert "ownerReferences" not in (await api.call("GET", f"{api.maps}/child")).body["metadata"]


async def test_in_the_foreground_the_owner_goes_last(api: Api) -> None:
    owner = await make(api, "owner")
    await make(api, "child", owner, blocking=True)
    answer = await api.call("DELETE", f"{api.maps}/owner?propagationPolicy=Foreground")

    assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    await gone(api, "owner")
    assert (await api.call("GET", f"{api.maps}/child")).status == 404


async def test_an_object_of_an_owner_that_never_was_goes(api: Api) -> None:
    await make(api, "child", "nobody=11111111-2222-3333-4444-555555555555")

    await gone(api, "child")


async def test_a_namespace_goes_with_its_content(api: Api) -> None:
    await make(api, "a")
    path = f"/api/v1/namespaces/{api.namespace}"
    answer = await api.call("DELETE", path)
    late = await api.call("POST", api.maps, {"metadata": {"name": "late"}})

    assert answer.body["status"]["phase"] == "Terminating"
    assert (late.status, late.causes) in [(403, [("metadata.namespace", "NamespaceTerminating")]), (404, [])]

    async def is_gone() -> bool:
        return (await api.call("GET", path)).status == 404

    await until(is_gone)
    assert (await api.call("GET", f"{api.maps}/a")).status == 404
