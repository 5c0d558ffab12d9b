import asyncio
import copy
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.kube.virtual_time import now, run_virtually
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.lease_record import LeaseRecord, LeaseTimings, is_free, parse_lease
from vaultbind.kube.leases import LeaseElector
from vaultbind.kube.resources import LEASES, Resource

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
K = KubeErrorKind


class Cluster:
    """One Lease with resourceVersions; can fail, hang, and apply a write whose answer gets lost."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.writes: list[tuple[float, dict[str, Any]]] = []
        self.failing: KubeError | None = None
        self.hanging = False
        self.losing_answers = False
        self.answer_delay = 0.0

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        assert (resource, namespace, name) == (LEASES, "ops", "lead")
        await self._weather()
        if self.lease is None:
            raise KubeError(K.NOT_FOUND, "x")
        return copy.deepcopy(self.lease)

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        await self._weather()
        if self.lease is not None:
            raise KubeError(K.ALREADY_EXISTS, "x")
        return await self._store(dict(body["metadata"]), dict(body["spec"]))

    async def merge_patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        await self._weather()
        if self.lease is None:
            raise KubeError(K.NOT_FOUND, "x")
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise KubeError(K.CONFLICT, "x")
        return await self._store(dict(self.lease["metadata"]), self.lease["spec"] | body["spec"])

    def steal(self, holder: str) -> None:
        """Somebody writes the lease past all rules."""
        assert self.lease is not None
        self._put(
            self.lease["metadata"], self.lease["spec"] | {"holderIdentity": holder, "renewTime": "other"}
        )

    @property
    def holder(self) -> str:
        return self.lease["spec"]["holderIdentity"] if self.lease else ""

    async def _weather(self) -> None:
        await asyncio.sleep(0.01)
        if self.hanging:
            await asyncio.sleep(1e9)
        if self.failing:
            raise self.failing

    async def _store(self, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
        self._put(metadata, spec)
        self.writes.append((now(), spec))
        await asyncio.sleep(1e9 if self.losing_answers else self.answer_delay)
        assert self.lease is not None
        return copy.deepcopy(self.lease)

    def _put(self, metadata: dict[str, Any], spec: dict[str, Any]) -> None:
        self.version += 1
        self.lease = {"metadata": metadata | {"resourceVersion": str(self.version)}, "spec": spec}


def elector(cluster: Cluster, identity: str, **more: Any) -> LeaseElector:
    return LeaseElector(
        cluster,
        "ops",
        "lead",
        identity,
        clock=now,
        now=lambda: EPOCH + timedelta(seconds=now()),
        **more,
    )


async def leading(cluster: Cluster, identity: str = "one", **more: Any) -> LeaseElector:
    it = elector(cluster, identity, **more)
    await it.wait_until_leader()
    return it


def virtual(story: Coroutine[Any, Any, None]) -> None:
    run_virtually(story)


def test_the_first_one_makes_the_lease_and_leads() -> None:
    async def story() -> None:
        cluster = Cluster()
        it = await leading(cluster)

        assert it.is_leader
        assert it.holder == "one"
        [(_, spec)] = cluster.writes
        assert spec["leaseDurationSeconds"] == 15
        assert spec["leaseTransitions"] == 0
        assert spec["acquireTime"] == spec["renewTime"]
        assert spec["renewTime"].endswith("Z")
        await it.release()

    virtual(story())


def test_a_leader_renews_every_two_seconds() -> None:
    async def story() -> None:
        cluster = Cluster()
        it = await leading(cluster)
        await asyncio.sleep(61)

        assert it.is_leader
        assert not it.lost.is_set()
        assert 29 <= len(cluster.writes) <= 32
        assert len({spec["renewTime"] for _, spec in cluster.writes[1:]}) == len(cluster.writes) - 1
        await it.release()

    virtual(story())


def test_a_second_one_waits_as_long_as_the_first_renews() -> None:
    async def story() -> None:
        cluster = Cluster()
        first, second = await leading(cluster), elector(cluster, "two")
        waiting = asyncio.create_task(second.wait_until_leader())
        await asyncio.sleep(120)

        assert first.is_leader
        assert not second.is_leader
        assert second.holder == "one"
        waiting.cancel()
        await first.release()

    virtual(story())


def test_a_dead_leader_is_followed_after_the_duration_by_the_watchers_own_clock() -> None:
    async def story() -> None:
        cluster = Cluster()
        cluster._put({}, {"holderIdentity": "dead", "leaseDurationSeconds": 15, "renewTime": "long ago"})
        start = now()
        it = await leading(cluster, "two")

        assert 15 <= now() - start <= 15.1
        assert cluster.holder == "two"
        assert cluster.writes[0][1]["leaseTransitions"] == 1
        await it.release()

    virtual(story())


def test_a_released_lease_is_followed_at_once() -> None:
    async def story() -> None:
        cluster = Cluster()
        first, second = await leading(cluster), elector(cluster, "two")
        waiting = asyncio.create_task(second.wait_until_leader())
        await asyncio.sleep(10)
        start = now()
        await first.release()
        await waiting

        assert now() - start < 3
        assert not first.is_leader
        assert not first.lost.is_set()  # given up is not lost
        assert second.is_leader
        await second.release()

    virtual(story())


def test_two_never_lead_at_once_and_one_gets_a_new_lease() -> None:
    async def story() -> None:
        cluster = Cluster()
        electors = [elector(cluster, f"e{number}") for number in range(5)]
        tasks = [asyncio.create_task(it.wait_until_leader()) for it in electors]
        for _ in range(100):
            await asyncio.sleep(0.5)
            assert sum(it.is_leader for it in electors) <= 1

        assert sum(it.is_leader for it in electors) == 1
        for task in tasks:
            task.cancel()
        for it in electors:
            await it.release()

    virtual(story())


@pytest.mark.parametrize(
    "weather",
    [
        pytest.param({"failing": KubeError(K.UNREACHABLE, "x")}, id="no connection"),
        pytest.param({"failing": KubeError(K.SERVER_ERROR, "x")}, id="server error"),
        pytest.param({"hanging": True}, id="calls hang"),
        pytest.param({"losing_answers": True}, id="answers get lost"),
    ],
)
def test_a_leader_that_cannot_renew_steps_down_before_another_may_follow(weather: dict[str, Any]) -> None:
    async def story() -> None:
        cluster, reasons = Cluster(), list[str]()
        it = await leading(cluster, on_lost=reasons.append)
        await asyncio.sleep(20)
        renewed = cluster.writes[-1][0]
        for name, value in weather.items():
            setattr(cluster, name, value)
        await it.lost.wait()

        assert 7.9 <= now() - renewed <= 10.1
        assert not it.is_leader
        assert reasons == ["not renewed for 10 s"]
        await it.release()

    virtual(story())


def test_the_deadline_counts_from_before_the_write_not_from_its_answer() -> None:
    async def story() -> None:
        cluster = Cluster()
        cluster.answer_delay = 4.0
        it = await leading(cluster)
        cluster.failing = KubeError(K.UNREACHABLE, "x")
        await it.lost.wait()

        assert now() - cluster.writes[-1][0] <= 10.1
        await it.release()

    virtual(story())


def test_the_deadline_counts_from_before_the_renewal_not_from_its_answer() -> None:
    async def story() -> None:
        cluster = Cluster()
        it = await leading(cluster)
        cluster.answer_delay = 4.0
        await asyncio.sleep(6.5)
        cluster.failing = KubeError(K.UNREACHABLE, "x")
        await it.lost.wait()

        assert len(cluster.writes) == 2
        assert now() - cluster.writes[-1][0] <= 10.1
        await it.release()

    virtual(story())


@pytest.mark.parametrize("kind", [K.UNREACHABLE, K.FORBIDDEN, K.THROTTLED])
def test_who_wants_to_lead_waits_out_an_outage(kind: KubeErrorKind) -> None:
    async def story() -> None:
        cluster = Cluster()
        cluster.failing = KubeError(kind, "x")
        it = elector(cluster, "one")
        waiting = asyncio.create_task(it.wait_until_leader())
        await asyncio.sleep(60)
        cluster.failing = None
        await asyncio.wait_for(waiting, 3)

        assert it.is_leader
        await it.release()

    virtual(story())


def test_a_short_outage_is_survived() -> None:
    async def story() -> None:
        cluster = Cluster()
        it = await leading(cluster)
        for _ in range(5):
            await asyncio.sleep(5)
            cluster.failing = KubeError(K.UNREACHABLE, "x")
            await asyncio.sleep(7)
            cluster.failing = None

        assert it.is_leader
        await it.release()

    virtual(story())


def test_a_renewal_whose_answer_got_lost_is_found_again() -> None:
    async def story() -> None:
        cluster = Cluster()
        it = await leading(cluster)
        cluster.losing_answers = True
        await asyncio.sleep(3)
        cluster.losing_answers = False
        await asyncio.sleep(30)

        assert it.is_leader
        await it.release()

    virtual(story())


def test_a_lease_that_somebody_else_took_is_lost_at_the_next_renewal() -> None:
    async def story() -> None:
        cluster, reasons = Cluster(), list[str]()
        it = await leading(cluster, on_lost=reasons.append)
        cluster.steal("thief")
        start = now()
        await it.lost.wait()

        assert now() - start < 2.2
        assert reasons == ["taken over by thief"]
        await it.release()
        assert cluster.holder == "thief"

    virtual(story())


def test_a_lease_that_was_deleted_is_lost() -> None:
    async def story() -> None:
        cluster, reasons = Cluster(), list[str]()
        it = await leading(cluster, on_lost=reasons.append)
        cluster.lease = None
        await it.lost.wait()

        assert reasons == ["released or deleted by somebody"]
        await it.release()

    virtual(story())


def test_a_lease_that_somebody_only_touched_is_kept() -> None:
    async def story() -> None:
        cluster = Cluster()
        it = await leading(cluster)
        cluster.steal("one")  # a new resourceVersion, the same holder
        await asyncio.sleep(30)

        assert it.is_leader
        await it.release()
        assert cluster.holder == ""

    virtual(story())


def test_a_claim_whose_answer_got_lost_is_ours_at_the_next_try() -> None:
    async def story() -> None:
        cluster = Cluster()
        cluster.losing_answers = True
        it = elector(cluster, "one")
        waiting = asyncio.create_task(it.wait_until_leader())
        await asyncio.sleep(5.5)
        assert cluster.holder == "one"
        before = it.is_leader
        cluster.losing_answers = False
        await asyncio.wait_for(waiting, 5)

        assert (before, it.is_leader) == (False, True)
        assert cluster.writes[-1][1]["leaseTransitions"] == 0
        await it.release()

    virtual(story())


@pytest.mark.parametrize("is_new", [True, False])
def test_who_stops_while_its_claim_is_under_way_leaves_none_behind(*, is_new: bool) -> None:
    async def story() -> None:
        cluster = Cluster()
        if not is_new:
            await (await leading(cluster)).release()
        cluster.losing_answers = True
        waiting = asyncio.create_task(elector(cluster, "two").wait_until_leader())
        await asyncio.sleep(1)
        assert cluster.holder == "two"
        cluster.losing_answers = False
        waiting.cancel()
        await asyncio.wait((waiting,))

        assert waiting.cancelled()
        assert cluster.holder == ""

    virtual(story())


class Slow(Cluster):
    """Takes the first change only some time after it was asked, whether or not anybody waits for it."""

    def __init__(self, delay: float) -> None:
        super().__init__()
        self.delay = delay
        self.outcomes: list[str] = []
        self.asked = asyncio.Event()

    def put(self, holder: str) -> None:
        """A lease that nobody renews."""
        self._put({}, {"holderIdentity": holder, "leaseDurationSeconds": 1, "renewTime": "x"})

    async def merge_patch(self, *place: Any) -> dict[str, Any]:
        if self.asked.is_set():
            return await super().merge_patch(*place)
        self.asked.set()
        return await asyncio.shield(asyncio.create_task(self._change_late(*place)))

    async def _change_late(self, *place: Any) -> dict[str, Any]:
        await asyncio.sleep(self.delay)
        try:
            changed = await super().merge_patch(*place)
        except KubeError as error:
            self.outcomes.append(error.kind.value)
            return {}
        self.outcomes.append("ok")
        return changed


@pytest.mark.parametrize(
    ("delay", "outcome"),
    [
        pytest.param(0.0, "ok", id="before the look"),
        pytest.param(0.008, "ok", id="between the look and the release"),
        pytest.param(0.5, K.CONFLICT.value, id="after the release"),
    ],
)
@pytest.mark.parametrize("holder", ["", "dead"])
def test_who_stops_is_not_overtaken_by_its_own_claim(delay: float, outcome: str, holder: str) -> None:
    async def story() -> None:
        cluster = Slow(delay)
        cluster.put(holder)
        waiting = asyncio.create_task(elector(cluster, "two").wait_until_leader())
        await cluster.asked.wait()
        await asyncio.sleep(0.003)
        waiting.cancel()
        await asyncio.wait((waiting,))
        await asyncio.sleep(1)

        assert waiting.cancelled()
        assert cluster.outcomes == [outcome]
        assert cluster.holder == ""

    virtual(story())


def test_who_stops_leaves_the_lease_to_another_that_claims_it_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        cluster = Slow(0.5)
        cluster.put("")
        waiting = asyncio.create_task(elector(cluster, "two").wait_until_leader())
        await cluster.asked.wait()
        waiting.cancel()
        await asyncio.sleep(0.015)
        cluster.steal("three")
        await asyncio.wait((waiting,))
        await asyncio.sleep(1)

        assert waiting.cancelled()
        assert cluster.outcomes == [K.CONFLICT.value]
        assert cluster.holder == "three"

    with caplog.at_level("WARNING"):
        virtual(story())
    assert caplog.messages == []


def test_who_stops_while_another_leads_writes_nothing() -> None:
    async def story() -> None:
        cluster = Cluster()
        it = await leading(cluster)
        waiting = asyncio.create_task(elector(cluster, "two").wait_until_leader())
        await asyncio.sleep(1)
        cluster.hanging = True
        waiting.cancel()
        await asyncio.sleep(0)

        assert waiting.cancelled(), "nothing is asked, either"
        cluster.hanging = False
        await it.release()

    virtual(story())


def test_a_loop_that_slept_too_long_steps_down_without_a_call() -> None:
    async def story() -> None:
        cluster, skew = Cluster(), [0.0]
        it = LeaseElector(cluster, "ops", "lead", "one", clock=lambda: now() + skew[0])
        await it.wait_until_leader()
        await asyncio.sleep(1)
        writes = len(cluster.writes)
        skew[0] = 60.0

        assert not it.is_leader  # at once, not only at the next renewal
        await it.lost.wait()
        assert len(cluster.writes) == writes
        await it.release()

    virtual(story())


@pytest.mark.parametrize("weather", ["failing", "hanging"])
def test_a_release_that_fails_is_left_to_run_out(weather: str) -> None:
    async def story() -> None:
        cluster = Cluster()
        it = await leading(cluster)
        setattr(cluster, weather, KubeError(K.UNREACHABLE, "x") if weather == "failing" else True)
        start = now()
        await it.release()

        assert now() - start <= 5.1
        assert not it.is_leader
        assert cluster.holder == "one"

    virtual(story())


def test_a_release_does_not_give_away_what_another_holds() -> None:
    async def story() -> None:
        cluster = Cluster()
        it = await leading(cluster)
        cluster.steal("thief")
        await it.release()

        assert cluster.holder == "thief"

    virtual(story())


def test_one_who_never_led_releases_nothing() -> None:
    async def story() -> None:
        cluster = Cluster()
        await elector(cluster, "one").release()

        assert cluster.writes == []

    virtual(story())


@pytest.mark.parametrize(
    ("holder", "unchanged_for", "free"),
    [
        pytest.param("", 0.0, True, id="nobody's"),
        pytest.param("me", 0.0, True, id="mine"),
        pytest.param("other", 14.9, False, id="another's"),
        pytest.param("other", 15.0, True, id="another's, run out"),
    ],
)
def test_is_free(holder: str, unchanged_for: float, free: bool) -> None:
    record = LeaseRecord(holder=holder, duration=15.0, renewed="x", transitions=0, resource_version="1")

    assert free is is_free(record, "me", unchanged_for=unchanged_for)


@pytest.mark.parametrize(
    "obj", [{}, {"spec": None}, {"spec": {"holderIdentity": None, "leaseTransitions": None}}]
)
def test_an_empty_lease_is_nobodys(obj: dict[str, Any]) -> None:
    record = parse_lease(obj)

    assert (record.holder, record.transitions, record.duration) == ("", 0, 15.0)


@pytest.mark.parametrize(
    "timings",
    [
        {"deadline": 15.0},
        {"deadline": 20.0},
        {"interval": 10.0},
        {"interval": 0.0},
        {"call_timeout": 0.0},
    ],
)
def test_timings_that_would_let_two_lead_are_refused(timings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="lease timings"):
        LeaseTimings(**timings)
