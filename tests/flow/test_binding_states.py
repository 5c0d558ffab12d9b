"""Specs that cannot be used, vaults that are not there: told by condition, ended by the next change."""

import pytest

from tests.flow.world import Spent, World
from tests.unit.api import cases
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

DATA = [{"key": "a", "secret": {"name": "a"}}]
BROKEN = {"template": {"data": {"b": "{{ nope }}"}}}


async def test_specs_that_cannot_be_used_stall_until_they_are_mended(world: World) -> None:
    """Every row that the API server takes and the operator does not: refused, never ignored in silence."""
    reason = "NotImplemented"
    world.seed.set_secret("a", "1")
    world.seed.issue_certificate("web", ["shop.example"])
    await world.connect()
    rows = [case for case in (*cases.INVALID_BINDINGS, *cases.LATER_BINDINGS) if not case.server]
    assert rows, "the test must not pass for want of rows"
    names = [f"row-{number}" for number in range(len(rows))]
    for name, case in zip(names, rows, strict=True):
        await world.bind(name, **case.spec)
    for name, case in zip(names, rows, strict=True):
        message = await world.told(name, reason)
        assert case.path in message, case.name
        assert case.problem in message, case.name
        assert await world.conditions(name) == {
            "Ready": f"False {reason}",
            "Synced": f"False {reason}",
            "Stalled": f"True {reason}",
        }
    spent = await world.spent()
    assert (spent.reads, spent.vault) == ([], [])
    assert [line for line in spent.writes if "secrets" in line] == []
    assert await world.events() == sorted(f"{reason} {name}" for name in names)
    await world.advance(3600)
    assert [line for line in (await world.spent()).writes if "row" in line] == []
    for name in names:
        await world.delete(VAULT_BINDINGS, name)
        await world.bind(f"{name}-mended", data=DATA)
    await world.ready(*(f"{name}-mended" for name in names))


INVALID = {
    "bad pointer": {"secret": {"name": "json", "property": "/a~2"}},
    "symmetric key": {"publicKey": {"name": "symmetric"}},
}


@pytest.mark.parametrize("source", INVALID.values(), ids=INVALID)
async def test_what_only_the_vault_shows_to_be_invalid(world: World, source: dict[str, object]) -> None:
    world.seed.set_secret("json", '{"a": 1}')
    world.seed.set_secret("a", "1")
    world.seed.create_key("symmetric", key_type="oct-HSM", size=256)
    await world.connect()
    await world.bind("app", data=[{"key": "k", **source}])
    await world.told("app", "InvalidSpec")
    assert await world.conditions("app") == {
        "Ready": "False InvalidSpec",
        "Synced": "False InvalidSpec",
        "Stalled": "True InvalidSpec",
    }
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"data": DATA}})
    await world.ready("app")
    assert (await world.conditions("app")).get("Stalled") is None


async def test_a_mended_spec_recovers_at_once(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA, target=BROKEN)
    await world.told("app", "TemplateInvalid")
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": None}})
    await world.ready("app")
    assert await world.conditions("app") == {
        "Ready": "True Synced",
        "Synced": "True Synced",
        "Expiring": "False Valid",
    }
    assert await world.secret("app") == {"a": b"1"}


async def test_a_spec_that_breaks_keeps_the_secret(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": BROKEN}})
    await world.told("app", "TemplateInvalid")
    world.vault.set_secret("a", "2")
    await world.next_look()
    assert await world.secret("app") == {"a": b"1"}
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": None}})
    await world.ready("app")
    assert await world.secret("app") == {"a": b"2"}
    assert (await world.status("app"))["revision"] == 2


async def test_a_binding_waits_for_its_vault(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.bind("app", data=DATA)
    message = await world.told("app", "KeyVaultNotFound")
    assert f"ClusterKeyVault {world.vault_name} does not exist" in message
    assert await world.spent() == Spent(writes=["create events app", "patch vaultbindings/status app"])
    await world.connect()
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}


async def test_a_vault_that_goes_keeps_the_secret(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.delete(CLUSTER_KEY_VAULTS, world.vault_name)
    await world.told("app", "KeyVaultNotFound")
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    assert await world.secret("app") == {"a": b"1"}
    world.emulator.stats.clear()
    await world.next_look()
    assert (await world.spent()).vault == []
    await world.connect()
    await world.ready("app")
    assert (await world.status("app"))["revision"] == 1


async def test_access_that_is_taken_away_keeps_the_secret(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    nobody = [{"namespaces": {"names": ["somewhere-else"]}}]
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"access": nobody}})
    message = await world.told("app", "AccessDenied")
    assert f"namespace {world.namespace} may not read secret a" in message
    assert await world.secret("app") == {"a": b"1"}
    assert await world.get(SECRETS, "app") is not None
    anybody = [{"namespaces": {"all": True}}]
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"access": anybody}})
    await world.ready("app")
