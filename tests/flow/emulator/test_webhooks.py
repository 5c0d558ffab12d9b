"""Events on the wire: pushed to a webhook after its handshake, pulled as from a namespace topic."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from vaultbind.emulator import Emulator

Answer = Callable[["Hook", web.BaseRequest, Any], web.Response]


def agree(hook: "Hook", request: web.BaseRequest, content: Any) -> web.Response:
    """What an endpoint answers that wants events."""
    if request.method == "OPTIONS":
        origin = request.headers["WebHook-Request-Origin"]
        return web.Response(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})
    if request.headers["aeg-event-type"] == "SubscriptionValidation":
        return web.json_response({"validationResponse": content[0]["data"]["validationCode"]})
    return web.Response()


class Hook:
    """A webhook that notes what it gets."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.url = ""
        self.requests: list[tuple[str, Mapping[str, str], Any]] = []
        self._changed = asyncio.Condition()

    async def serve(self, request: web.BaseRequest) -> web.Response:
        content = await request.json() if request.method == "POST" else None
        response = self.answer(self, request, content)
        async with self._changed:
            self.requests.append((request.method, request.headers.copy(), content))
            self._changed.notify_all()
        return response

    async def until(self, count: int) -> None:
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: len(self.requests) >= count), 60)


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[Hook]:
    hook = Hook(answer)
    runner = web.ServerRunner(web.Server(hook.serve))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield hook
    finally:
        await runner.cleanup()


Call = Callable[..., Awaitable[Any]]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator.start() as running:
        yield running


@pytest.fixture
async def call(emulator: Emulator) -> AsyncIterator[Call]:
    context = ssl.create_default_context(cadata=emulator.ca_pem)
    async with aiohttp.ClientSession(emulator.url, connector=aiohttp.TCPConnector(ssl=context)) as session:

        async def send(method: str, path: str, content: Any = None) -> Any:
            headers = {"Authorization": "SharedAccessKey any"}
            async with session.request(method, path, json=content, headers=headers) as response:
                assert response.status < 300, await response.text()
                return await response.json()

        yield send


async def subscribed(call: Call, hook: Hook, **more: Any) -> None:
    await call("POST", "/_vaultbind/subscriptions", {"name": "hook", "endpoint": hook.url, **more})
    await hook.until(1)
    await until(call, lambda row: row["state"] != "pending")


async def until(call: Call, fits: Callable[[Any], bool]) -> None:
    """Ask how the subscription stands until it fits."""
    async with asyncio.timeout(60):
        while not fits(await state(call)):
            pass


async def state(call: Call) -> Any:
    (row,) = await call("GET", "/_vaultbind/subscriptions")
    return row


async def test_cloud_events_follow_the_handshake_by_options(emulator: Emulator, call: Call) -> None:
    async with listening(agree) as hook:
        await subscribed(call, hook)
        record = emulator.driver("shop").set_secret(
            "db", "geheim", expires=datetime.now(UTC) + timedelta(days=90)
        )
        await hook.until(2)
        await call("POST", "/_vaultbind/time", {"advance": "61d"})
        await call("POST", "/_vaultbind/time", {"advance": "30d"})
        await hook.until(4)
    assert hook.requests[0][0] == "OPTIONS"
    assert hook.requests[0][1]["WebHook-Request-Origin"] == "eventgrid.azure.net"
    _, headers, created = hook.requests[1]
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert headers["aeg-event-type"] == "Notification"
    assert created["specversion"] == "1.0"
    assert created["data"]["Id"] == f"{emulator.vault_url('shop')}/secrets/db/{record.version}"
    assert {content["type"] for _, _, content in hook.requests[1:]} == {
        "Microsoft.KeyVault.SecretNewVersionCreated",
        "Microsoft.KeyVault.SecretNearExpiry",
        "Microsoft.KeyVault.SecretExpired",
    }
    assert "geheim" not in str(hook.requests)


