"""spec.refreshPolicy: what is taken of a vault that moves on, when, and what it costs not to look."""

from datetime import timedelta
from typing import Any

import pytest

from tests.flow.test_expiry import judge
from tests.flow.test_vault_outage import DOWN
from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.api.names import ANNOTATION_REQUESTED_AT
from vaultbind.keyvault.simulation import Fault
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

DATA = [{"key": name, "secret": {"name": name}} for name in ("a", "b")]
GOOD = {"a": b"1", "b": b"2"}
GETS = ["secrets.get a", "secrets.get b"]
SOURCE = "vaultbind.dev/source"
UPDATE = ["create events app", "patch secrets app", "patch vaultbindings/status app"]
LONGEST_BACKOFF = 301
each_policy = pytest.mark.parametrize("policy", ["OnSpecChange", "Once"])


async def start(world: World, policy: str, **spec: Any) -> None:
    """One binding `app` of the secrets a and b, at rest."""
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    await world.connect()
    await world.bind("app", **{"data": DATA, "refreshPolicy": policy, **spec})
    await world.ready("app")
    await world.calm()


async def change(world: World, **spec: Any) -> None:
    """Change the binding's spec and wait until it is told as done."""
    await world.patch(VAULT_BINDINGS, "app", {"spec": spec})
    await world.ready("app")


async def takes_nothing_newer(world: World) -> None:
    """What was taken ("new") stays, and a look costs its list alone."""
    world.vault.set_secret("a", "newer")
    await world.calm()
    await world.next_look()
    assert (await world.secret("app"))["a"] == b"new"
    assert await world.spent() == Spent(vault=["secrets.list"])


async def mark_of(world: World) -> str:
    """The mark on the Secret."""
    return str((await world.there(SECRETS, "app"))["metadata"]["annotations"][SOURCE])


@pytest.mark.get_on_real
@each_policy
async def test_what_changes_in_the_vault_is_not_taken(world: World, policy: str) -> None:
    await start(world, policy)
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.secret("app") == GOOD
    assert await world.spent() == Spent(vault=["secrets.list"])
    await world.restart()
    await world.next_look()
    assert await world.spent() == Spent(vault=["secrets.list", "secrets.list"])
    assert await world.secret("app") == GOOD
    assert await world.events() == []
    assert await world.conditions("app") == {
        "Ready": "True Synced",
        "Synced": "True Synced",
        "Expiring": "False Valid",
    }
    assert f"refreshPolicy {policy}: later ones" in await world.told("app", "Synced")


async def test_a_change_of_the_spec_takes_what_the_vault_holds(world: World) -> None:
    await start(world, "OnSpecChange")
    world.vault.set_secret("a", "new")
    await change(world, expiry={"warnBefore": ["2d"]})
    assert await world.secret("app") == {"a": b"new", "b": b"2"}
    assert (await world.spent()).vault == GETS
    assert (await world.status("app"))["revision"] == 2
    assert await world.events() == ["Updated app"]
    await takes_nothing_newer(world)


async def test_a_changed_spec_with_the_same_values_moves_only_the_mark(world: World) -> None:
    await start(world, "OnSpecChange")
    assert (await mark_of(world)).endswith(";generation=1")
    await change(world, expiry={"warnBefore": ["2d"]})
    spent = await world.spent()
    assert (spent.writes, spent.vault) == (["patch secrets app", "patch vaultbindings/status app"], GETS)
    assert (await mark_of(world)).endswith(";revision=1;generation=2")
    assert await world.events() == []


async def test_once_takes_no_values_for_a_changed_spec(world: World) -> None:
    await start(world, "Once")
    world.vault.set_secret("a", "new")
    target = {"labels": {"team": "shop"}}
    await change(world, data=[*DATA, {"key": "c", "secret": {"name": "a"}}], target=target)
    await world.next_look()
    assert await world.secret("app") == GOOD
    metadata = (await world.there(SECRETS, "app"))["metadata"]
    assert metadata["labels"]["team"] == "shop"
    assert metadata["annotations"][SOURCE].endswith(";generation=1")
    assert (await world.spent()).vault == ["secrets.list"]


