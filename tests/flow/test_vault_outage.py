"""Vaults that fail as a whole: told once, by the KeyVault; Secrets stay; others do not notice."""

import asyncio
from typing import Any

import pytest

from tests.flow.world import Spent, World
from vaultbind.handlers import controller
from vaultbind.keyvault.simulation import Ending, Fault
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, SECRETS, VAULT_BINDINGS

DATA = [{"key": "a", "secret": {"name": "a"}}]
NAMES = ("one", "two", "three")
DOWN = Fault(status=503, before_auth=True, route="/secrets*")


async def begin(world: World) -> None:
    """Three bindings with good Secrets, at rest."""
    world.seed.set_secret("a", "1")
    await world.connect()
    for name in NAMES:
        await world.bind(name, data=DATA)
    await world.ready(*NAMES)
    await world.calm()


async def ready(world: World, name: str) -> str:
    return (await world.conditions(name))["Ready"]


async def test_an_outage_is_written_once_on_the_keyvault(world: World) -> None:
    """Then nothing until the Secrets are too old to be trusted; recovery turns all back."""
    await begin(world)
    before = {name: await world.there(VAULT_BINDINGS, name) for name in NAMES}
    world.emulator.faults.add(DOWN)
    await world.next_look()
    assert (await world.spent()).writes == [f"create events {world.vault_name}", *world.vault_status()]
    for _ in range(8):
        await world.advance(400)
        assert (await world.spent()).writes == []
    assert {name: await world.there(VAULT_BINDINGS, name) for name in NAMES} == before
    for _ in range(3):
        await world.advance(400)
    found = (await world.spent()).writes
    assert sorted(found) == sorted(
        [*(f"create events {name}" for name in NAMES), *(f"patch vaultbindings/status {n}" for n in NAMES)]
    )
    for name in NAMES:
        conditions = await world.conditions(name)
        assert conditions["Ready"].startswith("False ")
        assert conditions["Synced"].startswith("False ")
        assert await world.secret(name) == {"a": b"1"}
    for _ in range(3):
        await world.advance(400)
    assert (await world.spent()).writes == []
    world.emulator.faults.clear()
    await world.advance(400)
    await world.ready(*NAMES)
    for name in NAMES:
        assert await ready(world, name) == "True Synced"
        assert (await world.status(name))["revision"] == 1
    writes = (await world.spent()).writes
    assert [line for line in writes if "secrets" in line] == []


async def test_a_keyvault_that_breaks_stalls_itself_and_not_its_bindings(world: World) -> None:
    await begin(world)
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"caBundle": broken}})
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "InvalidSpec"))
    await world.settled()
    assert await ready(world, "one") == "True Synced"
    for _ in range(11):
        await world.advance(400)
    conditions = await world.conditions("one")
    assert (conditions["Ready"], conditions["Synced"]) == ("False KeyVaultNotReady", "False KeyVaultNotReady")
    assert "Stalled" not in conditions
    assert await world.secret("one") == {"a": b"1"}
    good = {"spec": {"caBundle": world.emulator.ca_pem}}
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, good)
    await world.ready(*NAMES)


async def test_a_change_during_an_outage_arrives_after_it(world: World) -> None:
    await begin(world)
    world.emulator.faults.add(DOWN)
    world.vault.set_secret("a", "2")
    await world.next_look()
    assert await world.secret("one") == {"a": b"1"}
    world.emulator.faults.clear()
    await world.advance(400)
    for name in NAMES:
        assert await world.secret(name) == {"a": b"2"}


async def test_a_binding_that_is_new_or_edited_in_an_outage_waits(world: World) -> None:
    await begin(world)
    world.seed.set_secret("b", "2")
    world.emulator.faults.add(DOWN)
    await world.next_look()
    await world.bind("new", data=DATA)
    await world.told("new", "VaultError")
    assert await ready(world, "new") == "False VaultError"
    edited = [*DATA, {"key": "b", "secret": {"name": "b"}}]
    await world.patch(VAULT_BINDINGS, "one", {"spec": {"data": edited}})
    await world.told("one", "VaultError")
    assert await ready(world, "one") == "True SecretKept"
    assert await world.secret("one") == {"a": b"1"}
    world.emulator.faults.clear()
    await world.advance(400)
    await world.advance(400)
    await world.ready("new", "one", "two")
    assert await world.secret("one") == {"a": b"1", "b": b"2"}


