"""target.whenMissing: what is gone from the vault goes from the Secret, or the Secret with it."""

from typing import Any

import pytest

from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.keyvault.simulation import Denial, Fault
from vaultbind.keyvault.simulation.faults import Ending
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS
from vaultbind.sandbox.faults import Fault as ClusterFault

pytestmark = pytest.mark.both_drifts

DATA = [{"key": name, "secret": {"name": name}} for name in ("a", "b")]
GOOD = {"a": b"1", "b": b"2"}
LONG = 600
PRUNED = ["create events app", "patch secrets app", "patch vaultbindings/status app"]
STATUS = "patch vaultbindings/status app"
each_policy = pytest.mark.parametrize("policy", ["Prune", "Delete"])


async def start(world: World, when_missing: str, **target: Any) -> None:
    """One binding `app` of the secrets a and b, at rest."""
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    await world.connect()
    await world.bind("app", data=DATA, target={"whenMissing": when_missing, **target})
    await world.ready("app")
    await world.calm()


async def writes(world: World) -> list[str]:
    """What was written since the last count, but for the KeyVault's number of objects."""
    spent = await world.spent()
    return [line for line in spent.writes if line not in world.vault_status()]


@pytest.mark.get_on_real
async def test_prune_removes_the_keys_of_an_object_that_is_gone(world: World) -> None:
    await start(world, "Prune")
    world.vault.delete("secrets", "a")
    await world.next_look()
    message = await world.told("app", "Pruned")
    assert "secret a is gone from the vault" in message
    assert await world.secret("app") == {"b": b"2"}
    assert await world.conditions("app") == {
        "Ready": "True Pruned",
        "Synced": "True Pruned",
        "Expiring": "False Valid",
    }
    status = await world.status("app")
    assert (status["revision"], status["objectCount"]) == (2, 1)
    assert await writes(world) == PRUNED
    assert await world.events() == ["Pruned app"]
    await world.calm()
    assert await world.spent() == Spent()
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])
    assert (await world.conditions("app"))["Ready"] == "True Pruned"
    world.vault.set_secret("b", "3")
    await world.next_look()
    await world.told("app", "Pruned")
    assert await world.secret("app") == {"b": b"3"}
    world.vault.recover("secrets", "a")
    await world.next_look()
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1", "b": b"3"}
    assert (await world.status("app"))["objectCount"] == 2
    await world.calm()
    assert await world.spent() == Spent()


@pytest.mark.get_on_real
@pytest.mark.parametrize("policy", ["Owner", "Orphan"])
async def test_delete_deletes_the_secret_and_the_objects_return_brings_it_back(
    world: World, policy: str
) -> None:
    await start(world, "Delete", creationPolicy=policy)
    world.vault.delete("secrets", "a")
    await world.next_look()
    message = await world.told("app", "SecretDeleted")
    assert "secret a is gone from the vault" in message
    assert await world.get(SECRETS, "app") is None
    assert await world.conditions("app") == {
        "Ready": "False SecretDeleted",
        "Synced": "True SecretDeleted",
        "Expiring": "False Valid",
    }
    status = await world.status("app")
    assert (status["revision"], status["objectCount"], status["objects"]) == (1, 0, [])
    assert "secretName" not in status
    assert await writes(world) == ["create events app", "delete secrets app", STATUS]
    assert await world.events() == ["SecretDeleted app"]
    await world.calm()
    assert await world.spent() == Spent()
    await world.next_look()
    assert (await world.spent()).vault == ["secrets.list"], "nobody asks for what is known to be gone"
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])
    world.vault.recover("secrets", "a")
    await world.next_look()
    await world.ready("app")
    assert await world.secret("app") == GOOD
    status = await world.status("app")
    assert (status["revision"], status["objectCount"], status["secretName"]) == (2, 2, "app")
    assert (await world.conditions("app"))["Ready"] == "True Synced"
    await world.calm()
    assert await world.spent() == Spent()


def fail(**fault: Any) -> Any:
    return lambda world: world.emulator.faults.add(Fault(**fault))


def deny(**denial: Any) -> Any:
    return lambda world: world.emulator.estate.access.deny(Denial(**denial))


