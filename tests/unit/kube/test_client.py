import asyncio
import gzip
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.kube.api_stub import ApiStub, Rig, cut_answer, json_answer, raw_answer, rig, stream_answer
from vaultbind.kube.client import KubeClient
from vaultbind.kube.error_mapping import Call
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.exchange import LARGE_BODY, Request
from vaultbind.kube.resources import LEASES, NAMESPACES, SECRETS, VAULT_BINDINGS
from vaultbind.kube.session import open_connection
from vaultbind.kube.tokens import NoToken, fixed_token
from vaultbind.kube.wire import LONGEST_WAIT, decide_second_try


class Renewed(NoToken):
    """One token that is refused, then another."""

    value = "Bearer 1"

    async def authorization(self) -> str:
        return self.value

    async def renew(self, refused: str) -> bool:
        self.value = "Bearer 2"
        return refused == "Bearer 1"


OBJECT = {"kind": "Secret", "metadata": {"name": "db", "resourceVersion": "1"}}
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
SECRET_BODY = {"metadata": {"name": "db"}, "data": {"password": "aHVudGVyMg=="}}


async def test_get() -> None:
    async with rig(json_answer(OBJECT)) as it:
        assert await it.client.get(SECRETS, "shop", "db") == OBJECT

        [seen] = it.stub.seen
        assert (seen.method, seen.path) == ("GET", "/api/v1/namespaces/shop/secrets/db")
        assert seen.headers["Accept"] == "application/json"
        assert seen.headers["User-Agent"].startswith("vaultbind/")
        assert it.counter.requests == [("get", "secrets", 200)]


async def test_get_metadata_asks_for_nothing_else() -> None:
    async with rig(json_answer(OBJECT)) as it:
        await it.client.get_metadata(NAMESPACES, "", "shop")

        assert it.stub.seen[0].path == "/api/v1/namespaces/shop"
        assert it.stub.seen[0].headers["Accept"] == METADATA


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        pytest.param({}, {}, id="plain"),
        pytest.param(
            {"label_selector": "a=b,c in (d,e)", "limit": 500, "resource_version": "0"},
            {"labelSelector": "a=b,c in (d,e)", "limit": "500", "resourceVersion": "0"},
            id="all",
        ),
        pytest.param(
            {"continue_": "t&k=n", "limit": 5, "resource_version": "0"},
            {"continue": "t&k=n", "limit": "5"},
            id="a continued list names no version",
        ),
    ],
)
async def test_list(arguments: dict[str, Any], query: dict[str, str]) -> None:
    async with rig(json_answer({"items": []})) as it:
        assert await it.client.list(SECRETS, "shop", **arguments) == {"items": []}
        await it.client.list_metadata(SECRETS, **arguments)

        full, short = it.stub.seen
        assert (full.path, full.query) == ("/api/v1/namespaces/shop/secrets", query)
        assert (short.path, short.query) == ("/api/v1/secrets", query)
        assert full.headers["Accept"] == "application/json"
        assert short.headers["Accept"] == METADATA.replace("Metadata", "MetadataList")
        assert it.counter.requests == [("list", "secrets", 200)] * 2


async def test_create() -> None:
    async with rig(json_answer(OBJECT, 201)) as it:
        assert await it.client.create(SECRETS, "shop", SECRET_BODY) == OBJECT

        [seen] = it.stub.seen
        assert (seen.method, seen.path) == ("POST", "/api/v1/namespaces/shop/secrets")
        assert seen.query == {"fieldManager": "vaultbind"}
        assert (seen.headers["Content-Type"], seen.headers["Accept"]) == ("application/json",) * 2
        assert orjson.loads(seen.body) == SECRET_BODY


WRITES: dict[str, Callable[[KubeClient], Awaitable[Any]]] = {
    "create": lambda client: client.create(SECRETS, "shop", SECRET_BODY),
    "patch": lambda client: client.merge_patch(VAULT_BINDINGS, "shop", "db", {}, subresource="status"),
    "delete": lambda client: client.delete(SECRETS, "shop", "db"),
}


