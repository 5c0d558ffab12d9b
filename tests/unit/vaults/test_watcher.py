"""Looks at a simulated vault: what they cost, what they find, and the caveats of lists."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.vaults.stage import VAULT, Stage, reader, ref
from vaultbind.api.conditions import Reason, Status
from vaultbind.api.data_from import FindEntry
from vaultbind.api.keyvault import Detection
from vaultbind.api.refs import ObjectKey, VaultObjectKind
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind, SecretProperties
from vaultbind.keyvault.simulation import Fault
from vaultbind.keyvault.simulation.access import Denial
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.vaults import watcher
from vaultbind.vaults.catalog import Catalog, NoList
from vaultbind.vaults.look import RELIST_AFTER_LOOKS
from vaultbind.vaults.room import report_session
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


async def endless(client: object, kind: VaultObjectKind) -> AsyncIterator[list[SecretProperties]]:
    """Pages of a vault whose next links never end."""
    while True:
        yield []


@pytest.mark.parametrize("detection", [Detection.AUTO, Detection.LIST])
async def test_next_links_without_end_end(monkeypatch: pytest.MonkeyPatch, detection: Detection) -> None:
    stage = Stage()
    stage.play(detection=detection)
    stage.session.watching_all.add(VAULT)
    stage.seed("a")
    stage.wants("app", "a")
    monkeypatch.setattr("vaultbind.vaults.watcher._pages", endless)
    await stage.look()
    assert stage.session.overlong == set(VaultObjectKind)
    assert stage.session.listed == {}
    assert stage.asked() == ["secrets.get a"], "what is bound is got"
    (condition,) = report_session(stage.session).conditions
    assert (condition.status, condition.reason) == (Status.FALSE, Reason.LIST_TOO_LONG)
    assert "the list of certificates, keys, secrets has more than 1000 pages" in condition.message
    assert len(condition.message) < 400


async def test_a_list_that_is_too_long_is_tried_again_after_many_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    stage.play(detection=Detection.LIST)
    stage.seed("a", "b", "c")
    stage.wants("app", "a")
    monkeypatch.setattr("vaultbind.vaults.watcher.MOST_LISTED", 2)
    await stage.look()
    assert stage.asked() == ["secrets.list", "secrets.get a"]
    assert stage.session.overlong == {VaultObjectKind.SECRET}
    monkeypatch.undo()
    for _ in range(RELIST_AFTER_LOOKS):
        await stage.look()
    assert stage.asked() == ["secrets.get a"] * RELIST_AFTER_LOOKS
    await stage.look()
    assert stage.asked() == ["secrets.list"]
    assert stage.session.overlong == set()
    assert report_session(stage.session).conditions[0].reason is Reason.CONNECTED


async def test_a_long_list_that_nobody_wants_whole_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.seed("a", "b", "c")
    stage.wants("app", "a")
    monkeypatch.setattr("vaultbind.vaults.watcher.MOST_LISTED", 2)
    await stage.look()
    assert stage.asked() == ["secrets.list", "secrets.get a"]
    assert stage.session.overlong == set()


# -- those who look for objects --------------------------------------------------------------------

APP = (FindEntry(regexp="app-.*"),)


def finds(stage: Stage, name: str, *refs: str, entries: tuple[FindEntry, ...] = APP) -> None:
    stage.book.note(reader(name), VAULT, [ref(text) for text in refs], entries)


def names_in(stage: Stage, kind: VaultObjectKind = VaultObjectKind.SECRET) -> list[str]:
    catalog = stage.session.catalogs[kind]
    assert isinstance(catalog, Catalog)
    return sorted(listed.name for listed in catalog.items.values())


async def test_one_list_shows_changes_and_what_can_be_found() -> None:
    stage = Stage()
    stage.seed("App-a", "other")
    stage.wants("x", "other")
    finds(stage, "y", "app-a")
    assert await stage.look() == [], "whoever looks for objects waits for the first look"
    assert stage.asked() == ["secrets.list"]
    assert names_in(stage) == ["App-a", "other"]
    assert await stage.look() == []
    stage.seed("app-b")
    assert await stage.look() == [{reader("y")}]
    stage.vault.set_secret("app-a", "2")
    stage.vault.set_secret("other", "2")
    assert await stage.look() == [{reader("x"), reader("y")}]
    assert stage.asked() == ["secrets.list"] * 3


async def test_where_nobody_looks_for_objects_no_catalog_is_kept() -> None:
    stage = Stage()
    stage.seed("a")
    finds(stage, "y")
    stage.wants("x", "a")
    await stage.look()
    assert names_in(stage) == ["a"]
    stage.book.drop(reader("y"))
    await stage.look()
    assert stage.session.catalogs == {}
    assert stage.asked() == ["secrets.list"] * 2


async def test_others_have_a_turn_between_two_who_look(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []

    def two(*_: object) -> Iterator[set[ObjectKey]]:
        known = stage.session.known.sightings
        assert known[ref("a")] is None, "a read in one of those turns is newer than the list"
        asyncio.get_running_loop().call_soon(turns.append, "another")
        yield {reader("y")}
        turns.append("second")
        yield {reader("z")}

    stage = Stage()
    stage.seed("a")
    stage.wants("x", "a")
    finds(stage, "y")
    await settled(stage)
    stage.vault.delete("secrets", "a")
    monkeypatch.setattr("vaultbind.vaults.watcher.find_moved", two)
    assert await stage.look() == [{reader("x"), reader("y"), reader("z")}]
    assert turns == ["another", "second"]


async def test_who_comes_while_the_list_is_on_its_way_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    finds(stage, "y", entries=(FindEntry(regexp="other"),))
    await stage.look()
    stage.seed("app-a")
    pages = watcher._pages

    def begin(*args: Any) -> AsyncIterator[Sequence[Any]]:
        finds(stage, "late")
        return pages(*args)

    monkeypatch.setattr(watcher, "_pages", begin)
    assert await stage.look() == [{reader("late")}]


async def test_all_pages_are_read_however_few_objects_are_bound() -> None:
    stage = Stage()
    stage.seed(*(f"s{number:02}" for number in range(60)))
    finds(stage, "y")
    await stage.look()
    assert stage.asked() == ["secrets.list"] * 3
    assert len(names_in(stage)) == 60


async def test_kinds_are_listed_as_they_are_looked_for() -> None:
    stage = Stage()
    stage.vault.issue_certificate("web", ["web.test"])
    finds(stage, "y", entries=(FindEntry(kinds=(VaultObjectKind.CERTIFICATE,), regexp=".*"),))
    await stage.look()
    assert sorted(stage.asked()) == ["certificates.list", "secrets.list"]
    assert names_in(stage, VaultObjectKind.CERTIFICATE) == ["web"]


async def test_a_list_that_is_refused_is_asked_for_at_each_look_of_a_finder() -> None:
    stage = Stage()
    stage.seed("app-a")
    finds(stage, "y", "app-a")
    await stage.look()
    stage.estate.access.deny(Denial(action="list"))
    stage.asked()
    assert await stage.look() == [{reader("y")}]
    assert stage.session.catalogs == {VaultObjectKind.SECRET: NoList.FORBIDDEN}
    assert await stage.look() == []
    assert stage.asked() == ["secrets.list", "secrets.get app-a"] * 2
    stage.estate.access.clear()
    assert await stage.look() == [{reader("y")}]
    assert names_in(stage) == ["app-a"]


@pytest.mark.parametrize(
    ("detection", "why"), [(Detection.GET, NoList.SWITCHED_OFF), (Detection.LIST, NoList.FORBIDDEN)]
)
async def test_why_there_is_no_list(detection: Detection, why: NoList) -> None:
    stage = Stage()
    stage.play(detection=detection)
    stage.estate.access.deny(Denial(action="list"))
    finds(stage, "y")
    with contextlib.suppress(KeyVaultError):
        await stage.look()
    assert stage.session.catalogs == {VaultObjectKind.SECRET: why}
    assert stage.asked() == ([] if detection is Detection.GET else ["secrets.list"])


async def test_a_list_that_is_too_long_to_find_in(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.seed("app-a", "app-b", "app-c")
    finds(stage, "y", "app-a")
    monkeypatch.setattr("vaultbind.vaults.watcher.MOST_LISTED", 2)
    await stage.look()
    assert stage.session.catalogs == {VaultObjectKind.SECRET: NoList.TOO_LONG}
    assert report_session(stage.session).conditions[0].reason is Reason.CONNECTED, "its binding tells it"


async def test_a_look_that_fails_half_way_tells_what_it_saw() -> None:
    stage = Stage()
    stage.seed("app-a")
    finds(stage, "y", entries=(*APP, FindEntry(kinds=(VaultObjectKind.KEY,), regexp=".*")))
    await stage.look()
    stage.seed("app-b")
    stage.estate.faults.add(Fault(path="/keys", status=500))
    with pytest.raises(KeyVaultError):
        await stage.look()
    assert stage.heard() == [{reader("y")}]
    assert names_in(stage) == ["app-a", "app-b"]
