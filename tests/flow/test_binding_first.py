"""A new binding: what it costs and what it tells."""

from datetime import timedelta

import pytest

from tests.flow.world import Spent, World, stamp, summarize
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, KEY_VAULTS, SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

TENANT = "11111111-1111-1111-1111-111111111111"


async def test_a_fresh_binding_costs_two_writes_and_one_get_per_object(world: World) -> None:
    world.seed.set_secret("db-username", "shop")
    world.seed.set_secret("db-password", "hunter2")
    await world.connect()
    await world.bind(
        "shop-db",
        data=[
            {"key": "username", "secret": {"name": "db-username"}},
            {"key": "password", "secret": {"name": "db-password"}},
        ],
    )
    await world.ready("shop-db")
    assert await world.spent() == Spent(
        writes=["create secrets shop-db", "patch vaultbindings/status shop-db"],
        vault=["secrets.get db-password", "secrets.get db-username"],
    )
    assert await world.secret("shop-db") == {"username": b"shop", "password": b"hunter2"}
    assert await world.events() == []


async def test_bindings_of_one_object_cost_a_get_each_at_most_and_one_for_a_change(world: World) -> None:
    """Who comes when the others have the value asks anew (docs/adr/0037-who-shares-a-get.md)."""
    world.seed.set_secret("shared", "v")
    await world.connect()
    names = [f"app-{number}" for number in range(8)]
    for name in names:
        await world.bind(name, data=[{"key": "v", "secret": {"name": "shared"}}])
    await world.ready(*names)
    writes = [f"create secrets {name}" for name in names]
    writes += [f"patch vaultbindings/status {name}" for name in names]
    spent = await world.spent()
    assert spent.writes == sorted(writes)
    assert spent.reads == []
    assert set(spent.vault) == {"secrets.get shared"}
    assert len(spent.vault) <= len(names)
    await world.calm()
    world.vault.set_secret("shared", "w")
    await world.next_look()
    assert (await world.spent()).vault == ["secrets.get shared", "secrets.list"]
    assert [await world.secret(name) for name in names] == [{"v": b"w"}] * len(names)


async def test_bindings_that_were_there_first_share_one_get(quiet_world: World) -> None:
    world = quiet_world
    world.seed.set_secret("shared", "v")
    for name in ("one", "two", "three"):
        await world.bind(name, data=[{"key": "v", "secret": {"name": "shared"}}])
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec())
    await world.start_operator()
    await world.ready("one", "two", "three")
    spent = await world.spent()
    assert spent.vault == ["secrets.get shared", "secrets.list"]
    assert [line for line in spent.writes if world.vault_name not in line] == [
        *(f"create secrets {name}" for name in ("one", "three", "two")),
        *(f"patch vaultbindings/status {name}" for name in ("one", "three", "two")),
    ]


@pytest.mark.get_on_real
async def test_nothing_is_written_while_nothing_changes(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=[{"key": "a", "secret": {"name": "a"}}])
    await world.ready("app")
    await world.calm()
    for _ in range(3):
        await world.next_look()
        assert await world.spent() == Spent(vault=["secrets.list"])
    assert await world.events() == []


async def test_status_tells_what_was_written(world: World) -> None:
    begun = stamp(world.clock.now())
    expires = world.clock.now() + timedelta(days=400)
    version = world.seed.set_secret("a", "1", expires=expires + timedelta(days=1)).version
    other = world.seed.set_secret("b", "2", expires=expires).version
    await world.connect()
    entries = [{"key": name, "secret": {"name": name}} for name in ("a", "b")]
    await world.bind("app", data=entries, target={"name": "app-secret"})
    await world.ready("app")
    status = await world.status("app")
    conditions = status.pop("conditions")
    assert summarize({"conditions": conditions}) == {
        "Ready": "True Synced",
        "Synced": "True Synced",
        "Expiring": "False Valid",
    }
    assert {item["observedGeneration"] for item in conditions} == {1}
    changed = status.pop("lastChanged")
    for time in (changed, *(item["lastTransitionTime"] for item in conditions)):
        assert begun <= time <= stamp(world.clock.now())
    assert status == {
        "observedGeneration": 1,
        "secretName": "app-secret",
        "revision": 1,
        "expires": stamp(expires),
        "objectCount": 2,
        "objects": [
            {
                "kind": "secret",
                "name": "a",
                "version": version,
                "enabled": True,
                "expires": stamp(expires + timedelta(days=1)),
            },
            {"kind": "secret", "name": "b", "version": other, "enabled": True, "expires": stamp(expires)},
        ],
    }


