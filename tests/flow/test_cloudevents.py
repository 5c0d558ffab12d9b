"""The CloudEvents sink is told of everything at least once, whatever becomes of it and of us."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.flow.sinks import Sink, start_sink
from tests.flow.test_expiry import judge
from tests.flow.test_keyvaults import DATA
from tests.flow.world import World, stamp
from vaultbind.expiry.outlets import OutletSettings
from vaultbind.expiry.sink import parse_sink
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS

DAY = timedelta(days=1)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with start_sink() as sink:
        yield sink


@pytest.fixture
async def telling(quiet_world: World, sink: Sink) -> World:
    """A world whose operator tells the sink."""
    quiet_world.settings = replace(quiet_world.settings, outlets=OutletSettings(sink=parse_sink(sink.url)))
    await quiet_world.start_operator()
    return quiet_world


def versions_of(world: World, kind: str, name: str) -> tuple[str, ...]:
    """Of an object in the vault, the oldest first."""
    found = sorted(
        world.vault.vault.versions(Kind(f"{kind}s"), name), key=lambda item: item.attributes.created
    )
    return tuple(item.version for item in found)


async def sent_until(world: World) -> str | None:
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    until: str | None = status.get("eventsSentUntil")
    return until


async def sent(world: World) -> None:
    """Wait until nothing waits for the sink, and the status says so."""
    await world.until(lambda: world.life.ask(lambda: not len(world.life.operator.outlets.outbox or ())))
    await world.settled()


async def test_a_year_of_a_secret(telling: World, sink: Sink) -> None:
    world = telling
    end = world.clock.now() + 31 * DAY
    world.seed.set_secret("a", "hunter2", expires=end)
    await world.connect(refreshInterval="365d")
    await world.bind("app", data=DATA)
    await world.ready("app")
    await sent(world)
    assert sink.types() == []
    assert await sent_until(world) is not None, "from now on a restart can tell what was missed"
    for days in (2, 22.5, 6, 1, 30):
        world.clock.offset += days * 86_400
        await judge(world)
        await sent(world)
    near = ["secret.nearexpiry secrets/a"]
    assert sink.types() == [*near, *near, *near, "secret.expired secrets/a"]
    first = sink.events[0]
    host = world.emulator.vault_url("shop").removeprefix("https://")
    assert first == {
        "specversion": "1.0",
        "id": first["id"],
        "source": f"https://{host}",
        "type": "vaultbind.dev.secret.nearexpiry",
        "subject": "secrets/a",
        "time": first["time"],
        "datacontenttype": "application/json",
        "data": {
            "keyVault": {"kind": "ClusterKeyVault", "name": world.vault_name},
            "vault": host,
            "kind": "secret",
            "name": "a",
            "expires": stamp(end),
            "threshold": "30d",
            "daysUntilExpiry": 28,
        },
    }
    assert [event["data"].get("threshold") for event in sink.events] == ["30d", "7d", "1d", None]
    assert len({event["id"] for event in sink.events}) == 4
    assert all(r["Content-Type"] == "application/cloudevents+json; charset=utf-8" for r in sink.requests)
    assert "hunter2" not in repr((sink.events, sink.requests))


async def test_renewals_name_both_versions(telling: World, sink: Sink) -> None:
    """Of a secret, a key and a certificate; each takes one list of versions, and one in a day."""
    world = telling
    world.seed.set_secret("a", "1")
    world.seed.create_key("k")
    world.seed.issue_certificate("web", ["shop.example"])
    await world.connect(expiry={"scope": "All"})
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    await sent(world)
    world.clock.offset += 60
    world.vault.set_secret("a", "2")
    world.vault.create_key("k")
    world.vault.issue_certificate("web", ["shop.example"])
    await world.next_look()
    await sent(world)
    assert sorted(sink.types()) == [
        "certificate.renewed certificates/web",
        "key.rotated keys/k",
        "secret.rotated secrets/a",
    ]
    for event in sink.events:
        data = event["data"]
        assert (data["previousVersion"], data["version"]) == versions_of(world, data["kind"], data["name"])
    await world.mark()
    world.clock.offset += 60
    world.vault.set_secret("a", "3")
    await world.next_look()
    await sent(world)
    assert sink.types()[3:] == ["secret.rotated secrets/a"]
    assert "version" not in sink.events[3]["data"], "the versions were listed today"
    assert not [line for line in (await world.spent()).vault if "ersion" in line]


async def test_a_sink_that_fails_is_told_later(telling: World, sink: Sink) -> None:
    """Also by the next process, which learns from the status that something is missing."""
    world = telling
    world.seed.set_secret("a", "1", expires=world.clock.now() + 31 * DAY)
    await world.connect(refreshInterval="365d")
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    before = await sent_until(world)
    sink.status = 503
    world.clock.offset += 2 * 86_400
    await judge(world)
    await world.until(lambda: sink.attempts >= 2)
    assert await sent_until(world) == before
    await world.restart()
    attempts = sink.attempts
    await world.until(lambda: sink.attempts > attempts)
    assert sink.types() == []
    sink.status = 204
    await sent(world)
    assert sink.types() == ["secret.nearexpiry secrets/a"]
    assert await sent_until(world) != before
    await world.restart()
    await judge(world)
    await sent(world)
    assert len(sink.events) == 1, "a restart tells nothing again"


async def test_what_happened_while_nobody_ran(telling: World, sink: Sink) -> None:
    """A renewal is told with its versions; an object that is only new is not told as renewed."""
    world = telling
    world.seed.set_secret("a", "1")
    await world.connect(expiry={"scope": "All"})
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    assert await sent_until(world) is not None

    def happen() -> None:
        world.clock.offset += 3600
        world.vault.set_secret("a", "2")
        world.vault.set_secret("fresh", "1")
        world.clock.offset += 3600

    await world.restart(happen)
    await judge(world)
    await sent(world)
    assert sink.types() == ["secret.rotated secrets/a"]
    previous, current = versions_of(world, "secret", "a")
    assert sink.events[0]["data"]["previousVersion"] == previous
    assert sink.events[0]["data"]["version"] == current


async def test_a_keyvault_that_leads_elsewhere_begins_anew(telling: World, sink: Sink) -> None:
    """What is of the same name there was not renewed; what ends there is told, whatever was told before."""
    world, now = telling, telling.clock.now()
    world.seed.set_secret("a", "1", expires=now + 3 * DAY)
    world.seed.set_secret("b", "1")
    there = VaultDriver(world.emulator.estate.vault("other"), lambda: now - 2 * DAY)
    there.set_secret("a", "2", expires=now + 3 * DAY)
    await world.connect(expiry={"scope": "All"})
    await judge(world)
    await sent(world)
    there.set_secret("b", "2")
    url = world.emulator.vault_url("other")
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"url": url}})
    await world.until(lambda: len(sink.types()) > 1)
    await sent(world)
    await world.restart()
    await judge(world)
    await sent(world)
    assert sink.types() == ["secret.nearexpiry secrets/a"] * 2
    assert [event["source"] for event in sink.events] == [world.emulator.vault_url("shop"), url]


async def test_an_event_that_is_refused_holds_up_no_other(telling: World, sink: Sink) -> None:
    world = telling
    sink.status = 400
    world.seed.set_secret("a", "1", expires=world.clock.now() + DAY / 2)
    await world.connect(refreshInterval="365d")
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    await sent(world)
    assert sink.attempts == 1
    sink.status = 204
    world.clock.offset += 86_400
    await judge(world)
    await sent(world)
    assert sink.types() == ["secret.expired secrets/a"]
    body, _ = await world.life.ask(world.life.operator.metrics.render)
    counted = [line for line in body.decode().splitlines() if line.startswith("vaultbind_cloudevents_total")]
    assert sorted(counted) == [
        'vaultbind_cloudevents_total{outcome="delivered",type="vaultbind.dev.secret.expired"} 1.0',
        'vaultbind_cloudevents_total{outcome="refused",type="vaultbind.dev.secret.nearexpiry"} 1.0',
    ]


async def test_without_a_sink_nothing_is_noted(world: World) -> None:
    world.seed.set_secret("a", "1", expires=world.clock.now() + DAY)
    await world.connect(refreshInterval="365d")
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    assert await sent_until(world) is None
