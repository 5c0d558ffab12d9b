"""Without a watch of Secrets, and without the right to it: a look at a vault also looks at their metadata."""

from typing import Any

import pytest

from tests.flow.world import World
from tests.flow.world_cluster import encode
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, SECRETS, VAULT_BINDINGS
from vaultbind.settings import DriftDetection

DATA = [{"key": name, "secret": {"name": name}} for name in ("a", "b")]
QUIET = ["get secrets app"]
REPAIR = ["create events app", "patch secrets app"]


@pytest.fixture
def drift() -> DriftDetection:
    return DriftDetection.GET


@pytest.fixture
async def bound(world: World) -> World:
    """One binding `app` of the secrets a and b, at rest."""
    world.seed.set_secret("a", "one")
    world.seed.set_secret("b", "two")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    return world


async def test_a_first_sync_asks_for_nothing(world: World) -> None:
    world.seed.set_secret("a", "one")
    world.seed.set_secret("b", "two")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    spent = await world.spent()
    assert [line for line in spent.reads if "secrets" in line] == []
    assert spent.writes[-2:] == ["create secrets app", "patch vaultbindings/status app"]


async def test_a_quiet_look_costs_one_read_per_secret_and_no_write(bound: World) -> None:
    await bound.calm()
    await bound.next_look()
    spent = await bound.spent()
    assert (spent.asked, spent.reads, spent.writes, spent.vault) == (QUIET, [], [], ["secrets.list"])


async def test_a_rotation_arrives(bound: World) -> None:
    await bound.calm()
    bound.vault.set_secret("a", "new")
    await bound.next_look()
    assert await bound.secret("app") == {"a": b"new", "b": b"two"}
    assert "patch secrets app" in (await bound.spent()).writes


EDITS = [
    pytest.param({"data": encode(a="edited")}, id="a value is changed"),
    pytest.param({"data": encode(c="more")}, id="a key is added"),
    pytest.param({"data": {"a": None}}, id="a key is removed"),
    pytest.param({"metadata": {"labels": {"vaultbind.dev/managed": None}}}, id="our label is removed"),
    pytest.param({"metadata": {"annotations": {"vaultbind.dev/source": None}}}, id="our mark is removed"),
]


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edit_is_undone_with_the_next_look(bound: World, edit: dict[str, Any]) -> None:
    await bound.calm()
    before = await bound.there(SECRETS, "app")
    await bound.patch(SECRETS, "app", edit)
    await bound.settled()
    assert (await bound.spent()).writes == [], "nothing tells of it before"
    await bound.next_look()
    after = await bound.there(SECRETS, "app")
    assert after["data"] == before["data"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert "patch secrets app" in (await bound.spent()).writes


async def test_a_deleted_secret_comes_back_with_the_next_look(bound: World) -> None:
    await bound.calm()
    await bound.delete(SECRETS, "app")
    await bound.next_look()
    assert await bound.secret("app") == {"a": b"one", "b": b"two"}
    assert "create secrets app" in (await bound.spent()).writes


async def test_one_that_takes_the_place_of_ours_is_left_alone(bound: World) -> None:
    await bound.calm()
    await bound.delete(SECRETS, "app")
    await bound.create(SECRETS, "app", data=encode(x="theirs"))
    await bound.next_look()
    assert await bound.secret("app") == {"x": b"theirs"}
    assert (await bound.conditions("app"))["Synced"] == "False SecretNotOwned"


async def test_a_restart_costs_one_read_per_secret_and_no_write(bound: World) -> None:
    await bound.calm()
    await bound.restart()
    spent = await bound.spent()
    assert spent.asked == QUIET
    assert [line for line in spent.reads if "secrets" in line] == []
    assert (spent.writes, spent.vault) == ([], ["secrets.list"])


async def test_an_edit_while_nobody_ran_is_undone_at_the_start(bound: World) -> None:
    await bound.calm()
    await bound.restart(lambda: bound.patch(SECRETS, "app", {"data": encode(a="edited")}))
    assert (await bound.secret("app"))["a"] == b"one"


async def test_a_former_target_goes_although_nobody_saw_it_since_the_start(bound: World) -> None:
    await bound.calm()
    change = {"spec": {"target": {"name": "other"}}}
    await bound.restart(lambda: bound.patch(VAULT_BINDINGS, "app", change))
    await bound.ready("app")
    assert await bound.secret("other") == {"a": b"one", "b": b"two"}
    assert await bound.get(SECRETS, "app") is None


async def test_a_secret_that_is_kept_counts_although_nobody_saw_it_since_the_start(bound: World) -> None:
    await bound.calm()
    await bound.restart(lambda: bound.delete(CLUSTER_KEY_VAULTS, bound.vault_name))
    conditions = await bound.conditions("app")
    assert conditions["Synced"] == "False KeyVaultNotFound"
    assert conditions["Ready"].startswith("True")


async def test_keys_in_somebodys_secret_are_looked_after(world: World) -> None:
    world.seed.set_secret("a", "one")
    await world.connect()
    await world.create(SECRETS, "shared", data=encode(x="theirs"))
    await world.bind("app", data=DATA[:1], target={"name": "shared", "creationPolicy": "Merge"})
    await world.ready("app")
    await world.calm()
    await world.patch(SECRETS, "shared", {"data": {"a": None}})
    await world.next_look()
    assert await world.secret("shared") == {"a": b"one", "x": b"theirs"}


@pytest.mark.sandbox_only("it counts by verb; on the real one the role without list and watch says the same")
async def test_no_secret_is_listed_or_watched(bound: World) -> None:
    await bound.calm()
    verbs = {key.verb for key in bound.sandbox.stats.as_mapping() if key.resource == "secrets"}
    assert "get" in verbs
    assert not verbs & {"list", "watch"}
