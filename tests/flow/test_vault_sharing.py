"""KeyVaults come, go and change: who shares what, and what is left behind."""

from typing import Any

from tests.flow.world import World
from vaultbind.keyvault.simulation import Fault
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, SECRETS, VAULT_BINDINGS
from vaultbind.vaults.session import VaultSession

DATA = [{"key": "a", "secret": {"name": "a"}}]


def sessions(world: World) -> list[VaultSession]:
    return [session for session, _ in world.life.operator.hub._sessions.values()]


async def second(world: World, name: str = "twin", **spec: Any) -> str:
    """Another ClusterKeyVault, to the same vault unless told otherwise."""
    whole = f"{world.vault_name}-{name}"
    await world.create(CLUSTER_KEY_VAULTS, whole, spec=world.vault_spec(**spec))
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, whole, "Ready", "Connected"))
    await world.settled()
    return whole


async def bind_to(world: World, vault: str, name: str) -> None:
    reference = {"kind": "ClusterKeyVault", "name": vault}
    await world.create(VAULT_BINDINGS, name, spec={"vaultRef": reference, "data": DATA})
    await world.ready(name)


async def test_two_keyvaults_of_one_vault_share_looks_and_gets(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    twin = await second(world, access=[{"namespaces": {"names": [world.namespace]}}])
    assert (await world.spent()).vault == [], "the session had looked already"
    await world.bind("one", data=DATA)
    await world.ready("one")
    await bind_to(world, twin, "two")
    assert len(sessions(world)) == 1
    await world.calm()
    world.vault.set_secret("a", "2")
    await world.next_look()
    assert (await world.spent()).vault == ["secrets.get a", "secrets.list"]
    assert [await world.secret(name) for name in ("one", "two")] == [{"a": b"2"}] * 2


async def test_another_pace_or_identity_is_another_session(world: World) -> None:
    await world.connect()
    await second(world, "slower", refreshInterval="5m")
    await second(world, "somebody", auth={"managedIdentity": {"clientId": "somebody"}})
    assert len(sessions(world)) == 3


async def test_a_keyvault_that_goes_leaves_the_session_to_its_twin(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    twin = await second(world)
    await world.bind("one", data=DATA)
    await bind_to(world, twin, "two")
    await world.delete(CLUSTER_KEY_VAULTS, world.vault_name)
    await world.told("one", "KeyVaultNotFound")
    assert len(sessions(world)) == 1
    world.vault.set_secret("a", "2")
    await world.next_look()
    assert await world.secret("two") == {"a": b"2"}
    assert await world.secret("one") == {"a": b"1"}
    await world.delete(CLUSTER_KEY_VAULTS, twin)
    await world.told("two", "KeyVaultNotFound")
    assert sessions(world) == []
    await world.mark()
    await world.next_look()
    assert (await world.spent()).vault == []


async def test_another_url_moves_bindings_to_another_session(world: World) -> None:
    world.seed.set_secret("a", "of the shop")
    other = VaultDriver(world.emulator.estate.vault("bank"), world.clock.an_hour_ago)
    other.set_secret("a", "of the bank")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    [before] = sessions(world)
    url = world.emulator.vault_url("bank")
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"url": url}})
    await world.until(lambda: _holds(world, b"of the bank"))
    await world.settled()
    [after] = sessions(world)
    assert after is not before
    assert (before.members, before.reads.held, before.held.is_empty) == (set(), 0, True)
    await world.calm()
    await world.next_look()
    assert {entry.vault for entry in world.emulator.stats.recent()} == {"bank"}
    assert (await world.status("app"))["revision"] == 2


async def _holds(world: World, value: bytes) -> bool:
    return (await world.secret("app"))["a"] == value


async def test_a_new_interval_keeps_the_secrets_as_they_are(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"refreshInterval": "5m"}})
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Connected"))
    spent = await world.spent()
    assert [line for line in spent.writes if "secrets" in line or "vaultbindings" in line] == []
    assert spent.vault == ["secrets.list"]
    await world.advance(200)
    assert (await world.spent()).vault == []


async def test_who_may_read_is_no_matter_of_sessions(world: World) -> None:
    """Rules of access and thresholds change without a look and without a get."""
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    [before] = sessions(world)
    await world.calm()
    named = {"access": [{"namespaces": {"names": [world.namespace]}}], "expiry": {"warnBefore": ["90d"]}}
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": named})
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Connected"))
    assert (await world.spent()).vault == []
    assert sessions(world) == [before]


async def test_a_url_is_mended_while_the_wrong_vault_hangs(world: World) -> None:
    """Nobody waits for the end of a look at a vault that is no longer meant."""
    world.seed.set_secret("a", "1")
    world.emulator.faults.add(Fault(vault="wrong", delay=8.0, before_auth=True))
    spec = world.vault_spec(url=world.emulator.vault_url("wrong"))
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=spec)
    await world.bind("app", data=DATA)
    await world.until(lambda: any(entry.vault == "wrong" for entry in world.emulator.stats.recent()))
    url = world.emulator.vault_url("shop")
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"url": url}})
    await world.until(lambda: world.has(VAULT_BINDINGS, "app", "Synced", "Synced"))
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Connected"))
    assert await world.get(SECRETS, "app") is not None


async def test_a_keyvault_after_its_bindings(world: World) -> None:
    world.seed.set_secret("a", "1")
    names = ["one", "two", "three"]
    for name in names:
        await world.bind(name, data=DATA)
        await world.told(name, "KeyVaultNotFound")
    await world.mark()
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec())
    await world.ready(*names)
    assert (await world.spent()).vault == ["secrets.get a", "secrets.list"]
