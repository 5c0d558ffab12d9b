"""The feed: what comes in, what is there at the start, and the sweep that finds what has not."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.unit.app.objects import FakeKube, binding, engine_at_rest, keyvault
from vaultbind.api.refs import ObjectKey
from vaultbind.app.feed import Feed
from vaultbind.app.kinds import FED
from vaultbind.engine.queue import Priority
from vaultbind.engine.sweep import SweepResult
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import Resource
from vaultbind.kube.sieve import Listed

DB = ObjectKey("VaultBinding", "shop", "db")
MAIN = ObjectKey("ClusterKeyVault", "", "main")


def feed_on(kube: FakeKube, *namespaces: str) -> Feed:
    return Feed(engine=engine_at_rest(), client=cast("KubeClient", kube), namespaces=namespaces)


def listing(*bindings: dict[str, Any]) -> FakeKube:
    return FakeKube(items={"vaultbindings": list(bindings)})


# -- events -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [None, "ADDED", "MODIFIED"])
def test_a_new_object_gets_an_urgent_look_and_sheds_its_managed_fields(event: str | None) -> None:
    feed = feed_on(FakeKube())
    obj = binding()
    obj["metadata"]["managedFields"] = [{"manager": "x"}]
    feed.take(event, obj)
    assert feed.engine.queue.pop() == (DB, Priority.URGENT)
    assert feed.engine.cache.get(DB) == binding()
    assert "managedFields" in obj["metadata"], "Kopf's own object is left as it was"


def test_a_cluster_object_has_no_namespace() -> None:
    feed = feed_on(FakeKube())
    feed.take("ADDED", keyvault())
    assert feed.engine.cache.get(MAIN) is not None


def test_a_deletion_counts_for_that_object_alone() -> None:
    feed = feed_on(FakeKube())
    feed.take("ADDED", binding(uid="u2"))
    feed.take("DELETED", binding(uid="u1"))
    assert feed.engine.cache.get(DB) is not None
    feed.take("DELETED", binding(uid="u2"))
    assert feed.engine.cache.get(DB) is None


def test_an_old_state_changes_nothing() -> None:
    feed = feed_on(FakeKube())
    feed.take(None, binding(version=9))
    feed.take(None, binding(version=8, spec={}))
    assert feed.engine.cache.get(DB) == binding(version=9)


NEWS = [
    pytest.param(None, "ADDED", binding(), True, id="never seen"),
    pytest.param(binding(version=9), "MODIFIED", binding(version=9), False, id="the echo of our own write"),
    pytest.param(binding(version=9), None, binding(version=9), False, id="listed again"),
    pytest.param(binding(version=9), "MODIFIED", binding(version=10), True, id="moved on"),
    pytest.param(binding(version=9), "ADDED", binding(version=9, uid="u2"), True, id="a namesake"),
    pytest.param(binding(version=9), "DELETED", binding(version=9), True, id="deleted"),
]


@pytest.mark.parametrize(("known", "event", "seen", "is_news"), NEWS)
def test_only_news_is_worth_a_handler(
    known: dict[str, Any] | None, event: str | None, seen: dict[str, Any], *, is_news: bool
) -> None:
    feed = feed_on(FakeKube())
    if known is not None:
        feed.take(None, known)
    assert feed.hear(event, seen) is is_news


def test_the_echo_of_a_write_under_way_goes_no_further() -> None:
    feed = feed_on(FakeKube())
    feed.take(None, binding(version=9))
    feed.engine._writing[DB] = None
    echo = binding(version=10)
    echo["metadata"]["managedFields"] = [{"manager": "vaultbind"}]
    assert not feed.hear("MODIFIED", echo)
    assert feed.engine._writing[DB] == binding(version=10), "kept without what nobody reads"
    changed = binding(version=11)
    changed["metadata"]["generation"] = 2
    assert feed.hear("MODIFIED", changed), "a person's change"
    assert feed.hear("DELETED", echo)


# -- the first list ---------------------------------------------------------------------------------


async def test_all_that_exists_is_known_from_one_list() -> None:
    kube = FakeKube(items={"vaultbindings": [binding("a"), binding("b")], "clusterkeyvaults": [keyvault()]})
    feed = feed_on(kube)
    assert not feed.synced.is_set()
    await feed.fill()
    assert feed.synced.is_set()
    assert len(feed.engine.cache) == 3
    assert feed.engine.cache.get(MAIN) == keyvault()
    assert kube.versions == [None] * len(FED), (
        "no server's cache is asked: it may be older than a write of ours"
    )
    assert not any(feed.hear(None, item) for item in (binding("a"), binding("b"), keyvault()))


async def test_kopf_gets_the_versions_of_these_lists_and_the_kinds_that_it_keeps_timers_of() -> None:
    feed = feed_on(FakeKube(items={"vaultbindings": [binding()], "clusterkeyvaults": [keyvault()]}))
    await feed.fill()
    root = "/apis/vaultbind.dev/v1alpha1"
    assert feed.first._known == {
        f"{root}/keyvaults": Listed(version="1"),
        f"{root}/clusterkeyvaults": Listed(version="2", items=(keyvault(),)),
        f"{root}/vaultbindings": Listed(version="3"),
        f"{root}/cryptojobs": Listed(version="4"),
    }


async def test_what_went_between_two_attempts_is_not_believed_in() -> None:
    kube = listing(binding("a"), binding("gone"))
    feed = feed_on(kube)

    def fail_on_the_last() -> None:
        if len(kube.versions) == len(FED):
            raise KubeError(KubeErrorKind.UNREACHABLE, "list: no connection")

    kube.before_answer = fail_on_the_last
    with pytest.raises(KubeError):
        await feed.fill()
    kube.items["vaultbindings"] = [binding("a")]
    await feed.fill()
    assert list(feed.engine.cache.keys("VaultBinding")) == [ObjectKey("VaultBinding", "shop", "a")]


async def test_a_list_comes_in_pages() -> None:
    kube = FakePages(items={"vaultbindings": [binding(name) for name in "abcde"]}, page=2)
    feed = feed_on(cast("FakeKube", kube))
    await feed.fill()
    assert len(feed.engine.cache) == 5
    assert kube.tokens["vaultbindings"] == ["", "2", "4"]


@dataclass
class FakePages:
    """Answers a list in pages; a token is the number of the next item."""

    items: dict[str, list[dict[str, Any]]]
    page: int
    tokens: dict[str, list[str]] = field(default_factory=dict)

    async def list(self, resource: Resource, *_: Any, continue_: str, **__: Any) -> dict[str, Any]:
        self.tokens.setdefault(resource.plural, []).append(continue_)
        found, start = self.items.get(resource.plural, []), int(continue_ or 0)
        end = start + self.page
        metadata = {"resourceVersion": "1"} | ({"continue": str(end)} if end < len(found) else {})
        bare = [{key: value for key, value in item.items() if key != "kind"} for item in found[start:end]]
        return {"items": bare, "metadata": metadata}


async def test_what_the_watch_has_told_meanwhile_is_newer() -> None:
    kube = listing(binding(version=3))
    feed = feed_on(kube)
    kube.before_answer = lambda: feed.take("MODIFIED", binding(version=4))
    await feed.fill()
    assert feed.engine.cache.get(DB) == binding(version=4)


async def test_a_former_namesake_is_replaced() -> None:
    feed = feed_on(listing(binding(uid="u2")))
    feed.take(None, binding(uid="u1"))
    await feed.fill()
    assert feed.engine.cache.get(DB) == binding(uid="u2")


async def test_a_list_that_fails_is_the_caller_s_to_repeat() -> None:
    kube = FakeKube(error=KubeError(KubeErrorKind.UNREACHABLE, "list: no connection"))
    feed = feed_on(kube)
    with pytest.raises(KubeError):
        await feed.fill()
    assert not feed.synced.is_set()


@pytest.mark.parametrize(
    ("namespaces", "asked"),
    [
        ((), {("keyvaults", ""), ("clusterkeyvaults", ""), ("vaultbindings", ""), ("cryptojobs", "")}),
        (
            ("a", "b"),
            {
                ("keyvaults", "a"),
                ("keyvaults", "b"),
                ("clusterkeyvaults", ""),
                ("vaultbindings", "a"),
                ("vaultbindings", "b"),
                ("cryptojobs", "a"),
                ("cryptojobs", "b"),
            },
        ),
    ],
)
async def test_lists_are_asked_of_each_namespace_and_of_the_server_itself(
    namespaces: tuple[str, ...], asked: set[tuple[str, str]]
) -> None:
    kube = FakeKube()
    await feed_on(kube, *namespaces).fill()
    assert {(plural, place) for _, plural, place in kube.asked} == asked
    assert len(kube.asked) == len(asked)
    assert set(kube.versions) == {None}, "an API server's cache may be older than ours"


# -- the sweep --------------------------------------------------------------------------------------


async def test_a_sweep_finds_nothing_where_all_is_well() -> None:
    feed = feed_on(listing(binding()))
    feed.take(None, binding())
    assert await feed.sweep() == SweepResult()
    assert not feed.dead.is_set()


async def test_a_missed_deletion_is_made_up_for() -> None:
    feed = feed_on(listing())
    feed.take(None, binding())
    feed.engine.queue.pop()
    feed.engine.queue.done(DB)
    assert (await feed.sweep()).gone == ((DB, "u1"),)
    assert feed.engine.cache.get(DB) is None
    assert feed.engine.queue.pop() == (DB, Priority.URGENT)


async def test_what_is_created_during_the_sweep_is_no_missed_deletion() -> None:
    kube = listing()
    feed = feed_on(kube)
    kube.before_answer = lambda: feed.take("ADDED", binding())
    assert await feed.sweep() == SweepResult()
    assert feed.engine.cache.get(DB) is not None


async def sweeps(feed: Feed, kube: FakeKube, *versions: int | None) -> list[bool]:
    """Sweep once for each version that the list then shows; tell after each whether the watch is dead."""
    found = []
    for version in versions:
        kube.items = {} if version is None else {"vaultbindings": [binding(version=version)]}
        await feed.sweep()
        found.append(feed.dead.is_set())
    return found


async def test_the_watch_is_dead_when_the_cache_does_not_catch_up() -> None:
    kube = FakeKube()
    feed = feed_on(kube)
    feed.take(None, binding(version=1))
    assert await sweeps(feed, kube, 2, 3) == [False, True]


async def test_the_watch_is_dead_when_a_new_object_does_not_come() -> None:
    kube = FakeKube()
    assert await sweeps(feed_on(kube), kube, 2, 2) == [False, True]


async def test_one_sweep_alone_proves_nothing() -> None:
    kube = FakeKube()
    feed = feed_on(kube)
    feed.take(None, binding(version=1))
    assert await sweeps(feed, kube, 2) == [False]
    feed.take("MODIFIED", binding(version=2))
    assert await sweeps(feed, kube, 2, 3) == [False, False]


async def test_an_object_that_always_moves_is_no_dead_watch() -> None:
    """Each list is a moment ahead of the cache, but the cache follows."""
    kube = FakeKube()
    feed = feed_on(kube)
    for version in (10, 20, 30):
        feed.take("MODIFIED", binding(version=version - 1))
        assert await sweeps(feed, kube, version) == [False]


async def test_an_object_that_went_and_came_again_between_two_sweeps_is_no_dead_watch() -> None:
    kube = FakeKube()
    feed = feed_on(kube)
    assert await sweeps(feed, kube, 2) == [False]
    feed.take("ADDED", binding(uid="u2", version=7))
    kube.items = {"vaultbindings": [binding(uid="u2", version=8)]}
    await feed.sweep()
    assert not feed.dead.is_set()


async def test_a_namesake_that_the_next_sweep_meets_in_its_first_moment_is_no_dead_watch() -> None:
    """Such as a job that somebody makes anew again and again, of which neither list's events were in yet."""
    kube = FakeKube()
    feed = feed_on(kube)
    assert await sweeps(feed, kube, 2) == [False]
    kube.items = {"vaultbindings": [binding(uid="u2", version=8)]}
    await feed.sweep()
    assert not feed.dead.is_set()
    await feed.sweep()
    assert feed.dead.is_set()


async def test_a_sweep_that_fails_decides_nothing() -> None:
    kube = FakeKube(error=KubeError(KubeErrorKind.TIMEOUT, "list: no answer in time"))
    feed = feed_on(kube)
    feed.take(None, binding())
    with pytest.raises(KubeError):
        await feed.sweep()
    await asyncio.sleep(0)
    assert feed.engine.cache.get(DB) is not None
