"""target.immutable: a Secret that is made anew for each change, and changed in nothing but its metadata."""

from dataclasses import replace
from typing import Any

import pytest

from tests.flow.world import Spent, World
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS
from vaultbind.sandbox.faults import Fault as ClusterFault

pytestmark = pytest.mark.both_drifts

DATA = [{"key": "a", "secret": {"name": "a"}}]
RECREATED = [
    "create events app",
    "create secrets",  # the trial
    "create secrets app",
    "delete secrets app",
    "patch vaultbindings/status app",
]


async def start(world: World, **target: Any) -> str:
    """One binding `app`, at rest; returns the uid of its Secret."""
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA, target={"immutable": True, **target})
    await world.ready("app")
    await world.calm()
    return await uid_of(world)


async def uid_of(world: World) -> str:
    """Uid of the Secret."""
    return str((await world.there(SECRETS, "app"))["metadata"]["uid"])


async def is_immutable(world: World) -> bool:
    """Whether the Secret is."""
    return bool((await world.there(SECRETS, "app")).get("immutable"))


@pytest.mark.get_on_real
@pytest.mark.parametrize("policy", ["Owner", "Orphan"])
async def test_a_change_makes_an_immutable_secret_anew(world: World, policy: str) -> None:
    before = await start(world, creationPolicy=policy, labels={"team": "shop"})
    assert await is_immutable(world)
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.secret("app") == {"a": b"new"}
    assert await is_immutable(world)
    assert await uid_of(world) != before
    assert (await world.there(SECRETS, "app"))["metadata"]["labels"]["team"] == "shop"
    assert (await world.spent()).writes == RECREATED
    assert await world.events() == ["Recreated app"]
    assert (await world.status("app"))["revision"] == 2
    assert len(await world.cluster.objects(SECRETS, world.namespace, "vaultbind.dev/managed=true")) == 1
    await world.calm()
    assert await world.spent() == Spent()
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_what_is_no_content_is_patched(world: World) -> None:
    """The mark after an edited tag, labels of the spec, labels that somebody took away."""
    before = await start(world, labels={"team": "shop"})
    world.vault.update_secret("a", tags={"team": "shop"})
    await world.next_look()
    assert (await world.spent()).writes == ["patch secrets app"]
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"labels": {"team": "other"}}}})
    await world.ready("app")
    await world.patch(SECRETS, "app", {"metadata": {"labels": {"team": None}}})
    await world.noticed()
    secret = await world.there(SECRETS, "app")
    assert secret["metadata"]["labels"]["team"] == "other"
    assert (secret["metadata"]["uid"], await is_immutable(world)) == (before, True)
    assert (await world.status("app"))["revision"] == 1


@pytest.mark.get_on_real
async def test_it_may_be_turned_on_and_off(world: World) -> None:
    before = await start(world, immutable=False)
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"immutable": True}}})
    await world.ready("app")
    assert (await is_immutable(world), await uid_of(world)) == (True, before)
    assert (await world.spent()).writes == ["patch secrets app", "patch vaultbindings/status app"]
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"immutable": None}}})
    await world.ready("app")
    assert not await is_immutable(world)
    assert (await world.spent()).writes == RECREATED
    assert await world.secret("app") == {"a": b"1"}
    assert (await world.status("app"))["revision"] == 1, "the content is the same"
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.secret("app") == {"a": b"new"}
    assert "patch secrets app" in (await world.spent()).writes
    await world.calm()
    assert await world.spent() == Spent()


async def test_a_secret_that_a_person_locked_is_left_so_until_its_content_changes(world: World) -> None:
    before = await start(world, immutable=False)
    await world.patch(SECRETS, "app", {"immutable": True})
    await world.noticed()
    world.vault.update_secret("a", tags={"team": "shop"})
    await world.next_look()
    assert (await is_immutable(world), await uid_of(world)) == (True, before)
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.secret("app") == {"a": b"new"}
    assert not await is_immutable(world)


async def test_a_deleted_one_comes_back_immutable(world: World) -> None:
    await start(world)
    await world.delete(SECRETS, "app")
    await world.noticed()
    assert await world.secret("app") == {"a": b"1"}
    assert await is_immutable(world)
    assert await world.events() == ["Repaired app"]


async def test_a_new_secret_that_the_cluster_refuses_leaves_the_old_one(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    data = [{"key": ".dockerconfigjson", "secret": {"name": "a"}}]
    await world.bind("app", data=data, target={"immutable": True})
    await world.ready("app")
    before = await uid_of(world)
    if world.cluster.sandbox is not None:  # it does not read such files, so it needs to be told
        world.cluster.sandbox.inject(ClusterFault(verb="create", resource="secrets", status=422, count=None))
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"type": "kubernetes.io/dockerconfigjson"}}})
    await world.told("app", "ClusterError")
    assert await uid_of(world) == before
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"


@pytest.mark.sandbox_only("the API server takes the trial of a creation and refuses the creation, on demand")
@pytest.mark.parametrize("restart", [False, True], ids=["goes on", "dies"])
async def test_between_deletion_and_creation_all_may_break(world: World, restart: bool) -> None:
    """The API server fails just then: the next turn or life, makes the Secret as a new revision."""
    await start(world)
    create = ClusterFault(verb="create", resource="secrets")
    world.sandbox.inject(create)  # the trial passes
    world.sandbox.inject(replace(create, status=500, count=None))
    world.vault.set_secret("a", "new")
    await world.next_look()
    await world.told("app", "ClusterError")
    assert await world.get(SECRETS, "app") is None
    if restart:
        await world.restart(world.sandbox.faults.clear)
    else:
        world.sandbox.faults.clear()
        await world.advance(301)
    await world.ready("app")
    assert await world.secret("app") == {"a": b"new"}
    assert await is_immutable(world)
    assert (await world.status("app"))["revision"] == 2, (
        "other content is another revision: workloads restart"
    )
