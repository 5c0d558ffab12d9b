"""Certificates are told by their own end, whatever their attribute says; a read a day at most shows it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.flow.sinks import Sink
from tests.flow.test_cloudevents import sent, sink, telling, versions_of
from tests.flow.test_expiry import DAY, condition, judge
from tests.flow.test_expiry_reads import counted
from tests.flow.test_keyvaults import vault_events
from tests.flow.world import World, stamp
from vaultbind.keyvault.simulation.faults import Fault
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS
from vaultbind.vaults.policy import VaultPolicy

__all__ = ["sink", "telling"]  # fixtures
LONG = {"refreshInterval": "365d"}
TLS = {"dataFrom": [{"tls": {"name": "web"}}], "target": {"type": "kubernetes.io/tls"}}
LEAF = {"data": [{"key": "crt", "certificate": {"name": "web", "include": "Leaf"}}]}


def issue(world: World, own: datetime, attribute: datetime | None, *, touched: bool = True) -> None:
    """A certificate `web` that ends at `own`, and whose attribute says something else."""
    world.seed.issue_certificate("web", ["shop.example"], expires=own)
    vault = world.vault.vault
    record = vault.certificates.get("web")
    attributes = replace(
        record.attributes,
        expires=None if attribute is None else int(attribute.timestamp()),
        updated=record.attributes.created + (60 if touched else 0),
    )
    vault.certificates._trio.change(record, attributes, record.tags)


async def gets(world: World) -> list[str]:
    """Reads of objects since the last time, without lists."""
    spent = await world.spent()
    return [line for line in spent.vault if ".list" not in line]


ATTRIBUTES: dict[str, tuple[int, int | None, int]] = {
    "the attribute is later": (5, 300, 5),
    "the attribute is earlier": (300, 5, 5),
    "there is no attribute": (5, None, 5),
    "both are near": (3, 5, 3),
}


@pytest.mark.parametrize(("own", "attribute", "ends"), ATTRIBUTES.values(), ids=ATTRIBUTES.keys())
async def test_the_earlier_end_is_told(world: World, own: int, attribute: int | None, ends: int) -> None:
    """Days of the certificate's own end and of its attribute; what is told is told once."""
    now = world.clock.now()
    issue(world, now + own * DAY, None if attribute is None else now + attribute * DAY)
    await world.connect(**LONG, expiry={"scope": "All", "warnBefore": ["7d"]})
    for _ in range(3):
        await judge(world)
    if own == 3:  # near its end by the attribute: its pending operation has the first day
        assert (await counted(world, "pending"), await counted(world, "end")) == ({"ok": 1.0}, {})
        world.clock.offset += 86_400
        await judge(world)
    assert (await condition(world)).endswith(f"the first is certificate web at {stamp(now + ends * DAY)}")
    told = await vault_events(world)
    assert "Expired" not in told
    world.clock.offset += (now + ends * DAY - world.clock.now()).total_seconds() + 60
    for _ in range(3):
        await judge(world)
    assert await condition(world) == (
        f"True Expired: 1 expired, the first is certificate web at {stamp(now + ends * DAY)}"
    )
    assert await vault_events(world) == [*told, "Expired"]
    assert (await counted(world, "end")).get("ok", 0) <= 1
    await world.restart()
    for _ in range(3):
        await judge(world)
    assert await vault_events(world) == [*told, "Expired"], "a restart tells nothing again"


async def test_what_the_vault_has_made_is_read_an_hour_later(world: World) -> None:
    """Its attribute is its end, unless it was imported with another: a restart costs nothing."""
    now = world.clock.now()
    issue(world, now + 5 * DAY, now + 300 * DAY, touched=False)
    await world.connect(**LONG, expiry={"scope": "All", "warnBefore": ["7d"]})
    await judge(world)
    assert await gets(world) == []
    assert (await condition(world)).startswith("False Valid")
    world.clock.offset += 3600
    for _ in range(3):
        await judge(world)
    assert await gets(world) == ["certificates.get web"]
    assert (await condition(world)).startswith("True ExpiresSoon")
    await world.restart()
    await judge(world)
    assert await gets(world) == []
    assert await vault_events(world) == ["ExpiresSoon"]
    world.clock.offset += 3600
    await judge(world)
    assert await gets(world) == ["certificates.get web"]
    assert await vault_events(world) == ["ExpiresSoon"], "learned late, and told before"


