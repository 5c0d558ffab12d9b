"""Whose Secret it is: foreign ones are refused, handed-over ones adopted, one target has one binding."""

from typing import Any

import pytest

from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.kube.resources import CONFIG_MAPS, SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

DATA = [{"key": "a", "secret": {"name": "a"}}]
FOREIGN = encode(mine="precious")
LONGEST_BACKOFF = 301


async def start(world: World) -> None:
    """A vault with one secret."""
    world.seed.set_secret("a", "1")
    await world.connect()


async def refused(world: World, name: str = "app") -> str:
    """Bind `name`, which must be refused; returns the message."""
    await world.bind(name, data=DATA, target={"name": "app"})
    return await world.told(name, "SecretNotOwned")


async def test_a_foreign_secret_is_refused(world: World) -> None:
    await start(world)
    before = await world.create(SECRETS, "app", data=FOREIGN)
    message = await refused(world)
    assert "nobody that controls it" in message
    assert "vaultbind.dev/adopt: app" in message
    assert await world.there(SECRETS, "app") == before
    assert await world.conditions("app") == {
        "Ready": "False SecretNotOwned",
        "Synced": "False SecretNotOwned",
        "Stalled": "True SecretNotOwned",
    }
    spent = await world.spent()
    assert spent.writes == ["create events app", "create secrets app", "patch vaultbindings/status app"]
    assert [*spent.reads, *spent.asked] == ["get secrets app"]
    await world.advance(LONGEST_BACKOFF)
    assert (await world.spent()).writes == world.vault_status()
    await world.advance(LONGEST_BACKOFF)
    assert (await world.spent()).writes == []
    assert await world.events() == ["SecretNotOwned app"]
    assert await world.there(SECRETS, "app") == before


async def test_the_message_names_the_owner(world: World) -> None:
    await start(world)
    owner = await world.create(CONFIG_MAPS, "chart")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "chart", "uid": owner["metadata"]["uid"]}
    metadata = {"ownerReferences": [{**reference, "controller": True}]}
    await world.create(SECRETS, "app", data=FOREIGN, metadata=metadata)
    assert "belongs to ConfigMap chart" in await refused(world)


async def test_a_foreign_secret_in_our_own_colours_is_refused(world: World) -> None:
    """Our label alone, or the name of another binding, makes nobody an owner."""
    await start(world)
    metadata = {
        "labels": {"vaultbind.dev/managed": "true"},
        "annotations": {"vaultbind.dev/binding": "other"},
    }
    await world.create(SECRETS, "app", data=FOREIGN, metadata=metadata)
    await world.settled()
    await refused(world)
    assert await world.secret("app") == {"mine": b"precious"}


@pytest.mark.get_on_real
async def test_a_person_hands_a_secret_over(world: World) -> None:
    await start(world)
    await world.create(SECRETS, "app", data=FOREIGN)
    await refused(world)
    edit = {"metadata": {"annotations": {"vaultbind.dev/adopt": "app"}}}
    await world.patch(SECRETS, "app", edit)
    await world.advance(LONGEST_BACKOFF)
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
    await assert_ours(world)
    annotations = (await world.there(SECRETS, "app"))["metadata"]["annotations"]
    assert "vaultbind.dev/adopt" not in annotations
    assert (await world.conditions("app")).get("Stalled") is None
    await world.calm()
    assert await world.spent() == Spent()


async def test_a_handover_to_another_binding_is_none(world: World) -> None:
    await start(world)
    metadata = {"annotations": {"vaultbind.dev/adopt": "somebody"}}
    await world.create(SECRETS, "app", data=FOREIGN, metadata=metadata)
    await refused(world)
    assert await world.secret("app") == {"mine": b"precious"}


@pytest.mark.parametrize("is_first", [True, False], ids=["backup first", "binding first"])
async def test_a_restored_backup_is_adopted(world: World, is_first: bool) -> None:
    await start(world)
    metadata = {
        "labels": {"vaultbind.dev/managed": "true", "vaultbind.dev/binding-uid": "of-a-former-life"},
        "annotations": {"vaultbind.dev/binding": "app"},
    }
    if is_first:
        await world.create(SECRETS, "app", data=encode(a="old"), metadata=metadata)
        await world.settled()
        await world.bind("app", data=DATA)
    else:
        await world.bind("app", data=DATA, suspend=True)
        await world.create(SECRETS, "app", data=encode(a="old"), metadata=metadata)
        await world.patch(VAULT_BINDINGS, "app", {"spec": {"suspend": False}})
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
    await assert_ours(world)
    await world.calm()
    assert await world.spent() == Spent()


async def assert_ours(world: World) -> None:
    """The Secret belongs to binding `app` in every respect."""
    uid = (await world.there(VAULT_BINDINGS, "app"))["metadata"]["uid"]
    metadata: dict[str, Any] = (await world.there(SECRETS, "app"))["metadata"]
    assert [owner["uid"] for owner in metadata["ownerReferences"]] == [uid]
    assert metadata["labels"]["vaultbind.dev/binding-uid"] == uid
    assert metadata["labels"]["vaultbind.dev/managed"] == "true"
    assert metadata["annotations"]["vaultbind.dev/binding"] == "app"


@pytest.mark.get_on_real
async def test_of_two_bindings_the_first_keeps_the_target(world: World) -> None:
    await start(world)
    world.seed.set_secret("b", "2")
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.bind("second", data=[{"key": "b", "secret": {"name": "b"}}], target={"name": "app"})
    message = await world.told("second", "SecretNotOwned")
    assert "belongs to VaultBinding app" in message
    assert await world.secret("app") == {"a": b"1"}
    await world.calm()
    await world.advance(LONGEST_BACKOFF)
    assert (await world.spent()).writes == []
    first = (await world.there(SECRETS, "app"))["metadata"]["uid"]
    await world.delete(VAULT_BINDINGS, "app")
    await world.until(lambda: _is_collected(world, first))
    await world.noticed()
    await world.ready("second")
    assert await world.secret("app") == {"b": b"2"}
    assert (await world.conditions("second")).get("Stalled") is None


async def _is_collected(world: World, uid: str) -> bool:
    found = await world.get(SECRETS, "app")
    return found is None or found["metadata"]["uid"] != uid


async def test_after_the_foreign_secret_is_gone_the_binding_takes_its_place(world: World) -> None:
    await start(world)
    await world.create(SECRETS, "app", data=FOREIGN)
    await refused(world)
    await world.delete(SECRETS, "app")
    await world.advance(LONGEST_BACKOFF)
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
    assert await world.conditions("app") == {
        "Ready": "True Synced",
        "Synced": "True Synced",
        "Expiring": "False Valid",
    }


async def test_a_foreign_secret_that_takes_the_place_of_ours_is_left_alone(world: World) -> None:
    await start(world)
    await world.bind("app", data=DATA)
    await world.ready("app")
    edit = {"metadata": {"ownerReferences": None, "labels": {"vaultbind.dev/managed": None}}}
    edit["metadata"]["annotations"] = {"vaultbind.dev/binding": None}
    await world.patch(SECRETS, "app", edit)
    await world.noticed()
    await world.told("app", "SecretNotOwned")
    metadata = (await world.there(SECRETS, "app"))["metadata"]
    assert "ownerReferences" not in metadata
    assert await world.secret("app") == {"a": b"1"}