async def test_the_secret_says_whose_it_is(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    binding = await world.bind("app", data=[{"key": "a", "secret": {"name": "a"}}])
    await world.ready("app")
    metadata = (await world.there(SECRETS, "app"))["metadata"]
    uid = binding["metadata"]["uid"]
    assert metadata["labels"] == {"vaultbind.dev/managed": "true", "vaultbind.dev/binding-uid": uid}
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "vaultbind.dev/v1alpha1",
            "kind": "VaultBinding",
            "name": "app",
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
    assert set(metadata["annotations"]) == {"vaultbind.dev/binding", "vaultbind.dev/source"}
    assert metadata["annotations"]["vaultbind.dev/binding"] == "app"


async def test_the_vault_may_be_of_the_namespace_or_of_the_cluster(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.create(SECRETS, "principal", data={"secret": "YQ=="})
    auth = {"clientId": "c", "tenantId": TENANT, "secretRef": {"name": "principal", "key": "secret"}}
    spec = world.vault_spec(auth={"servicePrincipal": auth}, authorityHost=world.emulator.authority_host)
    del spec["access"]
    await world.create(KEY_VAULTS, "near", spec=spec)
    entry = {"key": "a", "secret": {"name": "a"}}
    await world.bind("far", data=[entry])
    refs = {"near": {"name": "near"}, "near-by-kind": {"kind": "KeyVault", "name": "near"}}
    for name, ref in refs.items():
        await world.create(VAULT_BINDINGS, name, spec={"vaultRef": ref, "data": [entry]})
    await world.ready("far", *refs)
    assert await world.conditions("near", KEY_VAULTS) == {
        "Ready": "True Connected",
        "Expiring": "False Valid",
    }
    assert [await world.secret(name) for name in ("far", *refs)] == [{"a": b"1"}] * 3


@pytest.mark.parametrize("policy", [None, "Follow"])
async def test_follow_is_what_is_meant_when_nothing_is_said(world: World, policy: str | None) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    spec = {"refreshPolicy": policy} if policy else {}
    await world.bind("app", data=[{"key": "a", "secret": {"name": "a"}}], **spec)
    await world.ready("app")
    world.vault.set_secret("a", "2")
    await world.next_look()
    assert await world.secret("app") == {"a": b"2"}


async def test_no_object_gets_a_finalizer(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=[{"key": "a", "secret": {"name": "a"}}])
    await world.ready("app")
    for resource, name in (
        (CLUSTER_KEY_VAULTS, world.vault_name),
        (VAULT_BINDINGS, "app"),
        (SECRETS, "app"),
    ):
        assert "finalizers" not in (await world.there(resource, name))["metadata"], resource.kind


async def test_a_deleted_binding_takes_its_secret_along(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=[{"key": "a", "secret": {"name": "a"}}])
    await world.ready("app")
    await world.spent()
    await world.delete(VAULT_BINDINGS, "app")

    async def is_gone() -> bool:
        return await world.get(SECRETS, "app") is None and await world.get(VAULT_BINDINGS, "app") is None

    await world.until(is_gone)
    spent = await world.spent()
    assert (spent.writes, spent.vault) == ([], [])
    assert spent.reads in ([], ["get vaultbindings app"])  # the Secret's end may be heard of first
    await world.next_look()
    assert (await world.spent()).vault == ["secrets.list"]