async def test_a_vault_that_lacks_an_object_for_long_makes_its_binding_not_ready(world: World) -> None:
    """The Secret stays; it is only no longer called good."""
    await begin(world)
    world.vault.delete("secrets", "a")
    await world.next_look()
    await world.told("one", "ObjectDeleted")
    assert await ready(world, "one") == "True SecretKept"
    for _ in range(9):
        await world.advance(390)
    assert await ready(world, "one") == "True SecretKept"
    for _ in range(2):
        await world.advance(390)
    assert await ready(world, "one") == "False ObjectDeleted"
    assert await world.secret("one") == {"a": b"1"}
    world.vault.recover("secrets", "a")
    await world.next_look()
    await world.ready(*NAMES)
    assert await ready(world, "one") == "True Synced"


# -- the table of states (design, section 5) -------------------------------------------------------------


async def test_a_binding_that_never_worked_will_be_retried(world: World) -> None:
    world.emulator.faults.add(DOWN)
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec())
    await world.bind("app", data=DATA)
    await world.told("app", "VaultError")
    assert await world.conditions("app") == {"Ready": "False VaultError", "Synced": "False VaultError"}
    assert await world.get(SECRETS, "app") is None
    world.seed.set_secret("a", "1")
    world.emulator.faults.clear()
    await world.advance(400)
    await world.advance(400)
    await world.ready("app")


async def test_suspended_while_a_vault_fails(world: World) -> None:
    await begin(world)
    await world.patch(VAULT_BINDINGS, "one", {"spec": {"suspend": True}})
    await world.until(lambda: world.has(VAULT_BINDINGS, "one", "Synced", "Suspended"))
    world.emulator.faults.add(DOWN)
    for _ in range(12):
        await world.advance(400)
    assert await world.conditions("one") == {
        "Ready": "True Synced",
        "Synced": "Unknown Suspended",
    } | {key: value for key, value in (await world.conditions("one")).items() if key == "Expiring"}
    assert await ready(world, "two") != "True Synced"


# -- nobody waits for a vault of others --------------------------------------------------------------------

OTHER = "bank"


def other_spec(world: World) -> dict[str, Any]:
    return world.vault_spec(url=world.emulator.vault_url(OTHER))


TROUBLES = {
    "throttles": Fault(vault=OTHER, status=429, retry_after=60),
    "fails": Fault(vault=OTHER, status=500),
    "is refused": Fault(vault=OTHER, ending=Ending.REFUSED, before_auth=True),
    "hangs": Fault(vault=OTHER, delay=60.0, before_auth=True),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
async def test_a_vault_in_trouble_delays_no_binding_of_another(
    world: World, trouble: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own bindings fill no lane but theirs: a new one elsewhere is ready while they all still wait."""
    monkeypatch.setattr(controller, "DRAIN_SECONDS", 0.2)
    await begin(world)
    other = VaultDriver(world.emulator.estate.vault(OTHER), world.clock.an_hour_ago)
    other.set_secret("a", "1")
    name = f"{world.vault_name}-{OTHER}"
    world.emulator.faults.add(trouble)
    await world.create(CLUSTER_KEY_VAULTS, name, spec=other_spec(world))
    slow = [f"slow-{number}" for number in range(40)]
    vault_ref = {"kind": "ClusterKeyVault", "name": name}
    await asyncio.gather(
        *(world.create(VAULT_BINDINGS, each, spec={"vaultRef": vault_ref, "data": DATA}) for each in slow)
    )
    await world.bind("quick", data=DATA)
    await world.until(lambda: world.has(VAULT_BINDINGS, "quick", "Synced", "Synced"))
    assert await world.secret("quick") == {"a": b"1"}
    for each in slow:
        assert await world.get(SECRETS, each) is None
    asked = [entry for entry in world.emulator.stats.recent() if entry.vault == OTHER and entry.name]
    assert len(asked) <= 3 * 3, "forty bindings of one object ask once, and each request is tried thrice"
    world.emulator.faults.clear()


# -- objects that go and come -----------------------------------------------------------------------------


async def test_an_object_that_comes_back_with_its_old_times_is_found(world: World) -> None:
    await begin(world)
    world.vault.delete("secrets", "a")
    await world.next_look()
    for name in NAMES:
        await world.told(name, "ObjectDeleted")
    world.vault.recover("secrets", "a")
    await world.next_look()
    await world.ready(*NAMES)
    await world.mark()
    await world.calm()
    assert await world.spent() == Spent()


async def test_one_that_is_made_anew_under_the_same_name(world: World) -> None:
    await begin(world)
    world.vault.delete("secrets", "a")
    await world.next_look()
    await world.told("one", "ObjectDeleted")
    world.vault.purge("secrets", "a")
    world.vault.set_secret("a", "another")
    await world.next_look()
    await world.ready(*NAMES)
    assert await world.secret("one") == {"a": b"another"}
    assert (await world.status("one"))["revision"] == 2
