"""The API server refuses, conflicts, or loses an answer: told, tried again, never doubled."""

import pytest

from tests.flow.test_rollout import begin, named, workload
from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, DEPLOYMENTS, SECRETS, VAULT_BINDINGS
from vaultbind.rollouts.apply import CONFLICT_SECONDS
from vaultbind.sandbox.faults import Fault

pytestmark = pytest.mark.both_drifts
faulty_server = pytest.mark.sandbox_only("the API server refuses and loses answers on demand")

DATA = [{"key": "a", "secret": {"name": "a"}}]
BINDINGS = "vaultbindings.vaultbind.dev"
LONGEST_BACKOFF = 301


async def start(world: World, *, bound: bool = True) -> None:
    """A vault with one secret, and binding `app` of it, at rest."""
    world.seed.set_secret("a", "1")
    await world.connect()
    if bound:
        await world.bind("app", data=DATA)
        await world.ready("app")
        await world.calm()


async def assert_at_rest(world: World, value: bytes) -> None:
    """Binding `app` is right and costs nothing any more."""
    await world.ready("app")
    assert await world.secret("app") == {"a": value}
    assert (await world.conditions("app"))["Ready"] == "True Synced"
    await world.calm()
    assert await world.spent() == Spent()


@faulty_server
@pytest.mark.parametrize("status", [403, 422, 500])
async def test_a_refused_creation_is_told_and_tried_again(world: World, status: int) -> None:
    await start(world, bound=False)
    world.sandbox.inject(Fault(verb="create", resource="secrets", status=status, count=None))
    await world.bind("app", data=DATA)
    await world.told("app", "ClusterError")
    assert await world.conditions("app") == {"Ready": "False ClusterError", "Synced": "False ClusterError"}
    assert await world.events() == ["ClusterError app"]
    world.sandbox.faults.clear()
    await world.advance(LONGEST_BACKOFF)
    await assert_at_rest(world, b"1")
    assert (await world.status("app"))["revision"] == 1


@faulty_server
async def test_a_refused_update_keeps_the_secret_ready(world: World) -> None:
    await start(world)
    world.sandbox.inject(Fault(verb="patch", resource="secrets", status=500, count=None))
    world.vault.set_secret("a", "2")
    await world.next_look()
    await world.told("app", "ClusterError")
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    world.sandbox.faults.clear()
    await world.advance(LONGEST_BACKOFF)
    await assert_at_rest(world, b"2")
    assert (await world.status("app"))["revision"] == 2


@faulty_server
@pytest.mark.parametrize("verb", ["get", "patch"])
async def test_a_conflict_is_looked_at_again(world: World, verb: str) -> None:
    """Once refused, once found gone: nothing is told, the next try is soon."""
    await start(world)
    world.sandbox.inject(Fault(verb=verb, resource="secrets", status={"get": 500, "patch": 409}[verb]))
    world.vault.set_secret("a", "2")
    await world.next_look()
    await world.advance(LONGEST_BACKOFF)
    await assert_at_rest(world, b"2")


@faulty_server
@pytest.mark.parametrize("status", [409, 500])
async def test_a_status_that_is_not_taken_is_written_later(world: World, status: int) -> None:
    await start(world, bound=False)
    world.sandbox.inject(Fault(verb="patch", resource=BINDINGS, subresource="status", status=status))
    await world.bind("app", data=DATA)
    await world.until(lambda: world.sandbox.stats.count(resource=BINDINGS, status=status) > 0)
    await world.advance(LONGEST_BACKOFF)
    await world.ready("app")
    spent = await world.spent()
    assert [line for line in spent.writes if "secrets" in line] == ["create secrets app"]
    await assert_at_rest(world, b"1")
    assert (await world.status("app"))["revision"] == 1


@faulty_server
async def test_an_answer_that_is_lost_after_the_creation(world: World) -> None:
    """The Secret is there, but nobody knows: it is found to be ours, not made twice, not refused."""
    await start(world, bound=False)
    world.sandbox.inject(Fault(verb="create", resource="secrets", cut=True, after_write=True))
    await world.bind("app", data=DATA)
    await world.until(lambda: _is_there(world))
    await world.advance(LONGEST_BACKOFF)
    await assert_at_rest(world, b"1")
    assert (await world.status("app"))["revision"] == 1


