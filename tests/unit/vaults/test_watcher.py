"""Looks at a simulated vault: what they cost, what they find, and the caveats of lists."""

import asyncio
from datetime import timedelta

import pytest

from tests.unit.vaults.stage import Stage, reader
from vaultbind.api.keyvault import Detection
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.simulation import Fault
from vaultbind.keyvault.simulation.access import Denial
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.vaults.look import RELIST_AFTER_LOOKS
from vaultbind.vaults.session import VaultPausedError
from vaultbind.vaults.watcher import look_key

K = KeyVaultErrorKind
X = {reader("x")}


def used(stage: Stage) -> Detection | None:
    return stage.session.detection


async def settled(stage: Stage) -> None:
    """Two looks, so that nothing is new."""
    await stage.look()
    await stage.look()
    stage.asked()


async def test_one_list_per_kind_in_use() -> None:
    stage = Stage()
    stage.seed("a", "b", "other")
    stage.vault.create_key("k")
    stage.vault.issue_certificate("c", ["c.test"])
    stage.wants("x", "a", "b", "certificate:c", "secret:c", "key:k")
    await stage.look()
    assert sorted(stage.asked()) == ["certificates.list", "keys.list", "secrets.list"]
    assert used(stage) is Detection.LIST


async def test_a_look_finds_what_has_changed_and_tells_its_readers() -> None:
    stage = Stage()
    stage.seed("a", "b")
    stage.wants("x", "a")
    stage.wants("y", "b")
    stage.wants("z", "a", "b")
    await settled(stage)
    assert await stage.look() == []
    stage.vault.set_secret("a", "2")
    assert await stage.look() == [{reader("x"), reader("z")}]
    assert await stage.look() == []


async def test_names_ignore_case() -> None:
    stage = Stage()
    stage.seed("DB-Main")
    stage.wants("x", "db-main")
    await settled(stage)
    stage.vault.set_secret("DB-Main", "2")
    assert await stage.look() == [X]


async def test_nobody_wants_anything_costs_one_page() -> None:
    stage = Stage()
    stage.seed(*(f"s{number}" for number in range(30)))
    await stage.look()
    assert stage.asked() == ["secrets.list"]


async def test_a_list_that_is_forbidden_is_an_answer_where_nobody_wants_anything() -> None:
    stage = Stage()
    stage.estate.access.deny(Denial(action="list"))
    await stage.look()
    assert stage.session.trouble is None
    stage.estate.access.clear()
    stage.estate.access.deny(Denial(action="list", code="ForbiddenByFirewall"))
    with pytest.raises(KeyVaultError):
        await stage.look()
    assert stage.states == ["Forbidden"]


# -- which way is cheaper --------------------------------------------------------------------------


async def test_auto_gives_up_a_list_that_costs_more_than_gets() -> None:
    stage = Stage()
    stage.seed(*(f"s{number:02}" for number in range(60)))
    stage.wants("x", "s01")
    await stage.look()
    assert stage.asked() == ["secrets.list", "secrets.list", "secrets.get s01"]
    assert used(stage) is Detection.GET
    await stage.look()
    assert stage.asked() == ["secrets.get s01"]
    stage.wants("y", "s02", "s03")
    await stage.look()
    assert stage.asked() == ["secrets.list"] * 3, "three pages are as cheap as three gets"
    assert used(stage) is Detection.LIST


async def test_a_list_is_tried_again_after_many_looks() -> None:
    stage = Stage()
    stage.seed(*(f"s{number:02}" for number in range(30)))
    stage.wants("x", "s01")
    await stage.look()
    stage.asked()
    for number in range(5, 30):
        stage.vault.delete("secrets", f"s{number:02}")
    for _ in range(RELIST_AFTER_LOOKS):
        await stage.look()
        assert stage.asked() == ["secrets.get s01"]
    await stage.look()
    assert stage.asked() == ["secrets.list"]
    assert used(stage) is Detection.LIST


@pytest.mark.parametrize("detection", [Detection.AUTO, Detection.GET])
async def test_without_the_right_to_list_each_object_is_got(detection: Detection) -> None:
    stage = Stage()
    stage.play(detection=detection)
    stage.seed("a", "b", "c")
    stage.wants("x", "a", "b")
    stage.wants("y", "b")
    stage.estate.access.deny(Denial(action="list"))
    await stage.look()
    tried = ["secrets.list"] if detection is Detection.AUTO else []
    assert stage.asked() == [*tried, "secrets.get a", "secrets.get b"]
    await stage.look()
    assert stage.asked() == ["secrets.get a", "secrets.get b"]
    stage.heard()
    stage.vault.set_secret("b", "2")
    assert await stage.look() == [{reader("x"), reader("y")}]
    stage.asked()
    await asyncio.gather(stage.read("x", "b"), stage.read("y", "b"))
    assert stage.asked() == [], "the value of the look was kept for its readers"
    assert stage.session.reads.held == 0