@each_policy
async def test_an_edited_secret_gets_the_versions_that_were_written(world: World, policy: str) -> None:
    await start(world, policy)
    before = await mark_of(world)
    world.vault.set_secret("a", "new")
    world.vault.update_secret("b", tags={"team": "shop"})
    await world.patch(SECRETS, "app", {"data": {"b": None, **encode(a="hacked", c="foreign")}})
    await world.noticed()
    assert await world.secret("app") == GOOD
    spent = await world.spent()
    assert (spent.writes, spent.vault) == (
        ["create events app", "patch secrets app"],
        [*GETS, *world.noticing],
    )
    assert await world.events() == ["Repaired app"]
    assert (await world.status("app"))["revision"] == 1
    assert await mark_of(world) == before
    await world.calm()
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_what_was_missing_stays_so_when_it_is_repaired(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=[DATA[0], {**DATA[1], "optional": True}], refreshPolicy="Once")
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
    await world.calm()
    world.vault.set_secret("b", "2")
    await world.next_look()
    assert await world.secret("app") == {"a": b"1"}
    await world.patch(SECRETS, "app", {"data": encode(a="hacked")})
    await world.noticed()
    assert await world.secret("app") == {"a": b"1"}
    await world.request_look("app", "now")
    assert await world.secret("app") == GOOD


@each_policy
async def test_a_version_that_cannot_be_had_leaves_the_edit_and_says_what_to_do(
    world: World, policy: str
) -> None:
    await start(world, policy)
    version = (await world.status("app"))["objects"][0]["version"]
    world.vault.delete("secrets", "a")
    world.vault.purge("secrets", "a")
    world.vault.set_secret("a", "another")
    await world.patch(SECRETS, "app", {"data": encode(a="hacked")})
    await world.noticed()
    message = await world.told("app", "ObjectNotFound")
    assert f"secret a/{version}, which the repair of the Secret needs, is not in the vault" in message
    assert f"refreshPolicy {policy} repairs with the versions that were written" in message
    assert (await world.secret("app"))["a"] == b"hacked"
    await world.request_look("app", "now")
    await world.ready("app")
    assert await world.secret("app") == {"a": b"another", "b": b"2"}
    await world.calm()
    await world.next_look()
    assert await world.spent() == Spent(vault=["secrets.list"])


@pytest.mark.parametrize("when_missing", ["Prune", "Delete"])
@each_policy
async def test_a_repair_deletes_nothing_for_a_pinned_object_that_is_gone(
    world: World, policy: str, when_missing: str
) -> None:
    await start(world, policy, target={"whenMissing": when_missing})
    version = (await world.status("app"))["objects"][0]["version"]
    await change(world, data=[{"key": "a", "secret": {"name": "a", "version": version}}, DATA[1]])
    await world.calm()
    world.vault.delete("secrets", "a")
    await world.next_look()
    await world.patch(SECRETS, "app", {"data": encode(b="hacked")})
    await world.noticed()
    await world.told("app", "ObjectDeleted")
    assert await world.secret("app") == {"a": b"1", "b": b"hacked"}


async def test_a_repair_deletes_nothing_for_an_object_that_never_was(world: World) -> None:
    await start(world, "Once", target={"whenMissing": "Delete"})
    await change(world, data=[*DATA, {"key": "c", "secret": {"name": "c"}}])
    await world.patch(SECRETS, "app", {"data": encode(b="hacked")})
    await world.noticed()
    await world.told("app", "ObjectNotFound")
    assert await world.secret("app") == {"a": b"1", "b": b"hacked"}
    await change(world, data=DATA)
    assert await world.secret("app") == GOOD


@each_policy
async def test_a_secret_that_lost_its_owner_gets_it_back_and_no_new_values(world: World, policy: str) -> None:
    await start(world, policy)
    world.vault.set_secret("a", "new")
    await world.next_look()
    await world.patch(SECRETS, "app", {"metadata": {"ownerReferences": None}})
    await world.noticed()
    await world.settled()
    assert await world.secret("app") == GOOD
    assert (await world.there(SECRETS, "app"))["metadata"]["ownerReferences"]


async def test_another_owner_is_no_reason_for_new_values(world: World) -> None:
    await start(world, "Once", target={"creationPolicy": "Orphan"})
    world.vault.set_secret("a", "new")
    for policy, owners in (("Owner", 1), ("Orphan", 0)):
        await change(world, target={"creationPolicy": policy})
        await world.settled()
        assert await world.secret("app") == GOOD
        metadata = (await world.there(SECRETS, "app"))["metadata"]
        assert len(metadata.get("ownerReferences") or ()) == owners


@each_policy
async def test_taking_a_request_away_asks_for_nothing(world: World, policy: str) -> None:
    await start(world, policy)
    await world.request_look("app", "now")
    await world.calm()
    world.vault.set_secret("a", "new")
    await world.next_look()
    await world.patch(VAULT_BINDINGS, "app", {"metadata": {"annotations": {ANNOTATION_REQUESTED_AT: None}}})
    await world.settled()
    await world.next_look()
    assert await world.secret("app") == GOOD