@pytest.mark.parametrize("is_proxy", [False, True])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_who_does_not_lead_any_more_writes_nothing(
    write: Callable[[KubeClient], Awaitable[Any]], *, is_proxy: bool
) -> None:
    """Woken up from a pause, it holds versions that may still be current."""
    async with rig(json_answer(OBJECT), json_answer(OBJECT), is_proxy=is_proxy) as it:
        it.client.may_write = lambda: False
        with pytest.raises(KubeError, match="does not lead any more") as failed:
            await write(it.client)
        assert failed.value.kind is KubeErrorKind.CONFLICT
        assert it.stub.seen == []
        assert it.counter.requests == []
        await it.client.get(SECRETS, "shop", "db")
        await it.client.merge_patch(LEASES, "ops", "vaultbind", {})
        assert [seen.method for seen in it.stub.seen] == ["GET", "PATCH"]


async def test_a_write_that_waited_until_another_leads_is_not_sent() -> None:
    """More may be under way than there are connections, and a pause of the process hits them all."""
    asked, gate = asyncio.Event(), asyncio.Event()
    leads = True

    async def answer(_: web.Request) -> web.StreamResponse:
        asked.set()
        await gate.wait()
        return web.json_response(OBJECT)

    async with rig(answer, pool_limit=1) as it:
        it.client.may_write = lambda: leads
        first = asyncio.create_task(it.client.get(SECRETS, "shop", "db"))
        await asked.wait()
        second = asyncio.create_task(it.client.create(SECRETS, "shop", SECRET_BODY))
        await asyncio.sleep(0)
        leads = False
        gate.set()
        assert await first == OBJECT
        with pytest.raises(KubeError, match="does not lead any more"):
            await second
        assert await it.client.get(SECRETS, "shop", "db") == OBJECT, "the connection is used on"
        assert [seen.method for seen in it.stub.seen] == ["GET", "GET"]


@pytest.mark.parametrize("is_proxy", [False, True])
async def test_a_write_that_waited_for_its_token_until_another_leads_is_not_sent(*, is_proxy: bool) -> None:
    leads = True

    class Late(NoToken):
        async def authorization(self) -> str:
            nonlocal leads
            leads = False
            return "Bearer 1"

    async with rig(json_answer(OBJECT), tokens=Late(), is_proxy=is_proxy) as it:
        it.client.may_write = lambda: leads
        with pytest.raises(KubeError, match="does not lead any more"):
            await it.client.create(SECRETS, "shop", SECRET_BODY)
        assert it.stub.seen == []
        assert await it.client.get(SECRETS, "shop", "db") == OBJECT


@pytest.mark.parametrize("is_proxy", [False, True])
@pytest.mark.parametrize("refusal", [429, 401])
async def test_a_write_is_not_sent_again_once_another_may_lead(refusal: int, *, is_proxy: bool) -> None:
    reason = json_answer({"reason": "no"}, refusal, **{"Retry-After": "1"})
    async with rig(reason, json_answer(OBJECT), tokens=Renewed(), is_proxy=is_proxy) as it:
        it.client.may_write = lambda: not it.stub.seen
        with pytest.raises(KubeError, match="does not lead any more"):
            await it.client.create(SECRETS, "shop", SECRET_BODY)
        assert len(it.stub.seen) == 1


async def test_merge_patch_of_status() -> None:
    async with rig(json_answer(OBJECT)) as it:
        await it.client.merge_patch(
            VAULT_BINDINGS, "shop", "db", {"status": {"x": None}}, subresource="status", field_manager="me"
        )

        [seen] = it.stub.seen
        assert seen.method == "PATCH"
        assert seen.path == "/apis/vaultbind.dev/v1alpha1/namespaces/shop/vaultbindings/db/status"
        assert seen.query == {"fieldManager": "me"}
        assert seen.headers["Content-Type"] == "application/merge-patch+json"
        assert seen.body == b'{"status":{"x":null}}'
        assert it.counter.requests == [("patch", "vaultbindings/status", 200)]


async def test_dry_runs_and_metadata_only_answers_are_asked_for() -> None:
    async with rig(json_answer(OBJECT)) as it:
        await it.client.create(SECRETS, "shop", {}, dry_run=True, metadata_only=True)
        await it.client.merge_patch(SECRETS, "shop", "db", {}, dry_run=True, metadata_only=True)

        for seen in it.stub.seen:
            assert seen.query == {"fieldManager": "vaultbind", "dryRun": "All"}
            assert seen.headers["Accept"] == METADATA


