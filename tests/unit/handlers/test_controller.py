"""The controller from start to a clean stop, with the real Kopf on the embedded cluster API."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import aiohttp
import pytest
from kopf._cogs.clients import api

from tests.loop import wait_for_sockets
from tests.unit.handlers.cluster_thread import ClusterThread, start_cluster
from tests.unit.kube.test_leases import Cluster, elector
from tests.unit.kube.virtual_time import run_virtually
from vaultbind.api.refs import ObjectKey
from vaultbind.app.feed import Feed
from vaultbind.app.operator import Operator
from vaultbind.engine.clock import SystemClock
from vaultbind.engine.engine import Engine
from vaultbind.handlers import controller
from vaultbind.handlers.controller import ControllerError, start_controller
from vaultbind.kube.access import ClusterAccess
from vaultbind.kube.connection import open_client
from vaultbind.kube.leases import LeaseElector
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, KEY_VAULTS, VAULT_BINDINGS
from vaultbind.kube.session import KubeConnection
from vaultbind.kube.watch import MetadataWatch
from vaultbind.settings import RunSettings
from vaultbind.telemetry.metrics import Metrics

LONGEST_STOP = 50.0
"""Seconds; less than after which a Kopf that does not end is left behind in these tests."""
DENIED = {"url": "https://shop.vault.azure.net", "auth": {"default": {}}}
"""A namespaced KeyVault with the operator's identity is refused: nobody is called."""
ELSEWHERE = {"url": "https://shop.example", "access": [{"namespaces": {"all": True}}]}
"""So is a host that is not on the list."""
UNBOUND = {"vaultRef": {"name": "none"}, "data": [{"key": "k", "secret": {"name": "s"}}]}


@dataclass
class FakeElector:
    """An election that a test decides."""

    won: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    released: bool = False

    async def wait_until_leader(self) -> None:
        await self.won.wait()

    async def release(self) -> None:
        self.released = True

    @property
    def is_leader(self) -> bool:
        return not self.lost.is_set()


class BrokenElector(FakeElector):
    """An election that cannot be held."""

    async def wait_until_leader(self) -> None:
        raise RuntimeError("no election")


@dataclass
class Stage:
    """A cluster, an operator on it, and what it takes to run it."""

    kube: ClusterThread
    operator: Operator
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    run: asyncio.Task[None] = field(init=False)

    def start(self, elector: FakeElector | None = None) -> None:
        controller = start_controller(self.operator, self.stop, cast("LeaseElector | None", elector))
        self.run = asyncio.create_task(controller)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                if self.run.done():
                    self.run.result()
                await asyncio.sleep(0.005)

    async def work(self, elector: FakeElector | None = None) -> None:
        """Start, and wait until the operator knows what is there."""
        self.start(elector)
        await self.until(self.operator.feed.synced.is_set)

    async def over(self) -> None:
        """Wait for the end; Kopf must not have to be left behind."""
        async with asyncio.timeout(LONGEST_STOP):
            await asyncio.wait((self.run,))
        assert self.operator._tasks == set()

    async def end(self) -> None:
        self.stop.set()
        await self.over()
        self.run.result()


