"""Event Grid's events as hints: a change arrives at once; what is forged, repeated or odd costs nothing."""

import asyncio
import io
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.flow.test_keyvaults import DATA
from tests.flow.world import World
from vaultbind.engine.queue import Priority
from vaultbind.expiry.outlets import OutletSettings
from vaultbind.keyvault.simulation.faults import Fault
from vaultbind.vaults.events import PullSettings, WebhookSettings
from vaultbind.vaults.watcher import look_key

SECRET = "a-secret-of-the-senders"
LONG = {"refreshInterval": "365d"}


@pytest.fixture
async def hinted(quiet_world: World, tmp_path: Path) -> World:
    """A world with a webhook, and one binding in sync that no look would bring up to date."""
    world = quiet_world
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    webhook = WebhookSettings(host="127.0.0.1", port=0, secret_file=tmp_path / "secret")
    await begin(world, webhook)
    return world


async def begin(world: World, webhook: WebhookSettings) -> None:
    """Start the operator with this webhook, and bring one binding to rest."""
    world.settings = replace(world.settings, outlets=OutletSettings(webhook=webhook))
    await world.start_operator()
    await world.until(lambda: port(world) > 0)
    world.seed.set_secret("a", "1")
    await world.connect(**LONG)
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()


def port(world: World) -> int:
    webhook = world.life.operator.webhook
    assert webhook is not None
    return webhook.port


def url(world: World, code: str = SECRET) -> str:
    return f"http://127.0.0.1:{port(world)}/events?code={code}"


async def post(world: World, content: Any, *, code: str = SECRET, **headers: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url(world, code), json=content, headers=headers) as response,
    ):
        return response.status, await response.text()


def event(world: World, name: str = "a", number: str = "1", kind: str = "Secret") -> dict[str, Any]:
    return {
        "id": number,
        "specversion": "1.0",
        "type": f"Microsoft.KeyVault.{kind}NewVersionCreated",
        "source": "/subscriptions/s",
        "data": {"Id": f"{world.emulator.vault_url('shop')}/{kind.lower()}s/{name}/0123"},
    }


async def counted(world: World) -> dict[str, float]:
    body, _ = await world.life.ask(world.life.operator.metrics.render)
    lines = [line for line in body.decode().splitlines() if line.startswith("vaultbind_hints_total{")]
    return {line.partition('"')[2].partition('"')[0]: float(line.split()[-1]) for line in lines}


@pytest.fixture
async def control(hinted: World) -> AsyncIterator[aiohttp.ClientSession]:
    """The emulator's control paths."""
    context = ssl.create_default_context(cadata=hinted.emulator.ca_pem)
    async with aiohttp.ClientSession(
        hinted.emulator.url,
        connector=aiohttp.TCPConnector(ssl=context),
        headers={"Authorization": "SharedAccessKey any"},
    ) as session:
        yield session


@pytest.mark.parametrize("schema", ["cloudevents", "eventgrid"])
async def test_a_change_arrives_within_a_second(
    hinted: World, control: aiohttp.ClientSession, schema: str
) -> None:
    """After the handshake of either schema, by real pushes: 95 % of twenty changes within a second."""
    world = hinted
    subscription = {"name": "ours", "endpoint": url(world), "schema": schema}
    async with control.post("/_vaultbind/subscriptions", json=subscription) as response:
        assert response.status < 300

    async def is_active() -> bool:
        async with control.get("/_vaultbind/subscriptions") as answer:
            return [row["state"] for row in await answer.json()] == ["active"]

    await world.until(is_active)
    took = []
    for number in range(20):
        world.clock.offset += 10
        value = f"new {number}"
        started = time.monotonic()
        world.vault.set_secret("a", value)

        async def has_come(value: str = value) -> bool:
            return (await world.secret("app"))["a"] == value.encode()

        await world.until(has_come)
        took.append(time.monotonic() - started)
    assert sorted(took)[18] < 1.0, took
    gets = (await world.spent()).vault
    assert set(gets) == {"secrets.get a"}
    assert len(gets) <= 40, "what is younger than its time's resolution may be read twice"


async def test_an_event_for_who_does_not_follow_costs_nothing(hinted: World) -> None:
    world = hinted
    world.seed.set_secret("b", "1")
    await world.bind("once", data=[{"key": "b", "secret": {"name": "b"}}], refreshPolicy="Once")
    await world.ready("once")
    await world.mark()
    world.vault.set_secret("b", "new")
    assert (await post(world, event(world, "b")))[0] == 200
    assert (await world.spent()).vault == []
    assert await world.secret("once") == {"b": b"1"}
    assert await counted(world) == {"unknown": 1.0}


async def test_a_forged_or_repeated_event_costs_nothing(hinted: World) -> None:
    world = hinted
    assert await post(world, event(world), code="wrong") == (401, "")
    assert await post(world, event(world), code="") == (401, "")
    assert (await post(world, event(world, "unbound", "7")))[0] == 200
    other = event(world, number="8")
    other["data"]["Id"] = "https://other.vault.azure.net/secrets/a/0"
    assert (await post(world, [other]))[0] == 200
    assert (await world.spent()).vault == []
    for _ in range(5):
        assert (await post(world, event(world)))[0] == 200
    assert (await world.spent()).vault == ["secrets.get a"]
    assert await counted(world) == {"refused": 2.0, "unknown": 2.0, "taken": 1.0, "repeated": 4.0}
    assert (await world.spent()).writes == []