@pytest.mark.parametrize(
    ("guards", "preconditions"),
    [
        pytest.param({}, {}, id="none"),
        pytest.param({"uid": "u"}, {"uid": "u"}, id="uid"),
        pytest.param(
            {"uid": "u", "resource_version": "7"}, {"uid": "u", "resourceVersion": "7"}, id="uid and version"
        ),
    ],
)
async def test_delete(guards: dict[str, str], preconditions: dict[str, str]) -> None:
    async with rig(json_answer({"kind": "Status"})) as it:
        await it.client.delete(SECRETS, "shop", "db", **guards)

        [seen] = it.stub.seen
        assert (seen.method, seen.path) == ("DELETE", "/api/v1/namespaces/shop/secrets/db")
        options = orjson.loads(seen.body)
        assert options["preconditions"] == preconditions
        assert options["propagationPolicy"] == "Background"


async def test_an_error_shows_no_value_in_any_way() -> None:
    refusal = {"reason": "Invalid", "message": "data.password: aHVudGVyMg== is bad"}
    async with rig(json_answer(refusal, 422)) as it:
        with pytest.raises(KubeError) as caught:
            await it.client.create(SECRETS, "shop", SECRET_BODY)

        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert "aHVudGVyMg" not in shown
        assert caught.value.kind is KubeErrorKind.INVALID
        assert it.counter.requests == [("create", "secrets", 422)]


THROTTLED = json_answer({"reason": "TooManyRequests"}, 429, **{"Retry-After": "1"})
THROTTLED_LONG = json_answer({"reason": "TooManyRequests"}, 429, **{"Retry-After": "60"})


async def test_a_short_throttling_is_waited_for_once() -> None:
    async with rig(THROTTLED, json_answer(OBJECT)) as it:
        assert await it.client.create(SECRETS, "shop", SECRET_BODY) == OBJECT

        assert [seen.body for seen in it.stub.seen] == [orjson.dumps(SECRET_BODY)] * 2
        assert len(it.pauses) == 1
        assert 1.0 <= it.pauses[0] <= 1.25
        assert [status for _, _, status in it.counter.requests] == [429, 200]


async def test_a_second_throttling_goes_to_the_caller() -> None:
    async with rig(THROTTLED) as it:
        with pytest.raises(KubeError) as caught:
            await it.client.get(SECRETS, "shop", "db")

        assert (caught.value.kind, caught.value.retry_after) == (KubeErrorKind.THROTTLED, 1.0)
        assert len(it.stub.seen) == 2


async def test_a_long_throttling_goes_to_the_caller_at_once() -> None:
    async with rig(THROTTLED_LONG) as it:
        with pytest.raises(KubeError) as caught:
            await it.client.get(SECRETS, "shop", "db")

        assert caught.value.retry_after == 60.0
        assert (len(it.stub.seen), it.pauses) == (1, [])


@pytest.mark.parametrize(
    ("verb", "kind", "retry_after", "delay"),
    [
        pytest.param("create", KubeErrorKind.THROTTLED, None, 1.0, id="throttled without a word"),
        pytest.param("create", KubeErrorKind.THROTTLED, LONGEST_WAIT, LONGEST_WAIT, id="throttled shortly"),
        pytest.param("get", KubeErrorKind.THROTTLED, LONGEST_WAIT + 0.1, None, id="throttled too long"),
        pytest.param("get", KubeErrorKind.UNREACHABLE, None, 0.0, id="broken read"),
        pytest.param("list", KubeErrorKind.UNREACHABLE, None, 0.0, id="broken list"),
        pytest.param("create", KubeErrorKind.UNREACHABLE, None, None, id="broken create"),
        pytest.param("patch", KubeErrorKind.UNREACHABLE, None, None, id="broken patch"),
        pytest.param("delete", KubeErrorKind.UNREACHABLE, None, None, id="broken delete"),
        pytest.param("get", KubeErrorKind.SERVER_ERROR, 1.0, None, id="server error"),
        pytest.param("get", KubeErrorKind.TIMEOUT, None, None, id="timeout"),
    ],
)
def test_second_tries(verb: str, kind: KubeErrorKind, retry_after: float | None, delay: float | None) -> None:
    assert delay == decide_second_try(verb, KubeError(kind, "x", retry_after=retry_after))