@pytest.fixture(autouse=True)
def _much_time_for_kopf(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, too, a Kopf that ends by itself is told from one that is left behind."""
    monkeypatch.setattr(controller, "KOPF_STOP_SECONDS", LONGEST_STOP + 20)


@pytest.fixture(autouse=True)
def _same_garbage_collection() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)


@pytest.fixture(scope="module")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterThread]:
    with start_cluster(tmp_path_factory.mktemp("cluster")) as kube:
        yield kube


@asynccontextmanager
async def stage_on(kube: ClusterThread, access: ClusterAccess) -> AsyncIterator[Stage]:
    client = open_client(access)
    settings = RunSettings(leader_election=False, expiry_interval=timedelta(seconds=0.03))
    operator = Operator(
        settings=settings, client=client, clock=SystemClock(), metrics=Metrics(), identity="test"
    )
    stage = Stage(kube=kube, operator=operator)
    try:
        yield stage
    finally:
        stage.stop.set()
        await asyncio.wait((stage.run,), timeout=LONGEST_STOP)
        stage.run.cancel()
        await client.aclose()
    await wait_for_sockets()
    gc.collect()


@pytest.fixture
async def stage(kube: ClusterThread) -> AsyncIterator[Stage]:
    async with stage_on(kube, kube.cluster.access) as stage:
        yield stage


@pytest.fixture
def leader() -> FakeElector:
    elector = FakeElector()
    elector.won.set()
    return elector


def timers(plural: str) -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == f"runner of judge-{plural}"]


# -- the user of a pod has no name ------------------------------------------------------------------


async def test_it_starts_as_a_user_whom_nobody_knows(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the image: Kopf asks for the user's name unless it is told who it is."""
    monkeypatch.setattr("getpass.getuser", _no_such_user)
    await stage.work()
    await stage.end()


def _no_such_user() -> str:
    raise KeyError("getpwuid(): uid not found: 65532")


# -- Kopf leaves no trace ---------------------------------------------------------------------------


async def test_timers_tick_and_end_with_their_object_and_nothing_is_left_on_it(stage: Stage) -> None:
    ticks: list[tuple[str, str]] = []
    judge, kube = stage.operator.judge_expiry, stage.kube

    def count(vault: ObjectKey, uid: str) -> bool:
        ticks.append((vault.kind, uid))
        return judge(vault, uid)

    stage.operator.judge_expiry = count  # type: ignore[method-assign]
    one = await kube.create(KEY_VAULTS, "default", "kv", DENIED)
    other = await kube.create(CLUSTER_KEY_VAULTS, "", "ckv", ELSEWHERE)
    await stage.work()
    told = [("KeyVault", one), ("ClusterKeyVault", other)]
    await stage.until(lambda: all(ticks.count(tick) >= 3 for tick in told))

    for resource, namespace, name in ((KEY_VAULTS, "default", "kv"), (CLUSTER_KEY_VAULTS, "", "ckv")):
        found = await kube.get(resource, namespace, name)
        assert found is not None
        assert not {"finalizers", "annotations"} & found["metadata"].keys()
        assert found["status"]["conditions"][0]["status"] == "False"
    managers = {key.manager for key in kube.stats.as_mapping() if key.verb in ("patch", "update")}
    assert managers == {"vaultbind"}, "Kopf has written something"

    await kube.delete(KEY_VAULTS, "default", "kv")
    assert await kube.get(KEY_VAULTS, "default", "kv") is None, "it waits for a finalizer"
    await stage.until(lambda: not timers("keyvaults"))
    assert len(timers("clusterkeyvaults")) == 1

    again = await kube.create(KEY_VAULTS, "default", "kv", DENIED)
    await stage.until(lambda: ticks.count(("KeyVault", again)) >= 3)
    assert len(timers("keyvaults")) == 1
    await kube.delete(KEY_VAULTS, "default", "kv")
    await kube.delete(CLUSTER_KEY_VAULTS, "", "ckv")
    await stage.end()
    assert timers("keyvaults") == timers("clusterkeyvaults") == []


async def test_the_timer_of_a_former_namesake_ends(stage: Stage) -> None:
    """Deleted and made anew between two ticks: the old timer must not take the new object for its own."""
    ticks: list[str] = []
    judge, kube = stage.operator.judge_expiry, stage.kube

    def count(vault: ObjectKey, uid: str) -> bool:
        ticks.append(uid)
        return len(ticks) < 3 or judge(vault, uid)

    stage.operator.judge_expiry = count  # type: ignore[method-assign]
    await kube.create(KEY_VAULTS, "default", "twin", DENIED)
    await stage.work()
    await kube.delete(KEY_VAULTS, "default", "twin")
    new = await kube.create(KEY_VAULTS, "default", "twin", DENIED)
    await stage.until(lambda: ticks[-5:] == [new] * 5)
    assert len(timers("keyvaults")) == 1
    await kube.delete(KEY_VAULTS, "default", "twin")
    await stage.end()


async def test_bindings_have_no_timers_and_no_trace_of_kopf(stage: Stage) -> None:
    await stage.work()
    await stage.kube.create(VAULT_BINDINGS, "default", "db", UNBOUND)
    cache, key = stage.operator.engine.cache, ObjectKey("VaultBinding", "default", "db")
    await stage.until(lambda: "conditions" in ((cache.get(key) or {}).get("status") or {}))
    found = await stage.kube.get(VAULT_BINDINGS, "default", "db")
    assert found is not None
    assert not {"finalizers", "annotations"} & found["metadata"].keys()
    assert timers("vaultbindings") == []
    await stage.kube.delete(VAULT_BINDINGS, "default", "db")
    await stage.until(lambda: len(cache) == 0)
    await stage.end()


# -- stop -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_cleanly_although_kopf_has_taken_the_handlers(
    stage: Stage, leader: FakeElector, number: signal.Signals
) -> None:
    loop: Any = asyncio.get_running_loop()
    await stage.work(leader)
    await stage.until(lambda: loop._signal_handlers[number]._callback == stage.stop.set)
    os.kill(os.getpid(), number)
    await stage.over()
    stage.run.result()
    assert leader.released


async def test_it_stops_while_it_waits_for_the_cluster(kube: ClusterThread) -> None:
    nowhere = replace(kube.cluster.access, server="https://127.0.0.1:1")
    async with stage_on(kube, nowhere) as stage:
        stage.start()
        await asyncio.sleep(0.02)
        assert not stage.run.done()
        await stage.end()


