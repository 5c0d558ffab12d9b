"""What only the embedded API has: tokens, faults, counts, forgotten history, a kubeconfig."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest
import yaml

from tests.flow.sandbox.client import APPLY, CRD_PATH, METADATA, WIDGET, WIDGET_CRD, Api, base64_of, seen
from vaultbind.sandbox import Fault, Sandbox, SandboxConfig


async def test_only_known_tokens_are_let_in(sandbox: Sandbox, embedded: Api) -> None:
    second = sandbox.issue_token()
    embedded.headers = {"Authorization": f"Bearer {second}"}
    assert (await embedded.call("GET", embedded.maps)).status == 200
    sandbox.revoke_token(second)
    revoked = await embedded.call("GET", embedded.maps)
    embedded.headers = {}
    anonymous = await embedded.call("GET", embedded.maps)

    assert (revoked.status, revoked.body["reason"]) == (401, "Unauthorized")
    assert anonymous.status == 401
    assert (await embedded.call("GET", "/readyz")).body == "ok"


async def test_clients_that_trust_another_authority_refuse_it(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(sandbox.url)


async def test_the_kubeconfig_holds_all_that_a_client_needs(sandbox: Sandbox) -> None:
    config = yaml.safe_load(sandbox.kubeconfig("team"))

    assert config["clusters"][0]["cluster"]["server"] == sandbox.url
    assert config["clusters"][0]["cluster"]["certificate-authority-data"] == base64_of(sandbox.ca_pem)
    assert config["users"][0]["user"] == {"token": sandbox.token}
    assert config["contexts"][0]["context"]["namespace"] == "team"


async def test_without_tls_it_is_plain_http() -> None:
    async with Sandbox.start(SandboxConfig(tls=False)) as sandbox, Api.of_sandbox(sandbox) as api:
        assert sandbox.url.startswith("http://")
        assert (await api.call("GET", api.maps)).status == 200


async def test_faults_hit_whom_they_are_meant_for_and_run_out(sandbox: Sandbox, embedded: Api) -> None:
    sandbox.inject(Fault(verb="get", resource="secrets", status=429, retry_after=7, count=2))
    await embedded.call("POST", embedded.secrets, {"metadata": {"name": "a"}})
    path = f"{embedded.secrets}/a"
    answers = [await embedded.call("GET", path) for _ in range(3)]

    assert [answer.status for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].body["details"]["retryAfterSeconds"] == 7
    assert sandbox.stats.count(verb="get", resource="secrets", status=429) == 2


async def test_a_fault_can_come_after_the_write(sandbox: Sandbox, embedded: Api) -> None:
    sandbox.inject(Fault(verb="create", resource="secrets", status=504, after_write=True))
    sandbox.inject(Fault(verb="patch", name="a", cut=True))
    answer = await embedded.call("POST", embedded.secrets, {"metadata": {"name": "a"}})

    assert answer.status == 504
    assert sandbox.get("secrets", embedded.namespace, "a") is not None
    with pytest.raises(aiohttp.ClientError):
        await embedded.merge(f"{embedded.secrets}/a", {"data": {"k": ""}})
    assert "data" not in (sandbox.get("secrets", embedded.namespace, "a") or {})


async def test_faults_can_delay_and_be_cleared(sandbox: Sandbox, embedded: Api) -> None:
    sandbox.inject(Fault(verb="list", resource="configmaps", delay=0.1, count=None))
    start = time.monotonic()
    assert (await embedded.call("GET", embedded.maps)).status == 200
    assert time.monotonic() - start >= 0.1
    sandbox.faults.clear()
    sandbox.inject(Fault(verb="list", resource="configmaps", delay=600.0, count=None))
    sandbox.faults.clear()
    assert (await embedded.call("GET", embedded.maps)).status == 200, "it would not have come in this test"


async def test_requests_are_counted_by_what_they_are(sandbox: Sandbox, embedded: Api) -> None:
    sandbox.stats.reset()
    path = f"{embedded.widgets}/a"
    widget = {**WIDGET, "metadata": {"name": "a"}, "spec": {"name": "abc"}}
    await embedded.call("PATCH", f"{path}?fieldManager=m", widget, content_type=APPLY)
    await embedded.merge(f"{path}/status", {"status": {"observedGeneration": 1}})
    await embedded.call("GET", path, accept=METADATA)
    await embedded.call("GET", f"{embedded.widgets}/none")
    widgets = "widgets.test.vaultbind.dev"

    assert sandbox.stats.count(resource=widgets) == 4
    assert sandbox.stats.count(resource=widgets, verb="patch", patch="apply", manager="m", status=201) == 1
    assert sandbox.stats.count(resource=widgets, subresource="status", patch="merge") == 1
    assert sandbox.stats.count(resource=widgets, representation="metadata") == 1
    assert sandbox.stats.count(resource=widgets, status=404) == 1
    assert sandbox.stats.writes(resource=widgets) == 2
    assert sum(sandbox.stats.as_mapping().values()) == 4


async def test_forgotten_history_is_410(sandbox: Sandbox, embedded: Api) -> None:
    start = (await embedded.call("GET", embedded.maps)).revision
    for name in "abc":
        await embedded.call("POST", embedded.maps, {"metadata": {"name": name}})
    page = await embedded.call("GET", f"{embedded.maps}?limit=1")
    sandbox.compact()
    events = await embedded.watch(f"{embedded.maps}?watch=1&resourceVersion={start}", 1)
    token = page.body["metadata"]["continue"]
    following = await embedded.call("GET", f"{embedded.maps}?limit=1&continue={token}")

    assert (events[0]["type"], events[0]["object"]["code"]) == ("ERROR", 410)
    assert events[0]["object"]["reason"] == "Expired"
    assert (following.status, following.body["reason"]) == (410, "Expired")
    exact = f"{embedded.maps}?resourceVersion={start}&resourceVersionMatch=Exact"
    assert (await embedded.call("GET", exact)).status == 410


async def test_history_is_bounded() -> None:
    async with Sandbox.start(SandboxConfig(history=10)) as sandbox, Api.of_sandbox(sandbox) as api:
        start = (await api.call("GET", api.maps)).revision
        for number in range(12):
            await api.call("POST", api.maps, {"metadata": {"name": f"m{number}"}})
        events = await api.watch(f"{api.maps}?watch=1&resourceVersion={start}", 1)

    assert events[0]["object"]["code"] == 410


async def test_open_watches_can_be_expired_and_cut(sandbox: Sandbox, embedded: Api) -> None:
    path = f"{embedded.maps}?watch=1"
    expired = asyncio.create_task(embedded.watch(path, 1))
    await watching(sandbox, 1)
    sandbox.expire_watches()
    assert (await expired)[0]["object"]["code"] == 410
    await watching(sandbox, 0)
    cut = asyncio.create_task(embedded.watch(path, 1))
    await watching(sandbox, 1)
    sandbox.drop_watches()
    with pytest.raises(aiohttp.ClientError):
        await cut
    await watching(sandbox, 0)


async def watching(sandbox: Sandbox, count: int) -> None:
    async with asyncio.timeout(60):
        while sandbox.open_watches != count:  # noqa: ASYNC110 - nothing tells of this
            await asyncio.sleep(0.005)


async def test_quiet_watches_get_bookmarks_that_follow_the_cluster(sandbox: Sandbox, embedded: Api) -> None:
    path = f"{embedded.url}{embedded.maps}?watch=1&allowWatchBookmarks=true&labelSelector=on"
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(60), embedded.session.get(path, headers=embedded.headers) as response:
        events.append(json.loads(await response.content.readline()))
        before = sandbox.store.revision
        await embedded.call("POST", embedded.secrets, {"metadata": {"name": "a"}})
        while int(events[-1]["object"]["metadata"]["resourceVersion"]) <= before:
            events.append(json.loads(await response.content.readline()))

    assert set(seen(events)) == {("BOOKMARK", "")}
    assert int(events[-1]["object"]["metadata"]["resourceVersion"]) == sandbox.store.revision


async def test_a_client_that_goes_away_frees_its_watch(sandbox: Sandbox, embedded: Api) -> None:
    watch = asyncio.create_task(embedded.watch(f"{embedded.maps}?watch=1", 1))
    await watching(sandbox, 1)
    watch.cancel()

    await watching(sandbox, 0)


async def test_a_body_of_a_strange_form_is_no_crash(embedded: Api) -> None:
    bodies: list[object] = [
        [],
        {"metadata": []},
        {"metadata": {"name": "a", "labels": 3}},
        {"metadata": {"name": "a", "labels": {"b": 3}}},
        {"metadata": {"name": "a", "finalizers": [3]}},
        {"metadata": {"name": "a", "ownerReferences": [3]}},
        {"metadata": {"name": 5}},
        {"metadata": {"name": "a"}, "data": []},
    ]
    for body in bodies:
        answer = await embedded.call("POST", embedded.secrets, body)
        assert answer.status in {400, 422}, body
    assert (await embedded.call("POST", CRD_PATH, {"metadata": {"name": "a"}, "spec": "x"})).status == 400
    assert (await embedded.call("GET", f"{embedded.maps}?watch=1&resourceVersion=x")).status == 400


async def test_bodies_have_a_limit(embedded: Api) -> None:
    body = {"metadata": {"name": "a"}, "data": {"k": "x" * (3 * 1024 * 1024)}}

    assert (await embedded.call("POST", embedded.maps, body)).status == 413


async def test_every_answer_can_be_late() -> None:
    async with Sandbox.start(SandboxConfig(latency=0.05)) as sandbox, Api.of_sandbox(sandbox) as api:
        start = time.monotonic()
        await api.call("GET", api.maps)

        assert time.monotonic() - start >= 0.05


async def test_a_watch_of_the_future_waits_for_it(sandbox: Sandbox, embedded: Api) -> None:
    future = sandbox.store.revision + 2
    watch = asyncio.create_task(embedded.watch(f"{embedded.maps}?watch=1&resourceVersion={future}", 1))
    await watching(sandbox, 1)
    for name in "abc":
        await embedded.call("POST", embedded.maps, {"metadata": {"name": name}})

    assert seen(await watch) == [("ADDED", "c")]


async def test_objects_can_be_handled_without_http(sandbox: Sandbox) -> None:
    manifests = "\n---\n".join(
        yaml.safe_dump(document)
        for document in (
            WIDGET_CRD,
            {**WIDGET, "metadata": {"name": "w"}, "spec": {"name": "abc"}},
        )
    )
    applied = sandbox.apply(manifests)
    widgets = "widgets.test.vaultbind.dev"
    sandbox.patch(widgets, "default", "w", {"spec": {"size": 5}})

    assert applied[1]["metadata"]["namespace"] == "default"
    assert [found["spec"]["size"] for found in sandbox.objects(widgets)] == [5]
    sandbox.delete(widgets, "default", "w")
    assert sandbox.get(widgets, "default", "w") is None
    with pytest.raises(KeyError, match="no such kind"):
        sandbox.apply({"apiVersion": "x/v1", "kind": "Y", "metadata": {"name": "z"}})


async def test_definitions_take_their_objects_along(sandbox: Sandbox, embedded: Api) -> None:
    await embedded.call(
        "POST", embedded.widgets, {**WIDGET, "metadata": {"name": "a"}, "spec": {"name": "abc"}}
    )
    sandbox.delete("customresourcedefinitions.apiextensions.k8s.io", "", "widgets.test.vaultbind.dev")
    async with asyncio.timeout(60):
        while (await embedded.call("GET", embedded.widgets)).status != 404:  # noqa: ASYNC110 - a server
            await asyncio.sleep(0.01)
    sandbox.apply(WIDGET_CRD)

    assert sandbox.objects("widgets.test.vaultbind.dev") == []


async def test_no_value_of_a_secret_is_logged_or_told(
    embedded: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    value = base64_of("do-not-tell")
    bodies: list[object] = [
        {"metadata": {"name": "a"}, "data": {"k": value + "%"}},
        {"metadata": {"name": "a"}, "data": {"a/b": value}},
        {"metadata": {"name": "a", "labels": 3}, "data": {"k": value}},
        {"metadata": {"name": "a"}, "data": {"k": [value]}},
        {"metadata": {"name": "a"}, "stringData": value},
        {"metadata": {"name": "a"}, "data": {"k": value}},
    ]
    answers = [await embedded.call("POST", embedded.secrets, body) for body in bodies]
    told = " ".join(answer.body.get("message", "") for answer in answers)

    assert [answer.status for answer in answers] == [400, 422, 400, 400, 400, 201]
    assert value not in told
    assert "do-not-tell" not in told
    assert value not in caplog.text