async def test_a_disabled_version_is_told_when_it_is_needed(world: World) -> None:
    await start(world, "Once")
    world.vault.enable("secrets", "a", enabled=False)
    await world.next_look()
    assert (await world.conditions("app"))["Synced"] == "True Synced"
    await world.patch(SECRETS, "app", {"data": encode(a="hacked")})
    await world.noticed()
    assert "delete Secret app or set annotation" in await world.told("app", "ObjectDisabled")
    world.vault.enable("secrets", "a")
    await world.advance(LONGEST_BACKOFF)
    await world.ready("app")
    assert await world.secret("app") == GOOD


@each_policy
async def test_a_deleted_secret_is_made_anew_of_what_the_vault_holds(world: World, policy: str) -> None:
    await start(world, policy)
    world.vault.set_secret("a", "new")
    await world.delete(SECRETS, "app")
    await world.noticed()
    await world.ready("app")
    assert await world.secret("app") == {"a": b"new", "b": b"2"}
    assert (await world.status("app"))["revision"] == 2
    await takes_nothing_newer(world)


@each_policy
async def test_a_lost_mark_asks_for_what_the_vault_holds(world: World, policy: str) -> None:
    await start(world, policy)
    world.vault.set_secret("a", "new")
    await world.patch(SECRETS, "app", {"metadata": {"annotations": {SOURCE: None}}})
    await world.noticed()
    assert (await world.secret("app"))["a"] == b"new"


@each_policy
async def test_a_request_takes_what_the_vault_holds(world: World, policy: str) -> None:
    await start(world, policy)
    world.vault.set_secret("a", "new")
    await world.request_look("app", "now")
    assert await world.secret("app") == {"a": b"new", "b": b"2"}
    assert (await world.spent()).vault == GETS
    await takes_nothing_newer(world)


@each_policy
async def test_a_request_that_the_vault_did_not_answer_stays(world: World, policy: str) -> None:
    """Over a restart, too: no look will bring what it asked for."""
    await start(world, policy)
    world.vault.set_secret("a", "new")
    world.emulator.faults.add(DOWN)
    await world.patch(VAULT_BINDINGS, "app", {"metadata": {"annotations": {ANNOTATION_REQUESTED_AT: "now"}}})
    await world.told("app", "VaultError")
    await world.restart()
    assert (await world.status("app")).get("lastHandledRequest") is None
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    world.emulator.faults.clear()
    await world.advance(LONGEST_BACKOFF)
    await world.ready("app")
    assert (await world.secret("app"))["a"] == b"new"
    assert (await world.status("app"))["lastHandledRequest"] == "now"


@pytest.mark.get_on_real
@each_policy
async def test_a_restart_in_sync_needs_no_vault(world: World, policy: str) -> None:
    await start(world, policy, target={"labels": {"team": "shop"}})
    world.vault.delete("secrets", "a")
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])
    assert await world.events() == []
    assert await world.secret("app") == GOOD


@each_policy
async def test_a_restart_gets_no_pinned_version(world: World, policy: str) -> None:
    """No list shows it: a look for who follows costs a get for each."""
    await start(world, policy)
    version = (await world.status("app"))["objects"][0]["version"]
    await change(world, data=[{"key": "a", "secret": {"name": "a", "version": version}}, DATA[1]])
    await world.calm()
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_from_once_to_follow_and_back(world: World) -> None:
    await start(world, "Once")
    world.vault.set_secret("a", "2nd")
    await change(world, refreshPolicy="Follow")
    assert (await world.secret("app"))["a"] == b"2nd"
    assert "generation" not in await mark_of(world)
    world.vault.set_secret("a", "3rd")
    await world.next_look()
    assert (await world.secret("app"))["a"] == b"3rd"
    await change(world, refreshPolicy="Once")
    world.vault.set_secret("a", "4th")
    await world.calm()
    await world.next_look()
    assert (await world.secret("app"))["a"] == b"3rd"
    assert await world.spent() == Spent(vault=["secrets.list"])
    await change(world, refreshPolicy="OnSpecChange")
    assert (await world.secret("app"))["a"] == b"4th"


@each_policy
async def test_an_object_that_is_missing_at_first_is_awaited(world: World, policy: str) -> None:
    world.seed.set_secret("b", "2")
    await world.connect()
    await world.bind("app", data=DATA, refreshPolicy=policy)
    await world.told("app", "ObjectNotFound")
    assert await world.get(SECRETS, "app") is None
    world.vault.set_secret("a", "1")
    await world.next_look()
    await world.ready("app")
    assert await world.secret("app") == GOOD
    await world.calm()
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.spent() == Spent(vault=["secrets.list"])


