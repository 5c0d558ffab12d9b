"""The operator was away: what happened meanwhile arrives, and what did not happen costs nothing."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.handlers import controller
from vaultbind.keyvault.simulation import Denial, Fault
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, SECRETS, VAULT_BINDINGS
from vaultbind.kube.sieve import FirstLists
from vaultbind.sandbox.faults import Fault as ClusterFault

pytestmark = pytest.mark.both_drifts

DATA = [{"key": name, "secret": {"name": name}} for name in ("a", "b")]
UPDATE = ["create events app", "patch secrets app", "patch vaultbindings/status app"]
GETS = ["secrets.get a", "secrets.get b"]


async def start(world: World) -> None:
    """One binding `app` of the secrets a and b, and one that nothing ever happens to, at rest."""
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    world.seed.set_secret("quiet", "0")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.bind("quiet", data=[{"key": "quiet", "secret": {"name": "quiet"}}])
    await world.ready("app", "quiet")
    await world.calm()


async def test_a_restart_without_a_change_costs_one_list(world: World) -> None:
    await start(world)
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])
    assert await world.events() == []
    await world.next_look()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_a_value_changed_meanwhile_arrives_at_the_first_look(world: World) -> None:
    await start(world)
    world.clock.offset += 600
    await world.restart(lambda: world.vault.set_secret("a", "new"))
    assert await world.secret("app") == {"a": b"new", "b": b"2"}
    spent = await world.spent()
    assert spent.writes == UPDATE
    assert "secrets.get quiet" not in spent.vault
    assert spent.vault == [*GETS, "secrets.list"]
    assert (await world.status("app"))["revision"] == 2


async def test_one_value_of_one_binding_is_one_get(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA[:1])
    await world.ready("app")
    await world.calm()
    world.clock.offset += 600
    await world.restart(lambda: world.vault.set_secret("a", "new"))
    assert await world.secret("app") == {"a": b"new"}
    assert await world.spent() == Spent(
        writes=UPDATE, reads=["get secrets app"], vault=["secrets.get a", "secrets.list"]
    )


async def test_with_lists_forbidden_each_object_is_got_once(world: World) -> None:
    world.emulator.estate.access.deny(Denial(action="list"))
    await start(world)
    world.clock.offset += 600
    await world.restart(lambda: world.vault.set_secret("a", "new"))
    assert await world.secret("app") == {"a": b"new", "b": b"2"}
    spent = await world.spent()
    assert [line for line in spent.writes if "clusterkeyvaults" not in line] == UPDATE
    assert spent.vault == [*GETS, "secrets.get quiet", "secrets.list"]


async def test_a_secret_edited_meanwhile_is_repaired(world: World) -> None:
    await start(world)
    await world.restart(lambda: world.patch(SECRETS, "app", {"data": encode(a="hacked", c="more")}))
    assert await world.secret("app") == {"a": b"1", "b": b"2"}
    spent = await world.spent()
    assert spent.writes == ["create events app", "patch secrets app"]
    assert spent.vault == [*GETS, "secrets.list"]
    assert await world.events() == ["Repaired app"]


async def test_a_secret_deleted_meanwhile_comes_back(world: World) -> None:
    await start(world)
    await world.restart(lambda: world.delete(SECRETS, "app"))
    assert await world.secret("app") == {"a": b"1", "b": b"2"}
    spent = await world.spent()
    assert spent.writes == ["create events app", "create secrets app"]
    assert spent.reads == ["get vaultbindings app"]
    assert (await world.status("app"))["revision"] == 1


async def test_a_binding_edited_meanwhile_is_applied(world: World) -> None:
    await start(world)
    await world.restart(lambda: world.patch(VAULT_BINDINGS, "app", {"spec": {"data": DATA[:1]}}))
    assert await world.secret("app") == {"a": b"1"}
    spent = await world.spent()
    assert spent.writes == sorted([*UPDATE, *world.vault_status()])
    assert spent.vault == ["secrets.get a", "secrets.list"]


async def test_a_binding_deleted_meanwhile_stays_gone(world: World) -> None:
    await start(world)

    async def delete() -> None:
        await world.delete(VAULT_BINDINGS, "app")
        await world.until(lambda: _is_absent(world))

    await world.restart(delete)
    assert await world.get(SECRETS, "app") is None
    assert (await world.spent()).writes in ([], world.vault_status())


async def _is_absent(world: World) -> bool:
    return await world.get(SECRETS, "app") is None


async def test_a_vault_that_is_away_at_the_start_changes_nothing(world: World) -> None:
    await start(world)
    before = await world.status("app")
    await world.restart(lambda: world.emulator.faults.add(Fault(status=503, before_auth=True)))
    assert await world.status("app") == before
    told = [f"create events {world.vault_name}", *world.vault_status()]
    assert (await world.spent()).writes == told
    world.emulator.faults.clear()
    world.vault.set_secret("a", "new")
    await world.advance(600)
    assert await world.secret("app") == {"a": b"new", "b": b"2"}
    assert (await world.spent()).writes == sorted([*told, *UPDATE])


async def test_a_vault_that_stays_away_makes_secrets_stale(world: World) -> None:
    await start(world)
    await world.restart(lambda: world.emulator.faults.add(Fault(status=503, before_auth=True)))
    await world.advance(3700)
    await world.advance(400)
    assert (await world.conditions("app"))["Ready"].startswith("False")
    assert await world.secret("app") == {"a": b"1", "b": b"2"}


@pytest.mark.sandbox_only("the API server is slow on demand")
async def test_what_has_begun_is_finished_before_the_end(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    world.sandbox.inject(ClusterFault(verb="create", resource="secrets", delay=0.3))
    await world.bind("app", data=DATA[:1])
    await world.until(lambda: any(call.verb == "create" and call.name == "app" for call in world.calls))
    await world.life.stop()
    assert await world.secret("app") == {"a": b"1"}
    assert (await world.conditions("app"))["Ready"] == "True Synced"


async def test_the_end_comes_in_time_while_a_vault_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert controller.DRAIN_SECONDS + controller.KOPF_STOP_SECONDS + controller.LAST_SECONDS < 10
    monkeypatch.setattr(controller, "DRAIN_SECONDS", 0.3)
    world.seed.set_secret("a", "1")
    await world.connect()
    world.emulator.faults.add(Fault(delay=60))
    await world.bind("app", data=DATA[:1])
    await world.until(lambda: any("/secrets/" in entry.route for entry in world.emulator.stats.recent()))
    assert await world.life.stop() < 30, "the vault hangs for a minute"
    assert await world.get(SECRETS, "app") is None


async def test_an_operator_of_one_namespace_leaves_others_alone(quiet_world: World) -> None:
    world = quiet_world
    world.seed.set_secret("a", "1")
    world.settings = replace(world.settings, namespaces=(world.namespace,))
    await world.start_operator()
    await world.connect()
    await world.cluster.create(
        VAULT_BINDINGS,
        "default",
        {"metadata": {"name": world.namespace}, "spec": world.binding_spec(data=DATA[:1])},
    )
    await world.bind("app", data=DATA[:1])
    await world.ready("app")
    await world.calm()
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.secret("app") == {"a": b"new"}
    assert (await world.spent()).writes == UPDATE
    await world.patch(SECRETS, "app", {"data": encode(a="hacked")})
    await world.noticed()
    assert await world.secret("app") == {"a": b"new"}
    assert await world.cluster.get(SECRETS, "default", world.namespace) is None
    await world.cluster.delete(VAULT_BINDINGS, "default", world.namespace)


async def test_the_end_is_quick_after_a_vault_has_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kopf forgets the timers of deleted objects, without a finalizer: they must not hold up the end."""
    monkeypatch.setattr(controller, "KOPF_STOP_SECONDS", 50.0)
    await world.connect()
    await world.delete(CLUSTER_KEY_VAULTS, world.vault_name)
    await world.settled()
    assert await world.life.stop() < controller.KOPF_STOP_SECONDS, "so long Kopf would be waited for"