async def test_where_lists_are_asked_for_a_forbidden_one_is_a_failure() -> None:
    stage = Stage()
    stage.play(detection=Detection.LIST)
    stage.seed("a")
    stage.wants("x", "a")
    stage.estate.access.deny(Denial(action="list"))
    with pytest.raises(KeyVaultError):
        await stage.look()
    assert stage.states == ["Forbidden"]
    await stage.read("x", "a")
    assert stage.states == ["Forbidden"], "a get that works does not mean that looks do"
    stage.estate.access.clear()
    await stage.look()
    assert stage.states == ["Forbidden", "good"]


async def test_lists_that_were_asked_for_are_read_to_their_end() -> None:
    stage = Stage()
    stage.play(detection=Detection.LIST)
    stage.seed(*(f"s{number:02}" for number in range(60)))
    stage.wants("x", "s59")
    await stage.look()
    assert stage.asked() == ["secrets.list"] * 3


async def test_the_right_to_list_is_found_again() -> None:
    stage = Stage()
    stage.seed("a")
    stage.wants("x", "a")
    stage.estate.access.deny(Denial(action="list"))
    await stage.look()
    stage.estate.access.clear()
    for _ in range(RELIST_AFTER_LOOKS):
        await stage.look()
    stage.asked()
    await stage.look()
    assert stage.asked() == ["secrets.list"]
    await stage.look()
    assert stage.asked() == ["secrets.list"]


# -- caveats of lists (facts/keyvault.md 1.3) --------------------------------------------------------


async def test_short_and_empty_pages() -> None:
    stage = Stage(page_sizes=(0, 2, 0, 25))
    stage.seed(*"abcd")
    stage.wants("x", *"abcd")
    await settled(stage)
    stage.vault.set_secret("d", "2")
    assert await stage.look() == [X]
    assert stage.asked() == ["secrets.list"] * 4


@pytest.mark.parametrize("detection", [Detection.LIST, Detection.GET])
async def test_a_change_within_the_second_of_the_read_is_found(detection: Detection) -> None:
    stage = Stage()
    stage.play(detection=detection)
    stage.seed("a")
    stage.wants("x", "a")
    await settled(stage)
    stage.vault.set_secret("a", "2")
    await stage.read("x", "a")
    stage.vault.set_secret("a", "3")
    stage.heard()
    assert await stage.look() == [X]
    value = (await stage.read("x", "a")).value
    assert value is not None
    assert value.properties.version == stage.vault.vault.secrets.get("a").version
    assert await stage.look() == [], "read long after the change: no doubt is left"


async def test_pinned_versions_are_looked_at_by_their_own_get() -> None:
    stage = Stage()
    stage.seed("a")
    version = stage.vault.vault.secrets.get("a").version
    stage.seed("a")
    stage.wants("x", f"a/{version}")
    stage.wants("y", "a")
    await settled(stage)
    stage.vault.update_secret("a", version, tags={"note": "an older version"})
    assert await stage.look() == [X]
    assert sorted(stage.asked()) == ["secrets.get a", "secrets.list"]