@each_policy
async def test_merge_keeps_its_keys_as_they_were(world: World, policy: str) -> None:
    await world.create(SECRETS, "app", data=encode(x="foreign"))
    await start(world, policy, target={"creationPolicy": "Merge"})
    good = {"x": b"foreign", **GOOD}
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.secret("app") == good
    await world.patch(SECRETS, "app", {"data": {**encode(x="theirs"), "b": None}})
    await world.noticed()
    assert await world.secret("app") == {**good, "x": b"theirs"}
    await world.calm()
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_orphan_keeps_what_was_written(world: World) -> None:
    await start(world, "Once", target={"creationPolicy": "Orphan"})
    world.vault.set_secret("a", "new")
    await world.restart()
    await world.next_look()
    assert await world.secret("app") == GOOD
    assert [line for line in (await world.spent()).vault if "get" in line] == []


@pytest.mark.parametrize("when_missing", ["Prune", "Delete"])
@each_policy
async def test_what_vanishes_is_not_noticed(world: World, policy: str, when_missing: str) -> None:
    await start(world, policy, target={"whenMissing": when_missing})
    world.vault.delete("secrets", "a")
    await world.next_look()
    assert await world.secret("app") == GOOD
    await world.request_look("app", "now")
    if when_missing == "Delete":
        assert await world.get(SECRETS, "app") is None
        world.vault.recover("secrets", "a")
        await world.next_look()
        await world.ready("app")
        assert await world.secret("app") == GOOD
        return
    assert await world.secret("app") == {"b": b"2"}
    await world.calm()
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])
    message = await world.told("app", "Pruned")
    assert message.startswith("secret a is gone from the vault; Secret app holds the versions that status")
    world.vault.recover("secrets", "a")
    await world.next_look()
    assert await world.secret("app") == {"b": b"2"}
    await world.patch(SECRETS, "app", {"data": encode(b="hacked")})
    await world.noticed()
    assert await world.secret("app") == {"b": b"2"}


async def test_the_end_of_what_was_written_is_told(world: World) -> None:
    world.seed.set_secret("b", "2")
    world.seed.set_secret("a", "1", expires=world.clock.now() + timedelta(days=10))
    await world.connect()
    await world.bind("app", data=DATA, refreshPolicy="Once", expiry={"warnBefore": ["2d"]})
    await world.ready("app")
    world.vault.set_secret("a", "new")
    await world.restart()
    assert (await world.conditions("app"))["Expiring"] == "False Valid"
    await world.advance(9 * 86400)
    await judge(world)
    assert (await world.conditions("app"))["Expiring"] == "True ExpiresSoon"
    assert [line for line in (await world.spent()).vault if "get" in line] == []


@pytest.mark.parametrize("away", [False, True], ids=["while it runs", "at its start"])
async def test_a_vault_that_fails_concerns_nobody_who_has_what_he_wants(world: World, away: bool) -> None:
    await start(world, "Once", target={"labels": {"team": "shop"}})
    before = await world.status("app")
    if away:
        await world.restart(lambda: world.emulator.faults.add(DOWN))
    world.emulator.faults.add(DOWN)
    await world.advance(2 * 3600)
    assert await world.status("app") == before
    await world.patch(SECRETS, "app", {"metadata": {"labels": {"team": None}}})
    await world.advance(LONGEST_BACKOFF)
    assert (await world.there(SECRETS, "app"))["metadata"]["labels"]["team"] == "shop"
    assert await world.status("app") == before


async def test_a_restart_waits_for_no_look(world: World) -> None:
    """What can be repaired without the vault is, while it does not answer."""
    await start(world, "Once", target={"labels": {"team": "shop"}})
    await world.life.stop()
    await world.patch(SECRETS, "app", {"metadata": {"labels": {"team": None}}})
    world.emulator.faults.add(Fault(delay=30))
    await world.start_operator()

    async def is_repaired() -> bool:
        labels = (await world.there(SECRETS, "app"))["metadata"]["labels"]
        return bool(labels.get("team") == "shop")

    await world.until(is_repaired)
    hub = world.life.operator.hub
    looked = await world.life.ask(lambda: [session.looked.is_set() for session in hub.sessions()])
    assert looked == [False]
    world.emulator.faults.clear()


async def test_one_value_of_many_bindings_is_one_get(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    names = [f"app-{number}" for number in range(14)]

    async def bind() -> None:
        for name in names:
            await world.bind(name, data=DATA[:1], refreshPolicy="Once")

    await world.restart(bind)
    await world.ready(*names)
    assert [line for line in (await world.spent()).vault if "get" in line] == ["secrets.get a"]
