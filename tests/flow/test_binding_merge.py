"""creationPolicy Merge: keys added to a Secret of somebody else."""

from typing import Any

import pytest

from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

A = {"key": "a", "secret": {"name": "a"}}
B = {"key": "b", "secret": {"name": "b"}}
WRITTEN = ["create events app", "patch secrets app", "patch vaultbindings/status app"]
LONGEST_BACKOFF = 301


async def start(world: World, **data: str) -> None:
    """A vault with two secrets and, with data, a Secret `app` of somebody else."""
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    await world.connect()
    if data:
        await world.create(SECRETS, "app", data=encode(**data), metadata={"labels": {"mine": "1"}})


async def merge(world: World, *entries: Any, name: str = "app") -> str:
    """Bind entries into Secret `app`; returns the binding's uid."""
    target = {"name": "app", "creationPolicy": "Merge"}
    binding = await world.bind(name, data=list(entries), target=target)
    return str(binding["metadata"]["uid"])


async def test_merge_adds_keys_to_a_secret_of_somebody_else(world: World) -> None:
    await start(world, x="foreign")
    uid = await merge(world, A, B)
    await world.ready("app")
    assert await world.secret("app") == {"x": b"foreign", "a": b"1", "b": b"2"}
    metadata = (await world.there(SECRETS, "app"))["metadata"]
    assert "ownerReferences" not in metadata
    assert metadata["labels"] == {"mine": "1", "vaultbind.dev/managed": "true"}
    assert list(metadata["annotations"]) == [f"vaultbind.dev/source.{uid}"]
    managers = {entry["manager"] for entry in metadata["managedFields"]}
    assert f"vaultbind-{uid}" in managers
    spent = await world.spent()
    assert spent.writes == WRITTEN
    assert await world.events() == ["Updated app"]
    await world.calm()
    assert await world.spent() == Spent()


async def test_merge_waits_for_its_target(world: World) -> None:
    await start(world)
    await merge(world, A)
    assert "does not exist" in await world.told("app", "TargetNotFound")
    conditions = await world.conditions("app")
    assert (conditions["Ready"], conditions.get("Stalled")) == ("False TargetNotFound", None)
    assert await world.get(SECRETS, "app") is None
    await world.create(SECRETS, "app", data=encode(x="foreign"))
    await world.advance(LONGEST_BACKOFF)
    await world.ready("app")
    assert await world.secret("app") == {"x": b"foreign", "a": b"1"}


async def test_merge_takes_no_key_of_somebody_else(world: World) -> None:
    await start(world, a="foreign")
    await merge(world, A, B)
    message = await world.told("app", "KeyConflict")
    assert "key a of Secret app belongs to field manager person" in message
    assert (await world.conditions("app"))["Stalled"] == "True KeyConflict"
    assert await world.secret("app") == {"a": b"foreign"}
    await world.patch(SECRETS, "app", {"data": {"a": None}})
    await world.advance(LONGEST_BACKOFF)
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1", "b": b"2"}
    assert (await world.conditions("app")).get("Stalled") is None


async def test_merge_follows_the_vault(world: World) -> None:
    await start(world, x="foreign")
    await merge(world, A, B)
    await world.ready("app")
    await world.calm()
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.secret("app") == {"x": b"foreign", "a": b"new", "b": b"2"}
    assert (await world.spent()).writes == WRITTEN


async def test_merge_prunes_its_own_key_and_no_other(world: World) -> None:
    await start(world, x="foreign")
    await merge(world, A, B)
    await world.ready("app")
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"data": [B]}})
    await world.ready("app")
    assert await world.secret("app") == {"x": b"foreign", "b": b"2"}


@pytest.mark.get_on_real
async def test_changes_of_others_are_theirs_and_ours_come_back(world: World) -> None:
    await start(world, x="foreign")
    await merge(world, A, B)
    await world.ready("app")
    await world.calm()
    await world.patch(SECRETS, "app", {"data": {"a": None, **encode(x="edited", y="added")}})
    await world.noticed()
    assert await world.secret("app") == {"x": b"edited", "y": b"added", "a": b"1", "b": b"2"}
    assert await world.events() == ["Repaired app"]
    await world.calm()
    assert await world.spent() == Spent()


async def test_a_key_that_somebody_takes_over_is_a_conflict(world: World) -> None:
    await start(world, x="foreign")
    await merge(world, A, B)
    await world.ready("app")
    await world.patch(SECRETS, "app", {"data": encode(a="taken")})
    await world.noticed()
    await world.told("app", "KeyConflict")
    assert await world.secret("app") == {"x": b"foreign", "a": b"taken", "b": b"2"}


async def test_two_bindings_merge_into_one_secret(world: World) -> None:
    await start(world, x="foreign")
    await merge(world, A, name="one")
    await merge(world, B, name="two")
    await world.ready("one", "two")
    assert await world.secret("app") == {"x": b"foreign", "a": b"1", "b": b"2"}
    await world.calm()
    world.vault.set_secret("b", "new")
    await world.next_look()
    assert (await world.secret("app"))["b"] == b"new"
    await world.calm()
    assert await world.spent() == Spent()


async def test_merged_keys_stay_when_the_binding_goes(world: World) -> None:
    await start(world, x="foreign")
    await merge(world, A)
    await world.ready("app")
    await world.delete(VAULT_BINDINGS, "app")
    await world.until(lambda: _is_gone(world))
    await world.next_look()
    assert await world.secret("app") == {"x": b"foreign", "a": b"1"}


async def _is_gone(world: World) -> bool:
    return await world.get(VAULT_BINDINGS, "app") is None


@pytest.mark.parametrize("part", ["labels", "annotations"])
async def test_merge_survives_the_loss_of_its_marks(world: World, part: str) -> None:
    await start(world, x="foreign")
    await merge(world, A)
    await world.ready("app")
    await world.calm()
    before = (await world.there(SECRETS, "app"))["metadata"]
    await world.patch(SECRETS, "app", {"metadata": {part: None}})
    await world.noticed()
    after = (await world.there(SECRETS, "app"))["metadata"]
    assert after["labels"]["vaultbind.dev/managed"] == "true"
    assert before["annotations"].keys() == after["annotations"].keys()
    assert await world.secret("app") == {"x": b"foreign", "a": b"1"}
    await world.calm()
    assert await world.spent() == Spent()


async def test_merge_waits_again_when_the_secret_goes(world: World) -> None:
    await start(world, x="foreign")
    await merge(world, A)
    await world.ready("app")
    await world.delete(SECRETS, "app")
    await world.noticed()
    await world.told("app", "TargetNotFound")
    await world.create(SECRETS, "app", data=encode(y="again"))
    await world.advance(LONGEST_BACKOFF)
    await world.ready("app")
    assert await world.secret("app") == {"y": b"again", "a": b"1"}


async def test_an_owned_secret_is_not_merged_into(world: World) -> None:
    """Another creationPolicy for a Secret of our own: told, and taken back by the old policy."""
    await start(world)
    await world.bind("app", data=[A])
    await world.ready("app")
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"creationPolicy": "Merge"}}})
    assert "belongs to field manager vaultbind;" in await world.told("app", "KeyConflict")
    assert await world.secret("app") == {"a": b"1"}
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"creationPolicy": "Owner"}}})
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
    assert (await world.status("app"))["revision"] == 1