async def test_the_event_grid_schema_is_validated_by_its_code(emulator: Emulator, call: Call) -> None:
    async with listening(agree) as hook:
        await subscribed(call, hook, schema="eventgrid")
        emulator.driver("shop").set_secret("db", "x")
        await hook.until(2)
    assert hook.requests[0][1]["aeg-event-type"] == "SubscriptionValidation"
    (event,) = hook.requests[1][2]
    assert (event["eventType"], event["subject"]) == ("Microsoft.KeyVault.SecretNewVersionCreated", "db")


async def test_the_validation_address_can_be_opened_instead(emulator: Emulator, call: Call) -> None:
    def silent(hook: Hook, request: web.BaseRequest, content: Any) -> web.Response:
        return web.Response()

    async with listening(silent) as hook:
        body = {"name": "hook", "endpoint": hook.url, "schema": "eventgrid"}
        await call("POST", "/_vaultbind/subscriptions", body)
        await hook.until(1)
        address = hook.requests[0][2][0]["data"]["validationUrl"]
        assert address.startswith(f"{emulator.url}/_vaultbind/validate?")
        assert (await state(call))["state"] == "pending"
        await call("GET", address.removeprefix(emulator.url))
        emulator.driver("shop").set_secret("db", "x")
        await hook.until(2)
        assert (await state(call))["state"] == "active"


@pytest.mark.parametrize("schema", ["cloudevents", "eventgrid"])
async def test_an_endpoint_that_does_not_agree_gets_nothing(
    emulator: Emulator, call: Call, schema: str
) -> None:
    def refuse(hook: Hook, request: web.BaseRequest, content: Any) -> web.Response:
        return web.Response(status=404)

    async with listening(refuse) as hook:
        await subscribed(call, hook, schema=schema)
        row = await state(call)
        assert (row["state"], "404" in row["problem"]) == ("failed", True)
        emulator.driver("shop").set_secret("db", "x")
        assert (await state(call))["waiting"] == 0


async def test_an_endpoint_that_is_not_there_is_told(call: Call) -> None:
    async with listening(agree) as hook:
        pass
    await call("POST", "/_vaultbind/subscriptions", {"name": "hook", "endpoint": hook.url})
    await until(call, lambda row: row["state"] != "pending")
    assert "no answer" in (await state(call))["problem"]


async def test_what_is_not_taken_comes_again_when_time_moves(emulator: Emulator, call: Call) -> None:
    def busy(hook: Hook, request: web.BaseRequest, content: Any) -> web.Response:
        response = agree(hook, request, content)
        return web.Response(status=503) if 1 <= len(hook.requests) <= 2 else response

    async with listening(busy) as hook:
        await subscribed(call, hook)
        emulator.driver("shop").set_secret("db", "x")
        await hook.until(2)
        await call("POST", "/_vaultbind/time", {"advance": "11s"})
        await hook.until(3)
        await call("POST", "/_vaultbind/time", {"advance": "31s"})
        await hook.until(4)
        await until(call, lambda row: row["delivered"] == 1)
    assert [headers["aeg-delivery-count"] for _, headers, _ in hook.requests[1:]] == ["0", "1", "2"]
    assert len({content["id"] for _, _, content in hook.requests[1:]}) == 1


async def test_events_are_pulled_and_a_receiver_may_wait_for_them(emulator: Emulator, call: Call) -> None:
    await call("POST", "/_vaultbind/subscriptions", {"name": "mine"})
    path = "/topics/keyvault/eventsubscriptions/mine"
    waiting = asyncio.ensure_future(call("POST", f"{path}:receive?maxEvents=5&maxWaitTime=10"))
    for _ in range(3):
        assert (await state(call))["waiting"] == 0
    assert not waiting.done()
    emulator.driver("shop").set_secret("db", "x")
    (item,) = (await waiting)["value"]
    assert item["event"]["subject"] == "db"
    answer = await call(
        "POST", f"{path}:acknowledge", {"lockTokens": [item["brokerProperties"]["lockToken"]]}
    )
    assert answer["failedLockTokens"] == []