async def test_many_events_of_one_object_are_few_looks(hinted: World) -> None:
    """At most one in two seconds, and one after the last of them."""
    world = hinted
    assert (await post(world, [event(world, number=str(n)) for n in range(500)]))[0] == 200
    await world.settled()
    assert (await post(world, [event(world, number=str(n)) for n in range(500, 1000)]))[0] == 200
    world.vault.set_secret("a", "late")
    await world.advance(2)
    spent = await world.spent()
    assert [line for line in spent.vault if line == "secrets.get a"] == ["secrets.get a"] * 2
    assert await world.secret("app") == {"a": b"late"}


async def test_a_flood_of_hints_holds_up_no_look_and_no_new_binding(hinted: World) -> None:
    """Forged ones, each of another object, while gets are slow: a dozen at once, others in between."""
    world = hinted
    names = [f"n{number:02}" for number in range(60)]
    for name in [*names, "fresh"]:
        world.seed.set_secret(name, "1")
    await world.bind("many", data=[{"key": name, "secret": {"name": name}} for name in names])
    await world.ready("many")
    await world.calm()
    world.emulator.faults.add(Fault(path="/secrets/n*", delay=5.0))
    events = [event(world, name, f"{turn}-{name}") for turn in range(5) for name in names]
    assert (await post(world, events))[0] == 200
    await world.bind("new", data=[{"key": "a", "secret": {"name": "fresh"}}])
    operator = world.life.operator
    (session,) = operator.hub.sessions()
    await world.life.ask(lambda: operator.engine.add(look_key(session), Priority.ROUTINE))
    await world.until(lambda: "secrets.list" in asked(world) and "secrets.get fresh" in asked(world))
    assert len([line for line in asked(world) if line.startswith("secrets.get n")]) <= 24
    world.emulator.faults.clear()
    await world.ready("new")
    assert (await world.spent()).vault.count("secrets.get n07") == 1, "all are looked at in the end"


def asked(world: World) -> list[str]:
    """Requests that the vault has answered."""
    return [f"{entry.kind}.{entry.action} {entry.name}".strip() for entry in world.emulator.stats.recent()]


ODD: dict[str, Any] = {
    "no object": 5,
    "a list of odd things": [None, 1, "a", [], {}],
    "no data": {"id": "1", "type": "Microsoft.KeyVault.SecretNewVersionCreated"},
    "another type": {"id": "1", "type": "Microsoft.Storage.BlobCreated", "data": {"Id": "x"}},
    "an address that is none": {
        "id": "1",
        "type": "Microsoft.KeyVault.X",
        "data": {"Id": "https://[/secrets/a"},
    },
    "a path of its own": {"id": "1", "type": "Microsoft.KeyVault.X", "data": {"Id": "https://a/b/c"}},
    "numbers": {"id": 1, "type": "Microsoft.KeyVault.X", "data": {"Id": 2}},
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD.keys())
async def test_what_makes_no_sense_is_left_out(hinted: World, content: Any) -> None:
    assert (await post(hinted, content))[0] == 200
    assert await counted(hinted) == {}


async def test_handshakes_and_bounds(hinted: World) -> None:
    world = hinted
    ask = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    async with aiohttp.ClientSession() as session:
        async with session.options(url(world), headers=ask) as response:
            assert response.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
        async with session.options(url(world, "wrong"), headers=ask) as response:
            assert response.status == 401
        async with session.options(url(world), headers={"WebHook-Request-Origin": "evil"}) as response:
            assert response.status == 401
        async with session.post(url(world), data=io.BytesIO(b"x" * 1_100_000)) as response:
            assert response.status == 413
        async with session.post(url(world), data=b"{") as response:
            assert response.status == 400
        plain = url(world, "").partition("?")[0]
        async with session.post(plain, json=[], headers={"X-Vaultbind-Key": SECRET}) as response:
            assert response.status == 200
    validation = [{"id": "1", "data": {"validationCode": "abc"}}]
    kind = {"aeg-event-type": "SubscriptionValidation"}
    assert await post(world, validation, **kind) == (200, '{"validationResponse":"abc"}')
    assert (await post(world, validation, code="wrong", **kind))[0] == 401
    assert (await post(world, [{"data": 1}], **kind))[0] == 400


async def test_without_a_usable_secret_nobody_may_send(hinted: World) -> None:
    webhook = hinted.life.operator.webhook
    assert webhook is not None
    file = webhook._settings.secret_file
    assert file is not None
    file.write_text("short")
    assert (await post(hinted, [], code="short"))[0] == 401
    await asyncio.to_thread(file.unlink)
    assert (await post(hinted, [], code=""))[0] == 401


async def test_events_are_pulled_from_a_namespace_topic(
    quiet_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the SDK; a topic that fails for a while is asked again."""
    world = quiet_world
    ca, key = tmp_path / "ca.pem", tmp_path / "key"
    ca.write_text(world.emulator.ca_pem)
    key.write_text("any")
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    context = ssl.create_default_context(cadata=world.emulator.ca_pem)
    async with (
        aiohttp.ClientSession(
            world.emulator.url,
            connector=aiohttp.TCPConnector(ssl=context),
            headers={"Authorization": "SharedAccessKey any"},
        ) as session,
        session.post("/_vaultbind/subscriptions", json={"name": "ours"}) as response,
    ):
        assert response.status < 300
    pull = PullSettings(endpoint=world.emulator.url, topic="keyvault", subscription="ours", key_file=key)
    world.settings = replace(world.settings, outlets=OutletSettings(pull=pull))
    await world.start_operator()
    world.seed.set_secret("a", "1")
    await world.connect(**LONG)
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    world.vault.set_secret("a", "2")

    async def has_come() -> bool:
        return await world.secret("app") == {"a": b"2"}

    await world.until(has_come)