@pytest.mark.parametrize("spec", [TLS, LEAF], ids=["tls", "leaf"])
@pytest.mark.parametrize("scope", ["Bound", "All"])
async def test_what_a_binding_reads_shows_it(world: World, spec: dict[str, Any], scope: str) -> None:
    """No read of ours, no read at a restart, and the binding itself tells of the earlier end, too."""
    now = world.clock.now()
    issue(world, now + 5 * DAY, now + 300 * DAY)
    await world.bind("app", **spec)
    await world.connect(**LONG, expiry={"scope": scope, "warnBefore": ["7d"]})
    await world.ready("app")
    for _ in range(3):
        await judge(world)
    assert (await world.status("app"))["expires"] == stamp(now + 5 * DAY)
    assert (await world.conditions("app"))["Expiring"] == "True ExpiresSoon"
    assert (await condition(world)).endswith(f"web at {stamp(now + 5 * DAY)}")
    assert await counted(world, "end") == {}
    assert await vault_events(world) == ["ExpiresSoon"]
    await world.restart()
    for _ in range(3):
        await judge(world)
    spent = await world.spent()
    assert [line for line in spent.vault if ".list" not in line and "Pending" not in line] == []
    assert spent.writes == []
    assert (await condition(world)).endswith(f"web at {stamp(now + 5 * DAY)}")
    assert await vault_events(world) == ["ExpiresSoon"]
    world.clock.offset += 6 * 86_400
    await judge(world)
    await world.request_look("app", "now")
    assert await vault_events(world) == ["ExpiresSoon", "Expired"]
    assert (await world.conditions("app"))["Expiring"] == "True Expired"


async def test_a_renewed_certificate_is_told_by_its_new_end(world: World) -> None:
    """What was known of the version before does not count any more."""
    now = world.clock.now()
    issue(world, now + 5 * DAY, now + 300 * DAY)
    await world.connect(**LONG, expiry={"scope": "Bound", "warnBefore": ["7d"]})
    await world.bind("app", **TLS)
    await world.ready("app")
    await judge(world)
    assert (await condition(world)).startswith("True ExpiresSoon")
    world.vault.issue_certificate("web", ["shop.example"], expires=now + 90 * DAY)
    await world.request_look("app", "now")
    await judge(world)
    assert (await condition(world)).startswith("False Valid")
    assert (await world.status("app"))["expires"] == stamp(now + 90 * DAY)
    assert (await world.conditions("app"))["Expiring"] == "False Valid"


async def test_who_may_not_read_certificates_is_told_by_the_attribute(world: World) -> None:
    """Asked for once a day, and counted."""
    now = world.clock.now()
    issue(world, now + 5 * DAY, now + 60 * DAY)
    world.emulator.faults.add(Fault(status=403, code="Forbidden", path="/certificates/web*"))
    await world.connect(**LONG, expiry={"scope": "All", "warnBefore": ["7d"]})
    for _ in range(3):
        await judge(world)
    assert await counted(world, "end") == {"failed": 1.0}
    assert (await condition(world)).startswith("False Valid")
    assert (await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS))["Ready"] == "True Connected"
    world.clock.offset += 54 * 86_400
    await judge(world)
    assert (await condition(world)).endswith(f"certificate web at {stamp(now + 60 * DAY)}")