FAILURES = {
    "forbidden": (deny(action="get", name="a"), "Forbidden"),
    "forbidden by the firewall": (fail(status=403, code="ForbiddenByFirewall"), "Forbidden"),
    "disabled": (lambda world: world.vault.enable("secrets", "a", enabled=False), "ObjectDisabled"),
    "failing": (fail(status=503), "VaultError"),
    "out of reach": (fail(ending=Ending.REFUSED), "Unreachable"),
    "throttled": (fail(status=429), "Throttled"),
    "unauthorized": (fail(status=401), "Unauthorized"),
    "not found, by something that is no vault": (fail(status=404, code=""), "VaultError"),
}


@each_policy
@pytest.mark.parametrize(("break_it", "reason"), FAILURES.values(), ids=list(FAILURES))
async def test_a_vault_that_fails_changes_nothing(
    world: World, policy: str, break_it: Any, reason: str
) -> None:
    await start(world, policy)
    before = await world.there(SECRETS, "app")
    break_it(world)
    await world.patch(
        VAULT_BINDINGS, "app", {"metadata": {"annotations": {"vaultbind.dev/requestedAt": "1"}}}
    )
    await world.told("app", reason)
    await world.advance(LONG)
    assert await world.there(SECRETS, "app") == before
    assert (await world.conditions("app"))["Synced"].startswith("False ")  # or a breaker opened


@each_policy
async def test_what_a_list_leaves_out_and_nobody_may_ask_for_is_not_gone(
    world: World, policy: str, hide: set[str]
) -> None:
    """A list does not tell whether an object is gone or a permission: only the vault's 404 counts."""
    await start(world, policy)
    before = await world.there(SECRETS, "app")
    hide.add("a")
    deny(action="get", name="a")(world)
    await world.next_look()
    assert "secret a" in await world.told("app", "Forbidden")
    await world.advance(LONG)
    assert await world.has(VAULT_BINDINGS, "app", "Synced", "Forbidden")
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    assert await world.there(SECRETS, "app") == before
    world.emulator.estate.access.clear()
    await world.advance(LONG)
    await world.ready("app")
    assert await world.there(SECRETS, "app") == before
    world.vault.delete("secrets", "a")
    await world.next_look()
    await world.told("app", "Pruned" if policy == "Prune" else "SecretDeleted")


@each_policy
async def test_nothing_goes_while_another_object_has_another_trouble(world: World, policy: str) -> None:
    await start(world, policy)
    world.vault.enable("secrets", "b", enabled=False)
    await world.next_look()
    world.vault.delete("secrets", "a")
    await world.advance(LONG)
    conditions = await world.conditions("app")
    assert conditions["Ready"] == "True SecretKept"
    assert await world.secret("app") == GOOD


@each_policy
async def test_a_first_secret_needs_all_its_objects(world: World, policy: str) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA, target={"whenMissing": policy})
    await world.told("app", "ObjectNotFound")
    assert await world.get(SECRETS, "app") is None
    world.vault.set_secret("b", "2")
    await world.next_look()
    await world.ready("app")
    assert await world.secret("app") == GOOD


@each_policy
async def test_optional_entries_are_not_missed(world: World, policy: str) -> None:
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    await world.connect()
    data = [{**DATA[0], "optional": True}, DATA[1]]
    await world.bind("app", data=data, target={"whenMissing": policy})
    await world.ready("app")
    world.vault.delete("secrets", "a")
    await world.next_look()
    await world.ready("app")
    assert await world.secret("app") == {"b": b"2"}
    assert (await world.conditions("app"))["Ready"] == "True Synced"


async def test_prune_with_merge_removes_our_keys_only(world: World) -> None:
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    await world.connect()
    await world.create(SECRETS, "app", data=encode(mine="precious"))
    await world.bind("app", data=DATA, target={"whenMissing": "Prune", "creationPolicy": "Merge"})
    await world.ready("app")
    for name in ("a", "b"):
        world.vault.delete("secrets", name)
    await world.next_look()
    message = await world.told("app", "Pruned")
    assert "secret a, secret b are gone" in message
    assert await world.secret("app") == {"mine": b"precious"}
    world.vault.recover("secrets", "a")
    await world.next_look()
    assert await world.secret("app") == {"mine": b"precious", "a": b"1"}


