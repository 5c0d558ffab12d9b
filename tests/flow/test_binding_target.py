"""The target Secret: name, type, labels, annotations, and how it follows the spec."""

import pytest

from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.keyvault.simulation import Fault
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS
from vaultbind.sandbox.faults import Fault as ClusterFault

pytestmark = pytest.mark.both_drifts

A = {"key": "a", "secret": {"name": "a"}}
B = {"key": "b", "secret": {"name": "b"}}
PATCHED = ["patch secrets app", "patch vaultbindings/status app"]


async def start(world: World, **spec: object) -> None:
    """One binding `app` of the secrets a and b, at rest."""
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    await world.connect()
    await world.bind("app", **{"data": [A, B], **spec})
    await world.ready("app")
    await world.calm()


async def set_target(world: World, **target: object) -> None:
    """Replace parts of the target and wait."""
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": target}})
    await world.ready("app")


async def secret_names(world: World) -> list[str]:
    """Names of all Secrets that we wrote."""
    found = await world.cluster.objects(SECRETS, world.namespace, "vaultbind.dev/managed=true")
    return sorted(secret["metadata"]["name"] for secret in found)


async def test_target_name_type_labels_and_annotations(world: World) -> None:
    target = {
        "name": "credentials",
        "type": "kubernetes.io/basic-auth",
        "labels": {"team": "shop"},
        "annotations": {"example.com/why": "because"},
        "creationPolicy": "Owner",
    }
    await start(world, data=[{**A, "key": "username"}, {**B, "key": "password"}], target=target)
    secret = await world.there(SECRETS, "credentials")
    assert secret["type"] == "kubernetes.io/basic-auth"
    assert secret["metadata"]["labels"]["team"] == "shop"
    assert secret["metadata"]["annotations"]["example.com/why"] == "because"
    assert (await world.status("app"))["secretName"] == "credentials"


async def test_labels_and_annotations_follow_the_spec_and_leave_others_alone(world: World) -> None:
    await start(world, target={"labels": {"old": "1", "kept": "1"}, "annotations": {"old": "1"}})
    await world.patch(SECRETS, "app", {"metadata": {"labels": {"mine": "1"}, "annotations": {"mine": "1"}}})
    await world.settled()
    await world.mark()
    labels = {"old": None, "kept": "2", "new": "1"}
    await set_target(world, labels=labels, annotations={"old": None, "new": "1"})
    metadata = (await world.there(SECRETS, "app"))["metadata"]
    assert {k: v for k, v in metadata["labels"].items() if "/" not in k} == {
        "kept": "2",
        "new": "1",
        "mine": "1",
    }
    assert {k: v for k, v in metadata["annotations"].items() if "/" not in k} == {"new": "1", "mine": "1"}
    assert (await world.spent()).writes == PATCHED
    assert (await world.status("app"))["revision"] == 1
    await world.calm()
    assert await world.spent() == Spent()


async def test_a_removed_key_is_pruned_and_a_new_one_added(world: World) -> None:
    await start(world)
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"data": [B, {**A, "key": "c"}]}})
    await world.ready("app")
    assert await world.secret("app") == {"b": b"2", "c": b"1"}
    spent = await world.spent()
    assert spent.writes == ["create events app", *PATCHED]
    assert await world.events() == ["Updated app"]
    assert (await world.status("app"))["revision"] == 2


@pytest.mark.get_on_real
async def test_a_renamed_target_is_written_anew(world: World) -> None:
    await start(world)
    await set_target(world, name="other")
    assert await world.secret("other") == {"a": b"1", "b": b"2"}
    assert (await world.status("app"))["secretName"] == "other"
    assert await world.get(SECRETS, "app") is None, "the Secret under the old name is left behind"
    assert (await world.spent()).writes == [
        "create secrets other",
        "delete secrets app",
        "patch vaultbindings/status app",
    ]
    await world.calm()
    assert await world.spent() == Spent()


async def test_the_former_secret_stays_until_the_new_one_is_there(world: World) -> None:
    await start(world)
    await world.create(SECRETS, "taken", data=encode(mine="precious"))
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"name": "taken"}}})
    await world.told("app", "SecretNotOwned")
    assert await secret_names(world) == ["app"]
    world.emulator.faults.add(Fault(status=503))
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"name": "other"}}})
    await world.until(lambda: world.has(VAULT_BINDINGS, "app", "Synced", "VaultError"))
    await world.settled()
    assert await secret_names(world) == ["app"]
    world.emulator.faults.clear()
    await world.advance(600)
    await world.ready("app")
    assert await secret_names(world) == ["other"]
    assert await world.secret("taken") == {"mine": b"precious"}