async def _is_there(world: World) -> bool:
    return await world.get(SECRETS, "app") is not None


@faulty_server
async def test_an_answer_that_is_lost_after_an_update(world: World) -> None:
    await start(world)
    world.sandbox.inject(Fault(verb="patch", resource="secrets", cut=True, after_write=True))
    world.vault.set_secret("a", "2")
    await world.next_look()
    await world.advance(LONGEST_BACKOFF)
    await assert_at_rest(world, b"2")
    assert (await world.status("app"))["revision"] == 2


@faulty_server
async def test_a_former_secret_that_cannot_be_deleted_goes_later(world: World) -> None:
    await start(world)
    world.sandbox.inject(Fault(verb="delete", resource="secrets", status=500))
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"name": "other"}}})
    await world.ready("app")
    assert await world.get(SECRETS, "app") is None
    assert await world.secret("other") == {"a": b"1"}


@pytest.mark.sandbox_only("the API server breaks and expires watches on demand")
async def test_watches_that_break_lose_nothing(world: World) -> None:
    await start(world)
    world.sandbox.drop_watches()
    await world.patch(SECRETS, "app", {"data": encode(a="hacked")})
    await world.noticed()
    await world.until(lambda: _is(world, b"1"))
    world.sandbox.expire_watches()
    await world.patch(SECRETS, "app", {"data": encode(a="hacked")})
    await world.noticed()
    await world.until(lambda: _is(world, b"1"))
    await assert_at_rest(world, b"1")


async def _is(world: World, value: bytes) -> bool:
    return await world.secret("app") == {"a": value}


async def test_a_vault_that_is_not_usable_is_told_on_its_bindings(world: World) -> None:
    await start(world)
    url = {"spec": {"url": "https://shop.vault.example"}}
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, url)
    message = await world.told("app", "KeyVaultNotReady")
    assert "UrlNotAllowed" in message
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    url = {"spec": {"url": world.vault_spec()["url"]}}
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, url)
    await assert_at_rest(world, b"1")


@faulty_server
@pytest.mark.parametrize("status", [409, 500])
async def test_a_change_without_a_secret_is_not_lost_with_the_status_that_tells_it(
    world: World, status: int
) -> None:
    """Nothing else says that it was seen: a rollout would never come."""
    await start(world, bound=False)
    await world.bind("app", data=DATA, target={"creationPolicy": "None"})
    await world.ready("app")
    await world.calm()
    world.sandbox.inject(Fault(verb="patch", resource=BINDINGS, subresource="status", status=status))
    world.vault.set_secret("a", "2")
    await world.next_look()
    await world.advance(LONGEST_BACKOFF)
    assert (await world.status("app"))["revision"] == 2
    await world.calm()
    assert await world.spent() == Spent()


@faulty_server
@pytest.mark.watch_only("without it a look gives the binding another turn at once, which restarts the rest")
async def test_a_restart_that_meets_another_write_is_done_a_moment_later(world: World) -> None:
    """Whoever scales a workload at that moment must not take its restart away; nothing is told of it."""
    await world.create(DEPLOYMENTS, "web", **workload("web"))
    await world.create(DEPLOYMENTS, "zoo", **workload("zoo"))
    both = [{"kind": "Deployment", "name": name} for name in ("web", "zoo")]
    annotation = await begin(world, {"restart": both})
    world.sandbox.inject(Fault(verb="patch", resource="deployments.apps", status=409))
    world.vault.set_secret("a", "2")
    await world.next_look()
    assert await named(world, DEPLOYMENTS, "zoo", annotation) == "2", "others need not wait"
    await world.advance(CONFLICT_SECONDS)
    assert await named(world, DEPLOYMENTS, "web", annotation) == "2"
    restarts = [line for line in (await world.spent()).writes if "deployments" in line]
    assert restarts == ["patch deployments web"] * 2 + ["patch deployments zoo"]
    assert (await world.status("app"))["rolloutRevision"] == 2
    assert [line for line in await world.events() if "Failed" in line] == []
    await assert_at_rest(world, b"2")