async def miss_deletion(world: World, name: str) -> None:
    """Delete a binding while Kopf's watch is down, and let the history be forgotten: it lists anew."""
    sandbox = world.sandbox
    resource = "vaultbindings.vaultbind.dev"
    sandbox.inject(ClusterFault(verb="watch", resource=resource, status=503, count=None))
    sandbox.drop_watches()
    await world.until(lambda: sandbox.stats.count(verb="watch", resource=resource, status=503) > 0)
    await world.delete(VAULT_BINDINGS, name)
    sandbox.compact()
    sandbox.faults.clear()
    listed = {"verb": "list", "resource": resource, "representation": "plain"}
    before = sandbox.stats.count(**listed)
    await world.until(lambda: sandbox.stats.count(**listed) > before)


def is_known(world: World, name: str) -> bool:
    """Whether the operator believes in a binding."""
    return any(key.name == name for key in world.life.operator.engine.cache.keys("VaultBinding"))


async def test_what_goes_between_our_first_list_and_kopf_s_is_told_by_the_watch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kopf goes on from our lists: there is no moment between the two."""
    await start(world)
    await world.bind("idle", data=DATA, suspend=True)
    await world.settled()
    kept: list[Callable[[], None]] = []
    real = FirstLists.offer
    monkeypatch.setattr(FirstLists, "offer", lambda *arguments: kept.append(partial(real, *arguments)))
    await world.life.stop()
    await world.start_operator()
    await world.until(lambda: bool(kept) and is_known(world, "idle"))

    await world.delete(VAULT_BINDINGS, "idle")
    monkeypatch.undo()
    await world.life.ask(kept[0])

    await world.until(lambda: not is_known(world, "idle"))


@pytest.mark.sandbox_only("the API server breaks watches and forgets on demand")
async def test_the_sweep_finds_a_deletion_that_the_watch_missed(world: World) -> None:
    await start(world)
    await world.bind("idle", data=DATA, suspend=True)
    await world.settled()
    await miss_deletion(world, "idle")
    await world.until(lambda: world.life.operator.engine.idle)
    assert is_known(world, "idle"), "the watch told of it after all: this test proves nothing"
    result = await world.life.ask(world.life.operator.feed.sweep)
    assert [key.name for key, _ in result.gone] == ["idle"]
    await world.settled()
    assert not is_known(world, "idle")
    assert (await world.conditions("app"))["Ready"] == "True Synced"


@pytest.mark.sandbox_only("the API server breaks watches and forgets on demand")
@pytest.mark.watch_only("the end of its Secret, which the watch shows, is all that tells of it")
async def test_a_collected_secret_tells_of_a_deletion_that_the_watch_missed(world: World) -> None:
    """The Secret goes with its binding: it is not made anew for a binding that is only believed in."""
    await start(world)
    await miss_deletion(world, "quiet")
    await world.until(lambda: not is_known(world, "quiet"))
    await world.next_look()
    assert await world.get(SECRETS, "quiet") is None
    assert [line for line in (await world.spent()).writes if line.endswith(" quiet")] == []


@pytest.mark.sandbox_only("the API server breaks watches on demand")
async def test_a_dead_watch_ends_the_operator(world: World) -> None:
    """Two sweeps in a row find the same object behind: whoever runs us starts us anew."""
    sandbox = world.sandbox
    await start(world)
    resource = "vaultbindings.vaultbind.dev"
    sandbox.inject(ClusterFault(verb="watch", resource=resource, status=503, count=None))
    sandbox.drop_watches()
    await world.until(lambda: sandbox.stats.count(verb="watch", resource=resource, status=503) > 0)
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"data": DATA[:1]}})
    sweep = world.life.operator.feed.sweep
    assert [key.name for key in (await world.life.ask(sweep)).behind] == ["app"]
    assert not world.life.operator.feed.dead.is_set()
    await world.life.ask(sweep)
    life = world.lives.pop()
    with pytest.raises(controller.ControllerError, match="the watch is dead"):
        await life.end()
    sandbox.faults.clear()
    await world.start_operator()
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