async def test_stopped_while_the_first_list_comes_it_begins_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Kopf would take what begins for its own, and wait for it for seconds."""
    caplog.set_level("INFO")
    begun, stopped = asyncio.Event(), asyncio.Event()
    fill, stop = Feed.fill, stage.operator.stop

    async def late_fill(feed: Feed) -> None:
        await fill(feed)
        begun.set()
        await stopped.wait()

    async def stop_and_tell(seconds: float) -> None:
        await stop(seconds)
        stopped.set()

    monkeypatch.setattr(Feed, "fill", late_fill)
    monkeypatch.setattr(stage.operator, "stop", stop_and_tell)
    stage.start()
    await begun.wait()
    await stage.end()
    assert "stopping" in caplog.text
    assert "in sync" not in caplog.text


@pytest.mark.parametrize("held", ["/apis", "/apis/vaultbind.dev/v1alpha1"])
async def test_kopf_stopped_in_its_scan_leaves_no_request_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    """It would forget them and close their session: their connections leak, and a traceback is told."""
    asked, ended = asyncio.Event(), []

    async def get(url: str, **options: Any) -> Any:
        if url == held:
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(sessions[0].closed)
        return await kopf_get(url, **options)

    def keep(*arguments: Any, **options: Any) -> aiohttp.ClientSession:
        sessions.append(open_session(*arguments, **options))
        return sessions[-1]

    sessions: list[aiohttp.ClientSession] = []
    kopf_get, open_session = api.get, KubeConnection.open_session
    monkeypatch.setattr(api, "get", get)
    monkeypatch.setattr(KubeConnection, "open_session", keep)
    stage.start()
    await asked.wait()
    await stage.end()
    assert sessions[0].closed
    assert ended == [False]


async def test_a_standby_is_warm_and_stops_without_having_led(stage: Stage) -> None:
    elector = FakeElector()
    stage.start(elector)
    await stage.until(stage.operator.warm.is_set)
    await stage.end()
    assert not stage.operator.feed.synced.is_set()


# -- ends by itself ---------------------------------------------------------------------------------


async def fails(stage: Stage, words: str) -> None:
    await stage.over()
    with pytest.raises(ControllerError) as raised:
        stage.run.result()
    assert str(raised.value) == words


async def test_a_dead_watch_ends_it(stage: Stage) -> None:
    await stage.work()
    stage.operator.feed.dead.set()
    await fails(stage, "the watch is dead")


async def bug(*_: Any) -> None:
    raise ValueError("hunter2")


async def test_a_bug_in_a_watch_ends_it_and_shows_its_type_alone(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.work()
    stage.operator._start(bug(), "watch of secrets")
    await fails(stage, "a part of it ended")
    assert "watch of secrets: ended by an unexpected ValueError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_bug_in_a_watch_before_its_first_list_ends_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MetadataWatch, "run", bug)
    stage.start()
    await fails(stage, "a part of it ended")


async def test_a_standby_whose_watch_ends_claims_nothing(stage: Stage) -> None:
    stage.start(FakeElector())
    await stage.until(stage.operator.warm.is_set)
    stage.operator._start(bug(), "watch of secrets")
    await fails(stage, "a part of it ended")


class ElectorThatEndsBadly(FakeElector):
    async def wait_until_leader(self) -> None:
        try:
            await super().wait_until_leader()
        finally:
            await bug()


async def test_an_election_that_fails_at_the_stop_shows_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.start(ElectorThatEndsBadly())
    await stage.until(stage.operator.warm.is_set)
    await stage.end()
    await asyncio.sleep(0)
    gc.collect()  # what nobody retrieved is told when it is collected
    assert "hunter2" not in caplog.text


def test_a_claim_that_was_under_way_has_time_to_be_withdrawn() -> None:
    async def story() -> None:
        cluster = SlowCluster()
        cluster._put({}, {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": "x"})
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(3.5, stop.set)  # the claim is in, its answer is not
        waiting = elector(cluster, "two").wait_until_leader()
        assert not await controller._is_done_before(waiting, stop)
        assert cluster.holder == ""

    run_virtually(story())


class SlowCluster(Cluster):
    """Takes 1.6 s for each request, and one more for the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.answer_delay = 1.0

    async def _weather(self) -> None:
        await asyncio.sleep(1.6)


async def test_a_feed_that_does_not_hear_its_end_is_left_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a cancellation that Python 3.11's `asyncio.wait_for` has lost."""
    monkeypatch.setattr(controller, "KOPF_STOP_SECONDS", 0.01)
    release = asyncio.Event()

    async def deaf(*_: Any) -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    monkeypatch.setattr(controller, "_run_kopf", deaf)
    await stage.work()
    stage.stop.set()
    await stage.over()
    release.set()


async def test_a_lost_lease_ends_it(stage: Stage, leader: FakeElector) -> None:
    await stage.work(leader)
    leader.lost.set()
    await fails(stage, "the Lease was lost")
    assert leader.released


async def test_a_bug_in_the_engine_ends_it_and_shows_its_type_alone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(_: Engine) -> None:
        raise ValueError("hunter2")

    await stage.work()
    monkeypatch.setattr(Engine, "_dispatch", bug)
    stage.operator.engine.wake()
    await fails(stage, "the engine ended (ValueError)")


async def test_an_election_that_cannot_be_held_ends_it(stage: Stage) -> None:
    stage.start(BrokenElector())
    with pytest.raises(RuntimeError, match="no election"):
        await stage.run
    await stage.operator.stop(0.0)
