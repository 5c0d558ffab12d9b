"""creationPolicy Orphan: a Secret that is ours by its label, and stays when the binding goes."""

from typing import Any

import pytest

from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

DATA = [{"key": "a", "secret": {"name": "a"}}]
B = [{"key": "b", "secret": {"name": "b"}}]
ORPHAN = {"creationPolicy": "Orphan"}
LONGEST_BACKOFF = 301


async def start(world: World, **target: object) -> None:
    """One binding `app` whose Secret stays, at rest."""
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    await world.connect()
    await world.bind("app", data=DATA, target={**ORPHAN, **target})
    await world.ready("app")
    await world.calm()


async def metadata(world: World, name: str = "app") -> dict[str, Any]:
    """Metadata of a Secret."""
    found: dict[str, Any] = (await world.there(SECRETS, name))["metadata"]
    return found


async def is_ours(world: World, binding: str = "app", *, controlled: bool) -> bool:
    """Whether Secret `app` carries the binding's uid, and is controlled by it or by nobody."""
    uid = (await world.there(VAULT_BINDINGS, binding))["metadata"]["uid"]
    found = await metadata(world)
    owners = [owner["uid"] for owner in found.get("ownerReferences") or ()]
    return found["labels"]["vaultbind.dev/binding-uid"] == uid and owners == [uid] * controlled


@pytest.mark.get_on_real
async def test_the_secret_stays_when_the_binding_goes(world: World) -> None:
    await start(world)
    assert await is_ours(world, controlled=False)
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.secret("app") == {"a": b"new"}
    await world.calm()
    assert await world.spent() == Spent()
    await world.restart()
    assert (await world.spent()).writes == []
    before = await metadata(world)
    await world.delete(VAULT_BINDINGS, "app")
    await world.next_look()
    assert await world.secret("app") == {"a": b"new"}
    assert await metadata(world) == before
    assert set((await world.spent()).writes) <= set(world.vault_status()), "only the count of objects"


async def test_a_binding_made_anew_takes_up_its_former_secret(world: World) -> None:
    """As a restored backup: the Secret names the binding, and nobody else has it."""
    await start(world)
    uid = (await metadata(world))["uid"]
    await world.delete(VAULT_BINDINGS, "app")
    await world.settled()
    world.vault.set_secret("a", "new")
    await world.bind("app", data=DATA, target=ORPHAN)
    await world.ready("app")
    assert await world.secret("app") == {"a": b"new"}
    assert (await metadata(world))["uid"] == uid
    assert await is_ours(world, controlled=False)
    await world.calm()
    assert await world.spent() == Spent()


@pytest.mark.parametrize("policy", ["Owner", "Orphan"])
async def test_another_binding_is_refused_until_the_secret_is_handed_over(world: World, policy: str) -> None:
    await start(world)
    before = await metadata(world)
    await world.bind("second", data=B, target={"name": "app", "creationPolicy": policy})
    message = await world.told("second", "SecretNotOwned")
    assert "belongs to VaultBinding app by its annotation" in message
    await world.delete(VAULT_BINDINGS, "app")
    await world.advance(LONGEST_BACKOFF)
    assert "VaultBinding app" in await world.told("second", "SecretNotOwned")
    assert await metadata(world) == before, "that its binding is gone makes it nobody's"
    await world.patch(SECRETS, "app", {"metadata": {"annotations": {"vaultbind.dev/adopt": "second"}}})
    await world.advance(LONGEST_BACKOFF)
    await world.ready("second")
    assert await world.secret("app") == {"b": b"2"}
    assert await is_ours(world, "second", controlled=policy == "Owner")
    assert "vaultbind.dev/adopt" not in (await metadata(world))["annotations"]


async def test_a_secret_handed_over_is_no_longer_the_first_binding_s(world: World) -> None:
    await start(world)
    await world.bind("second", data=B, target={"name": "app", **ORPHAN})
    await world.told("second", "SecretNotOwned")
    await world.patch(SECRETS, "app", {"metadata": {"annotations": {"vaultbind.dev/adopt": "second"}}})
    await world.noticed()
    await world.advance(LONGEST_BACKOFF)
    await world.ready("second")
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert "VaultBinding second" in await world.told("app", "SecretNotOwned")
    assert await world.secret("app") == {"b": b"2"}
    await world.advance(2 * LONGEST_BACKOFF)
    await world.mark()
    await world.advance(LONGEST_BACKOFF)
    assert (await world.spent()).writes == []
    assert await is_ours(world, "second", controlled=False)


async def test_a_foreign_secret_is_refused(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    before = await world.create(SECRETS, "app", data=encode(mine="precious"))
    await world.bind("app", data=DATA, target=ORPHAN)
    message = await world.told("app", "SecretNotOwned")
    assert "nobody that controls it" in message
    assert await world.there(SECRETS, "app") == before


@pytest.mark.get_on_real
async def test_the_policy_may_change_both_ways(world: World) -> None:
    await start(world)
    uid = (await metadata(world))["uid"]
    for policy in ("Owner", "Orphan"):
        await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"creationPolicy": policy}}})
        await world.ready("app")
        assert await is_ours(world, controlled=policy == "Owner"), policy
        assert (await world.spent()).writes == ["patch secrets app", "patch vaultbindings/status app"]
    assert (await metadata(world))["uid"] == uid
    assert (await world.status("app"))["revision"] == 1
    assert await world.events() == []
    await world.calm()
    assert await world.spent() == Spent()
    await world.delete(VAULT_BINDINGS, "app")
    await world.next_look()
    assert await world.secret("app") == {"a": b"1"}


EDITS = {
    "value": {"data": encode(a="edited")},
    "our label": {"metadata": {"labels": {"vaultbind.dev/managed": None}}},
    "our annotation": {"metadata": {"annotations": {"vaultbind.dev/binding": None}}},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=list(EDITS))
async def test_an_edited_secret_is_repaired(world: World, edit: dict[str, Any]) -> None:
    await start(world)
    await world.patch(SECRETS, "app", edit)
    await world.noticed()
    assert await world.secret("app") == {"a": b"1"}
    assert await is_ours(world, controlled=False)
    assert (await metadata(world))["labels"]["vaultbind.dev/managed"] == "true"
    assert (await metadata(world))["annotations"]["vaultbind.dev/binding"] == "app"


async def test_a_secret_without_any_sign_of_ours_is_nobody_s(world: World) -> None:
    await start(world)
    labels = dict.fromkeys(("vaultbind.dev/managed", "vaultbind.dev/binding-uid"))
    await world.patch(SECRETS, "app", {"metadata": {"labels": labels}})
    await world.noticed()
    await world.told("app", "SecretNotOwned")
    assert await world.secret("app") == {"a": b"1"}


async def test_a_former_target_stays(world: World) -> None:
    await start(world)
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"name": "other"}}})
    await world.ready("app")
    assert await world.secret("other") == {"a": b"1"}
    assert await world.secret("app") == {"a": b"1"}
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"name": "app"}}})
    await world.ready("app")
    assert (await world.status("app"))["secretName"] == "app"
    await world.calm()
    assert await world.spent() == Spent()


async def test_a_deleted_secret_comes_back(world: World) -> None:
    await start(world)
    await world.delete(SECRETS, "app")
    await world.noticed()
    assert await world.secret("app") == {"a": b"1"}
    assert await is_ours(world, controlled=False)
    assert await world.events() == ["Repaired app"]