async def test_a_former_target_of_somebody_else_is_left_alone(world: World) -> None:
    await start(world)
    edit = {"ownerReferences": None, "annotations": {"vaultbind.dev/binding": None}}
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"suspend": True}})
    await world.settled()
    await world.patch(SECRETS, "app", {"metadata": edit})
    await world.settled()
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"suspend": False, "target": {"name": "other"}}})
    await world.ready("app")
    assert await secret_names(world) == ["app", "other"]


@pytest.mark.get_on_real
async def test_another_type_recreates_the_secret_after_a_dry_run(world: World) -> None:
    await start(world, data=[{**A, "key": "username"}, {**B, "key": "password"}])
    before = (await world.there(SECRETS, "app"))["metadata"]["uid"]
    await set_target(world, type="kubernetes.io/basic-auth")
    secret = await world.there(SECRETS, "app")
    assert secret["type"] == "kubernetes.io/basic-auth"
    assert secret["metadata"]["uid"] != before
    assert await world.secret("app") == {"username": b"1", "password": b"2"}
    assert (await world.spent()).writes == [
        "create events app",
        "create secrets",
        "create secrets app",
        "delete secrets app",
        "patch vaultbindings/status app",
    ]
    assert await world.events() == ["Recreated app"]
    assert await secret_names(world) == ["app"], "the trial is a dry run"


async def test_a_type_that_the_cluster_refuses_leaves_the_old_secret(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=[{**A, "key": ".dockerconfigjson"}])
    await world.ready("app")
    before = (await world.there(SECRETS, "app"))["metadata"]["uid"]
    if world.cluster.sandbox is not None:  # it does not read such files, so it needs to be told
        world.cluster.sandbox.inject(ClusterFault(verb="create", resource="secrets", status=422, count=None))
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"type": "kubernetes.io/dockerconfigjson"}}})
    await world.told("app", "ClusterError")
    assert (await world.there(SECRETS, "app"))["metadata"]["uid"] == before
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"


@pytest.mark.parametrize("name", ["tls", "plain"])
async def test_the_type_follows_the_sources_where_none_is_given(world: World, name: str) -> None:
    world.seed.set_secret("a", "1")
    world.seed.issue_certificate("web", ["shop.example"])
    await world.connect()
    tls = [{"tls": {"name": "web"}}]
    await world.bind(name, data=[A], **({"dataFrom": tls} if name == "tls" else {}))
    await world.ready(name)
    expected = {"tls": "kubernetes.io/tls", "plain": "Opaque"}[name]
    assert (await world.there(SECRETS, name))["type"] == expected


async def test_suspend_stops_reads_and_writes(world: World) -> None:
    await start(world)
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"suspend": True}})
    await world.until(lambda: world.has(VAULT_BINDINGS, "app", "Synced", "Suspended"))
    conditions = await world.conditions("app")
    assert (conditions["Ready"], conditions["Synced"]) == ("True Synced", "Unknown Suspended")
    assert (await world.spent()).writes == ["patch vaultbindings/status app"]
    world.vault.set_secret("a", "new")
    await world.patch(SECRETS, "app", {"data": {"b": "eA=="}})
    await world.next_look()
    assert await world.secret("app") == {"a": b"1", "b": b"x"}
    assert (await world.spent()).writes == world.vault_status()
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"suspend": False}})
    await world.ready("app")
    assert await world.secret("app") == {"a": b"new", "b": b"2"}


async def test_a_binding_that_begins_suspended_writes_nothing(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=[A], suspend=True)
    await world.until(lambda: world.has(VAULT_BINDINGS, "app", "Synced", "Suspended"))
    assert await world.spent() == Spent(writes=["patch vaultbindings/status app"])
    assert (await world.conditions("app"))["Ready"] == "Unknown Suspended"
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"suspend": None}})
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}


async def test_requested_at_forces_one_look(world: World) -> None:
    await start(world)
    world.vault.set_secret("a", "new")
    await world.request_look("app", "one")
    assert await world.secret("app") == {"a": b"new", "b": b"2"}
    spent = await world.spent()
    assert spent.writes == ["create events app", *PATCHED]
    assert spent.vault == ["secrets.get a", "secrets.get b"]
    await world.calm()
    await world.patch(VAULT_BINDINGS, "app", {"metadata": {"annotations": {"other": "x"}}})
    assert await world.spent() == Spent()


async def test_a_request_without_a_change_is_only_answered(world: World) -> None:
    await start(world)
    await world.request_look("app", "one")
    spent = await world.spent()
    assert spent.vault == ["secrets.get a", "secrets.get b"]
    assert "patch vaultbindings/status app" in spent.writes
    assert (await world.status("app"))["revision"] == 1
    assert await world.events() == []