async def test_a_broken_read_is_repeated_and_a_broken_write_is_not() -> None:
    async with rig(cut_answer(), cut_answer(), json_answer(OBJECT)) as it:
        with pytest.raises(KubeError) as caught:
            await it.client.merge_patch(SECRETS, "shop", "db", {})
        assert caught.value.kind is KubeErrorKind.UNREACHABLE
        assert len(it.stub.seen) == 1
        assert await it.client.get(SECRETS, "shop", "db") == OBJECT

        assert it.counter.requests[0] == ("patch", "secrets", 0)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'"x"'])
async def test_a_success_must_be_a_json_object(body: bytes) -> None:
    async with rig(raw_answer(body)) as it:
        with pytest.raises(KubeError) as caught:
            await it.client.get(SECRETS, "shop", "db")

        assert caught.value.kind is KubeErrorKind.SERVER_ERROR


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_that_is_too_large_is_not_read(status: int) -> None:
    """Nor asked for again."""
    async with rig(raw_answer(b" " * 5000, status), largest=1000) as it:
        with pytest.raises(KubeError, match="db: the answer is too large, more than 1,000 bytes") as caught:
            await it.client.get(SECRETS, "shop", "db")

        assert caught.value.kind is KubeErrorKind.SERVER_ERROR
        assert len(it.stub.seen) == 1


async def test_an_answer_through_a_proxy_that_is_too_large_is_not_read() -> None:
    stub = ApiStub(answers=[raw_answer(b" " * 5000)])
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", stub.handle)
    async with TestServer(app) as proxy:
        connection = open_connection(
            server="http://api.example", tokens=NoToken(), proxy=str(proxy.make_url("")), largest=1000
        )
        async with KubeClient(connection) as client:
            with pytest.raises(KubeError, match="too large"):
                await client.get(SECRETS, "shop", "db")


async def test_an_answer_that_a_proxy_has_compressed_unasked_is_unpacked() -> None:
    packed = gzip.compress(orjson.dumps(OBJECT))

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with rig(answer) as it:
        assert await it.client.get(SECRETS, "shop", "db") == OBJECT
        assert "Accept-Encoding" not in it.stub.seen[0].headers


async def test_a_redirect_is_not_followed() -> None:
    async with rig(json_answer(OBJECT, 302, Location="http://127.0.0.1:1/")) as it:
        with pytest.raises(KubeError) as caught:
            await it.client.get(SECRETS, "shop", "db")

        assert (caught.value.kind, caught.value.status) == (KubeErrorKind.SERVER_ERROR, 302)
        assert len(it.stub.seen) == 1


async def test_silence_is_a_timeout() -> None:
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    async with rig(stream_answer(then=wait), request_timeout=0.05) as it:
        with pytest.raises(KubeError) as caught:
            await it.client.get(SECRETS, "shop", "db")
        release.set()

        assert caught.value.kind is KubeErrorKind.TIMEOUT


async def test_a_server_that_is_not_there() -> None:
    async with rig(json_answer({})) as it:
        gone = it.client
    with pytest.raises(KubeError) as caught:
        await gone.get(SECRETS, "shop", "db")

    assert caught.value.kind is KubeErrorKind.UNREACHABLE
    assert "closed" in str(caught.value)


EVENT = b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n'


async def test_watch_gives_events_as_they_come() -> None:
    async with rig(stream_answer(EVENT[:10], EVENT[10:] + EVENT)) as it:
        opened = it.client.watch(
            SECRETS, "shop", label_selector="a=b", resource_version="7", timeout=290.9, silence=60
        )
        async with opened as events:
            names = [event["object"]["metadata"]["name"] async for event in events]

        assert names == ["a", "a"]
        [seen] = it.stub.seen
        assert seen.path == "/api/v1/namespaces/shop/secrets"
        assert seen.query == {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": "290",
            "resourceVersion": "7",
            "labelSelector": "a=b",
        }
        assert seen.headers["Accept"] == METADATA
        assert it.counter.requests == [("watch", "secrets", 200)]


