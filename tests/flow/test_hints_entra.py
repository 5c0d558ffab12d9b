"""Events of senders who show a token of Entra: real keys of the emulator's tenant, and forged tokens."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.flow.test_hints import begin, counted, event, port
from tests.flow.world import World
from vaultbind.keyvault.simulation.tokens import SIMULATION, TENANT, Claims, TokenKey, issue_token
from vaultbind.vaults.bearer import EVENT_GRID, EntraSettings
from vaultbind.vaults.events import WebhookSettings

AUDIENCE = "api://vaultbind-events"
STRANGER = TokenKey(b"somebody else's, with the same name of the key")


@pytest.fixture
async def guarded(quiet_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose webhook takes tokens of the emulator's tenant and no secret."""
    world = quiet_world
    ca = tmp_path / "ca.pem"
    ca.write_text(world.emulator.ca_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    entra = EntraSettings(tenant=TENANT, audiences=(AUDIENCE,), authority=world.emulator.url)
    webhook = WebhookSettings(host="127.0.0.1", port=0, entra=entra)
    await begin(world, webhook)
    return world


def token(world: World, principal: str = EVENT_GRID, key: TokenKey = SIMULATION, **changed: Any) -> str:
    now = int(world.clock.now().timestamp())
    claims = Claims(**{"audience": AUDIENCE, "principal": principal, "expires": now + 3600, **changed})
    return issue_token(claims, issued=now, key=key)


async def ask(world: World, shown: str, content: Any = (), method: str = "POST") -> int:
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    headers["WebHook-Request-Origin"] = "eventgrid.azure.net"
    url = f"http://127.0.0.1:{port(world)}/events"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, json=content, headers=headers) as response,
    ):
        return response.status


def key_requests(world: World) -> int:
    """How often the tenant was asked for its keys."""
    return world.emulator.estate.log.count(operation="identity.discovery")


@pytest.mark.parametrize("schema", ["cloudevents", "eventgrid"])
async def test_a_change_arrives_by_pushes_with_a_token(guarded: World, schema: str) -> None:
    """Both handshakes, then a real push of the emulator as Event Grid's application."""
    world = guarded
    world.emulator.events.subscribe(
        {
            "name": "ours",
            "endpoint": f"http://127.0.0.1:{port(world)}/events",
            "schema": schema,
            "audience": AUDIENCE,
        }
    )
    await world.until(lambda: world.emulator.events.summarize()[0]["state"] == "active")
    world.vault.set_secret("a", "2")

    async def has_come() -> bool:
        return await world.secret("app") == {"a": b"2"}

    await world.until(has_come)
    assert (await counted(world)) == {"taken": 1.0}


async def test_the_keys_are_fetched_once_and_again_after_a_day(guarded: World) -> None:
    world = guarded
    assert key_requests(world) == 0, "nothing is fetched before it is needed"
    for _ in range(3):
        assert await ask(world, token(world)) == 200
    assert key_requests(world) == 1
    world.clock.offset += 24 * 3600
    assert await ask(world, token(world)) == 200
    assert key_requests(world) == 2


async def test_forged_tokens_cost_no_request(guarded: World) -> None:
    """Of another key, audience, application or time, and none at all."""
    world = guarded
    assert await ask(world, token(world)) == 200
    asked, now = key_requests(world), int(world.clock.now().timestamp())
    content = [event(world)]
    for shown in (
        "",
        "a.b.c",
        token(world, key=STRANGER),
        token(world, audience="https://vault.azure.net"),
        token(world, principal="11111111-2222-3333-4444-555555555555"),
        token(world, expires=now - 301),
        token(world, not_before=now + 400),
    ):
        assert await ask(world, shown, content) == 401
    assert await ask(world, "", method="OPTIONS") == 200, "a handshake gives nothing away"
    assert await ask(world, token(world, key=STRANGER), method="OPTIONS") == 401
    assert key_requests(world) == asked
    assert (await world.spent()).vault == []
    assert await counted(world) == {"refused": 8.0}


async def test_a_flood_of_unknown_keys_asks_the_tenant_once_a_minute(
    guarded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = guarded
    with monkeypatch.context() as patched:
        patched.setattr("vaultbind.keyvault.simulation.tokens.HEADER", {"alg": "ES256", "kid": "another"})
        forged = token(world)
    answers = [await ask(world, forged) for _ in range(20)]
    assert answers == [401] + [503] * 19, "who knows whether the tenant has a new key: send it again later"
    assert key_requests(world) == 1
    world.clock.offset += 60
    assert await ask(world, forged) == 401
    assert key_requests(world) == 2