async def test_a_type_that_needs_its_keys_keeps_its_secret(world: World) -> None:
    world.seed.issue_certificate("web", ["shop.example"])
    await world.connect()
    await world.bind("app", dataFrom=[{"tls": {"name": "web"}}], target={"whenMissing": "Prune"})
    await world.ready("app")
    before = await world.secret("app")
    world.vault.delete("certificates", "web")
    await world.next_look()
    await world.until(lambda: _is_kept(world))
    assert await world.secret("app") == before


async def _is_kept(world: World) -> bool:
    return (await world.conditions("app"))["Ready"] == "True SecretKept"


async def test_prune_of_an_immutable_secret_makes_it_anew(world: World) -> None:
    await start(world, "Prune", immutable=True)
    world.vault.delete("secrets", "a")
    await world.next_look()
    await world.told("app", "Pruned")
    assert await world.secret("app") == {"b": b"2"}
    assert await world.events() == ["Recreated app"]


@each_policy
async def test_a_policy_that_comes_later_applies_to_what_is_gone_already(world: World, policy: str) -> None:
    await start(world, "Retain")
    world.vault.delete("secrets", "a")
    await world.next_look()
    await world.told("app", "ObjectDeleted")
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"whenMissing": policy}}})
    await world.told("app", "Pruned" if policy == "Prune" else "SecretDeleted")
    found = await world.get(SECRETS, "app")
    assert (found is None) == (policy == "Delete")
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"whenMissing": "Retain"}}})
    await world.told("app", "ObjectDeleted")


async def test_a_secret_that_became_somebody_else_s_is_not_deleted(world: World) -> None:
    await start(world, "Delete")
    edit = {"ownerReferences": None, "annotations": {"vaultbind.dev/binding": None}}
    await world.patch(SECRETS, "app", {"metadata": edit})
    await world.noticed()
    await world.told("app", "SecretNotOwned")
    world.vault.delete("secrets", "a")
    await world.advance(LONG)
    assert await world.secret("app") == GOOD


async def test_a_pruned_secret_that_somebody_deletes_comes_back_pruned(world: World) -> None:
    await start(world, "Prune")
    world.vault.delete("secrets", "a")
    await world.next_look()
    await world.told("app", "Pruned")
    await world.delete(SECRETS, "app")
    await world.noticed()
    await world.told("app", "Pruned")
    assert await world.secret("app") == {"b": b"2"}


@pytest.mark.sandbox_only("the API server refuses statuses on demand")
async def test_a_crash_before_the_status_is_told_by_the_next_start(world: World) -> None:
    await start(world, "Delete")
    fault = ClusterFault(verb="patch", resource="vaultbindings.vaultbind.dev", status=500, count=None)
    world.sandbox.inject(fault)
    world.vault.delete("secrets", "a")
    await world.next_look()
    assert await world.get(SECRETS, "app") is None
    await world.restart(world.sandbox.faults.clear)
    await world.told("app", "SecretDeleted")
    assert (await world.status("app"))["objectCount"] == 0
    world.vault.recover("secrets", "a")
    await world.next_look()
    await world.ready("app")
    assert (await world.status("app"))["revision"] == 2


@each_policy
async def test_a_vault_that_is_away_at_the_start_leaves_what_was_told(world: World, policy: str) -> None:
    await start(world, policy)
    world.vault.delete("secrets", "a")
    await world.next_look()
    reason = "Pruned" if policy == "Prune" else "SecretDeleted"
    await world.told("app", reason)
    await world.restart(lambda: world.emulator.faults.add(Fault(status=503)))
    await world.advance(5)
    found = await world.get(SECRETS, "app")
    assert (found is None) == (policy == "Delete")
    world.emulator.faults.clear()

    async def is_told_after_a_while() -> bool:
        """One pass may still fall into a pause: then the next one is minutes away."""
        await world.advance(LONG)
        return await world.has(VAULT_BINDINGS, "app", "Synced", reason)

    await world.until(is_told_after_a_while)