async def test_watch_refused() -> None:
    async with rig(json_answer({"reason": "Expired"}, 410)) as it:
        with pytest.raises(KubeError) as caught:
            async with it.client.watch(SECRETS, resource_version="1", timeout=1, silence=60):
                pytest.fail("a refused watch was opened")

        assert caught.value.kind is KubeErrorKind.GONE


async def test_a_silent_watch_times_out() -> None:
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    async with rig(stream_answer(EVENT, then=wait)) as it:
        got = []
        with pytest.raises(KubeError) as caught:
            async with it.client.watch(SECRETS, resource_version="1", timeout=1, silence=0.05) as events:
                got += [event async for event in events]
        release.set()

        assert caught.value.kind is KubeErrorKind.TIMEOUT
        assert caught.value.status == 0


async def test_what_the_reader_of_a_watch_raises_is_its_own() -> None:
    async def read(it: Rig) -> None:
        async with it.client.watch(SECRETS, resource_version="1", timeout=1, silence=60) as events:
            async for _ in events:
                raise OSError("mine")

    async with rig(stream_answer(EVENT)) as it:
        with pytest.raises(OSError, match="mine"):
            await read(it)


async def test_server_and_session_are_there_for_kopf() -> None:
    async with rig(json_answer(OBJECT)) as it:
        async with it.client.connection.open_session() as session:
            async with session.get(f"{it.client.server}/x") as response:
                assert await response.json() == OBJECT
            async with session.patch(f"{it.client.server}/x", json={"a": 1}) as response:
                await response.read()

        assert it.stub.seen[1].body == b'{"a":1}'
        assert await it.client.get(SECRETS, "a", "b") == OBJECT  # Kopf's session is closed, ours works
        assert not it.client.session.closed


async def test_a_proxy_is_asked_where_the_kubeconfig_names_one() -> None:
    """With plain HTTP a proxy gets the whole address, and answers here itself."""
    stub = ApiStub(answers=[json_answer(OBJECT), json_answer({"reason": "Forbidden"}, 403)])
    app = web.Application(client_max_size=2**22)
    app.router.add_route("*", "/{tail:.*}", stub.handle)
    async with TestServer(app) as proxy:
        connection = open_connection(
            server="http://api.example:8080/k8s",
            tokens=fixed_token("Bearer t"),
            proxy=str(proxy.make_url("")),
        )
        async with KubeClient(connection) as client:
            large = {"data": {"a": "x" * (LARGE_BODY + 1)}}
            assert await client.create(SECRETS, "shop", large) == OBJECT
            with pytest.raises(KubeError, match="forbidden"):
                await client.get(SECRETS, "shop", "db")

    assert orjson.loads(stub.seen[0].body) == large
    assert [(seen.method, seen.path, seen.headers["Host"]) for seen in stub.seen] == [
        ("POST", "http://api.example:8080/k8s/api/v1/namespaces/shop/secrets", "api.example:8080"),
        ("GET", "http://api.example:8080/k8s/api/v1/namespaces/shop/secrets/db", "api.example:8080"),
    ]
    assert {seen.headers["Authorization"] for seen in stub.seen} == {"Bearer t"}


async def test_a_server_below_a_path_and_a_token_that_is_renewed() -> None:
    async with rig(json_answer({}, 401), json_answer(OBJECT), tokens=Renewed()) as it:
        connection = open_connection(server=f"{it.client.server}/k8s/", tokens=Renewed())
        async with KubeClient(connection) as client:
            assert await client.get(SECRETS, "shop", "db") == OBJECT

        assert [seen.path for seen in it.stub.seen] == ["/k8s/api/v1/namespaces/shop/secrets/db"] * 2
        assert [seen.headers["Authorization"] for seen in it.stub.seen] == ["Bearer 1", "Bearer 2"]


def test_a_request_shows_no_body() -> None:
    call = Call(verb="create", resource=SECRETS, namespace="shop", name="db")
    request = Request(call=call, method="POST", target="/x", headers={}, body=b"aHVudGVyMg==")

    assert repr(request) == "Request(create secrets shop/db)"