async def test_the_read_of_an_end_shows_which_version_was_replaced(telling: World, sink: Sink) -> None:
    """On the same day, when the read that would list the versions is spent."""
    world = telling
    now = world.clock.now()
    issue(world, now + 50 * DAY, now + 300 * DAY)
    (first,) = versions_of(world, "certificate", "web")
    await world.connect(expiry={"scope": "All", "warnBefore": ["7d"]})
    await world.calm()
    await sent(world)
    world.vault.issue_certificate("web", ["shop.example"])
    await world.next_look()
    await sent(world)
    assert sink.types() == ["certificate.renewed certificates/web"]
    data = sink.events[0]["data"]
    assert data["previousVersion"] == first
    assert "version" not in data


async def test_a_restart_waits_for_the_bindings_that_know(world: World) -> None:
    """The one that shows the end is the last of many: no condition flaps, nothing is written."""
    now = world.clock.now()
    issue(world, now + 5 * DAY, now + 300 * DAY)
    world.seed.set_secret("a", "1")
    await world.connect(**LONG, expiry={"scope": "Bound", "warnBefore": ["7d"]})
    names = [f"other-{number:02}" for number in range(40)]
    for name in names:
        await world.bind(name, data=[{"key": "a", "secret": {"name": "a"}}])
    await world.ready(*names)
    await world.bind("web", **TLS)
    await world.ready("web")
    await judge(world)
    assert (await condition(world)).startswith("True ExpiresSoon")
    await world.restart()
    await judge(world)
    assert (await condition(world)).startswith("True ExpiresSoon")
    assert (await world.spent()).writes == []
    assert await vault_events(world) == ["ExpiresSoon"]


async def test_ready_does_not_wait_for_the_bindings_that_know(quiet_world: World) -> None:
    """A vault that answers is told at once, whatever a binding's first read takes; what was told stays."""
    world = quiet_world
    now = world.clock.now()
    issue(world, now + 5 * DAY, now + 300 * DAY)
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(**LONG))
    await world.bind("web", **TLS)
    world.emulator.faults.add(Fault(path="/secrets/web*", delay=4.0))
    await world.start_operator()
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Connected"))
    assert "Expiring" not in await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS)
    assert await vault_events(world) == []
    await world.ready("web")
    await judge(world)
    assert (await condition(world)).startswith("True ExpiresSoon")


async def objects_told(world: World) -> dict[str, Any]:
    """What the status of the KeyVault says of the objects in its vault."""
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    fields = ("objects", "expired", "expiring", "ending", "soonest")
    return {name: status[name] for name in fields if name in status}


async def test_a_restart_keeps_what_was_told_until_it_knows_better(world: World) -> None:
    """While a binding that knows an end waits for its read, and while the vault does not answer at all."""
    now = world.clock.now()
    issue(world, now + 5 * DAY, now + 300 * DAY)
    await world.connect(**LONG, expiry={"warnBefore": ["7d"]})
    await world.bind("web", **TLS)
    await world.ready("web")
    await judge(world)
    told, seen = await condition(world), await objects_told(world)
    assert told.startswith("True ExpiresSoon")
    assert seen == {"objects": 1, "expired": 0, "expiring": 1}
    await world.life.stop()
    world.emulator.faults.add(Fault(status=503))
    await world.start_operator()
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Unreachable"))
    assert (await condition(world), await objects_told(world)) == (told, seen)
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"expiry": {"warnBefore": ["1d"]}}})
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Unreachable"))
    assert "Expiring" not in await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS), "another spec"
    assert await objects_told(world) == {}
    world.emulator.faults.clear()


async def test_a_keyvault_that_may_not_be_used_any_more_tells_of_no_object(world: World) -> None:
    """The operator's flags are others after a restart; the spec is the same."""
    world.seed.set_secret("a", "1", expires=world.clock.now() + 5 * DAY)
    await world.connect(expiry={"scope": "All"})
    await judge(world)
    assert (await condition(world)).startswith("True ExpiresSoon")
    await world.life.stop()
    world.settings = replace(world.settings, policy=VaultPolicy(vault_suffixes=(".vault.azure.net",)))
    await world.start_operator()
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "UrlNotAllowed"))
    assert "Expiring" not in await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS)
    assert await objects_told(world) == {}