CHANGES = {
    "tags": lambda vault: vault.update_secret("a", tags={"b": "c"}),
    "content type": lambda vault: vault.update_secret("a", content_type="text/plain"),
    "disabled": lambda vault: vault.enable("secrets", "a", enabled=False),
    "deleted": lambda vault: vault.delete("secrets", "a"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_changes_that_do_not_move_the_time(change: object) -> None:
    stage = Stage()
    stage.seed("a")
    stage.wants("x", "a")
    await settled(stage)
    frozen = VaultDriver(stage.estate.vault("shop"), lambda: stage.clock.now() - timedelta(hours=1))
    change(frozen)  # type: ignore[operator]
    assert await stage.look() == [X]
    assert await stage.look() == []


async def test_vanishing_and_coming_back_with_old_times() -> None:
    stage = Stage()
    stage.seed("a")
    stage.wants("x", "a")
    await settled(stage)
    stage.vault.delete("secrets", "a")
    assert await stage.look() == [X]
    stage.vault.recover("secrets", "a")
    assert await stage.look() == [X]


async def test_a_name_missing_in_a_list_is_confirmed_by_a_get() -> None:
    """The look only tells the reader; what the reader's own get says counts."""
    stage = Stage()
    stage.seed("a")
    stage.wants("x", "a")
    await settled(stage)
    stage.vault.delete("secrets", "a")
    assert await stage.look() == [X]
    stage.asked()
    assert (await stage.read("x", "a")).value is None
    assert stage.asked() == ["secrets.get a"]


# -- failures ----------------------------------------------------------------------------------------


async def test_a_failed_look_is_told_at_once() -> None:
    stage = Stage()
    stage.wants("x", "a")
    stage.estate.faults.add(Fault(status=503, count=1))
    with pytest.raises(KeyVaultError):
        await stage.look()
    assert stage.states == ["VaultError"]
    assert stage.session.looked.is_set()
    await stage.look()
    assert stage.states == ["VaultError", "good"]


async def test_a_paused_vault_is_not_asked() -> None:
    stage = Stage()
    stage.estate.faults.add(Fault(status=429, retry_after=100, count=1))
    with pytest.raises(KeyVaultError):
        await stage.look()
    stage.asked()
    with pytest.raises(VaultPausedError):
        await stage.look()
    assert stage.asked() == []
    await stage.look()
    assert stage.states == ["Throttled", "good"]


async def test_what_a_failing_look_saw_is_told_all_the_same() -> None:
    stage = Stage()
    stage.seed("a")
    stage.vault.create_key("k")
    stage.wants("x", "a")
    stage.wants("y", "key:k")
    await settled(stage)
    stage.vault.set_secret("a", "2")
    stage.estate.faults.add(Fault(route="/keys", status=503, count=1))
    with pytest.raises(KeyVaultError):
        await stage.look()
    told = stage.heard()
    told += await stage.look()
    assert told == [X]


@pytest.mark.parametrize("refused", ["disabled", "forbidden"])
async def test_a_refused_object_fails_no_look(refused: str) -> None:
    stage = Stage()
    stage.play(detection=Detection.GET)
    stage.seed("a", "b")
    stage.wants("x", "a")
    stage.wants("y", "b")
    await settled(stage)
    if refused == "disabled":
        stage.vault.enable("secrets", "a", enabled=False)
    else:
        stage.estate.access.deny(Denial(name="a"))
    assert await stage.look() == [X]
    assert stage.states == []
    assert await stage.look() == []


async def test_doubt_outlives_a_failed_look() -> None:
    stage = Stage()
    stage.play(detection=Detection.GET)
    stage.wants("x", "a")
    stage.vault.set_secret("a", "1")
    await stage.read("x", "a")
    stage.estate.faults.add(Fault(status=503, count=1))
    with pytest.raises(KeyVaultError):
        await stage.look()
    assert await stage.look() == [X]
    assert await stage.look() == []


async def test_gets_of_a_look_keep_only_values_that_somebody_will_ask_for() -> None:
    stage = Stage()
    stage.play(detection=Detection.GET)
    stage.seed("a", "b")
    stage.wants("x", "a", "b")
    await stage.look()
    assert stage.session.reads.held == 2, "nobody has them yet"
    await stage.look()
    assert stage.session.reads.held == 0
    stage.vault.set_secret("a", "2")
    await stage.look()
    assert stage.session.reads.held == 1


async def test_gets_that_fail_leave_their_objects_as_they_were() -> None:
    stage = Stage()
    stage.play(detection=Detection.GET)
    stage.seed("a", "b")
    stage.wants("x", "a", "b")
    await settled(stage)
    stage.estate.faults.add(Fault(path="/secrets/a*", status=503, count=1))
    before = dict(stage.session.known.sightings)
    assert await stage.look() == []
    assert stage.session.known.sightings == before
    assert stage.states == []


async def test_no_get_that_succeeds_is_a_failed_look() -> None:
    stage = Stage()
    stage.play(detection=Detection.GET)
    stage.seed("a")
    stage.wants("x", "a")
    await settled(stage)
    stage.estate.faults.add(Fault(status=503))
    with pytest.raises(KeyVaultError):
        await stage.look()
    assert stage.states == ["VaultError"]
    assert stage.heard() == []


async def test_a_vault_that_throttles_gets_is_left_alone() -> None:
    stage = Stage()
    stage.play(detection=Detection.GET)
    names = [f"s{number:02}" for number in range(40)]
    stage.seed(*names)
    stage.wants("x", *names)
    stage.estate.faults.add(Fault(status=429, retry_after=60))
    with pytest.raises(KeyVaultError):
        await stage.look()
    assert len(stage.asked()) <= 8, "those under way at the first refusal"


async def test_whoever_asks_meanwhile_shares_the_look() -> None:
    stage = Stage()
    stage.wants("x", "a")
    one, two = asyncio.create_task(stage.watcher.look()), asyncio.create_task(stage.watcher.look())
    await asyncio.sleep(0)
    one.cancel()
    await two
    assert stage.asked() == ["secrets.list"]
    assert one.cancelled()


async def test_a_closed_watcher_looks_no_further() -> None:
    stage = Stage()
    stage.watcher.close()
    look = asyncio.create_task(stage.watcher.look())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stage.watcher.close()
    await asyncio.gather(look, return_exceptions=True)
    assert look.cancelled()
    assert stage.session.looked.is_set()


def test_a_session_has_a_key_of_its_own() -> None:
    stage = Stage()
    assert look_key(stage.session).name == stage.session.name
