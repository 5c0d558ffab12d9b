"""The room on a simulated vault, with time that tests move: what ends when, and what is counted."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast

import pytest

from tests.unit.api.cases_cryptojob import job
from tests.unit.vaults.stage import URL, FakeClock, Stage
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.refs import ObjectKey
from vaultbind.cryptojobs.apply import JobWorker
from vaultbind.cryptojobs.deadline import Deadline, OverdueError
from vaultbind.cryptojobs.intake import JobIntake, Prepared
from vaultbind.cryptojobs.observe import JobObserver
from vaultbind.cryptojobs.phase import Claimant, stamp
from vaultbind.cryptojobs.reconcile import CryptoJobRoom
from vaultbind.engine.cache import RawObject
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Report
from vaultbind.keyvault.simulation import Fault
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.kube.client import KubeClient
from vaultbind.vaults import specs

T = TypeVar("T")
JOB = ObjectKey("CryptoJob", "shop", "sign-it")


@dataclass(slots=True)
class SlowClock(FakeClock):
    """A vault that is slow stays so until the deadline has come, where there is one."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    bounds: list[float] = field(default_factory=list)
    cancelled: int = 0

    async def sleep(self, seconds: float) -> None:
        if not self.bounds:
            self.seconds += seconds
            return
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def bound(self, work: Awaitable[T], seconds: float | None, /) -> T:
        """Time that passes only while the vault lets us wait."""
        if seconds is None:
            return await work
        self.bounds.append(seconds)
        task = asyncio.ensure_future(work)
        waiting = asyncio.create_task(self.asked.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            return task.result()
        self.seconds += seconds
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise OverdueError


@dataclass(slots=True)
class Watcher:
    """Notes what is counted."""

    attempts: list[tuple[str, str, str]] = field(default_factory=list)
    ends: list[tuple[str, str, float]] = field(default_factory=list)

    def attempted(self, operation: str, algorithm: str, outcome: str) -> None:
        self.attempts.append((operation, algorithm, outcome))

    def finished(self, operation: str, outcome: str, seconds: float) -> None:
        self.ends.append((operation, outcome, seconds))


class OpenIntake(JobIntake):
    """Every job may ask the stage's vault."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def prepare(self, key: ObjectKey, obj: RawObject) -> Prepared:
        parsed = specs.Parsed(uid="u-1", generation=1, spec=parse_cryptojob(obj))
        return specs.Prepared(parsed=parsed, session=self._stage.session)


@dataclass(slots=True)
class Play:
    """A room, and a job that goes through it pass by pass."""

    clock: SlowClock = field(default_factory=SlowClock)
    watcher: Watcher = field(default_factory=Watcher)
    status: dict[str, Any] = field(default_factory=dict)
    stage: Stage = field(init=False)
    room: CryptoJobRoom = field(init=False)

    def __post_init__(self) -> None:
        self.stage = Stage(clock=self.clock)
        deadline = Deadline(clock=self.clock, bound=self.clock.bound)
        client = cast("KubeClient", None)  # nothing here reads or writes a Secret
        self.room = CryptoJobRoom(
            intake=OpenIntake(self.stage),
            observer=JobObserver(
                client=client,
                clock=self.clock,
                deadline=deadline,
                claimant=Claimant(name="me", began=self.clock.start, exclusive=False),
            ),
            worker=JobWorker(client=client, deadline=deadline, draw=bytes),
            watcher=self.watcher,
            clock=self.clock,
        )

    async def go(self, operation: str = "Sign", **spec: Any) -> Report:
        """One pass; its fields go into the status."""
        metadata = {
            "name": JOB.name,
            "namespace": JOB.namespace,
            "uid": "u-1",
            "resourceVersion": "1",
            "creationTimestamp": stamp(self.clock.start),
        }
        obj = {"metadata": metadata, "spec": job(operation, **spec), "status": self.status}
        report = await self.room.reconcile(JOB, obj, Priority.URGENT)
        assert report is not None
        self.status |= report.fields
        return report

    def versions(self) -> int:
        return len(self.stage.vault.vault.keys.store.versions("k"))


def reasons(report: Report) -> dict[str, str]:
    return {item.type.value: item.reason.word for item in report.conditions}


async def test_the_end_is_told_after_the_operation() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    begun = play.clock.now()
    await play.go()
    play.stage.estate.faults.add(Fault(delay=20.0, path="*/sign"))
    done = await play.go()
    assert reasons(done)["Complete"] == "Completed"
    assert play.status["startTime"] == stamp(begun)
    assert (play.status["completionTime"], play.status["duration"]) == (stamp(play.clock.now()), "20s")
    assert play.watcher.ends == [("Sign", "complete", 20.0)]
    assert play.watcher.attempts == [("Sign", "ES256", "done")]


async def test_durations_are_counted_in_parts_of_seconds() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    play.clock.seconds += 0.75
    await play.go()
    play.stage.estate.faults.add(Fault(delay=0.5, path="*/sign"))
    await play.go()
    assert play.watcher.ends == [("Sign", "complete", 0.5)]
    assert play.status["duration"] == "1s", "as its two times have it"


async def test_another_process_counts_from_the_time_in_the_status() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    await play.go()
    play.clock.seconds += 7
    play.room._begun.clear()
    await play.go()
    assert play.watcher.ends == [("Sign", "complete", 7.0)]


async def test_a_vault_that_asks_for_time_gets_it_and_no_attempt_is_counted() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    await play.go()
    play.stage.estate.faults.add(Fault(status=429, retry_after=40.0, path="*/sign"))
    for _ in range(3):
        told = await play.go(backoffLimit=0)
        assert told.retry
        assert told.retry_after is not None
        assert told.retry_after >= 40
        assert "attempts" not in play.status
    assert play.stage.asked().count("keys.sign k") == 1, "the pause holds for all who come meanwhile"
    play.stage.estate.faults.clear()
    play.clock.seconds += 41
    assert reasons(await play.go(backoffLimit=0))["Complete"] == "Completed"


async def test_the_deadline_ends_an_operation_under_way() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    await play.go(activeDeadlineSeconds=30)
    play.clock.seconds += 10
    play.stage.estate.faults.add(Fault(delay=3600.0, path="*/sign"))
    over = await play.go(activeDeadlineSeconds=30)
    assert play.clock.bounds[-1] == 20.0
    assert play.clock.cancelled == 1
    assert reasons(over) == dict.fromkeys(("Failed", "Ready", "Stalled"), "DeadlineExceeded")
    assert play.status["duration"] == "30s"
    assert "result" not in play.status
    assert play.watcher.ends == [("Sign", "failed", 30.0)]
    assert play.watcher.attempts[-1] == ("Sign", "ES256", "DeadlineExceeded")
    assert play.stage.session.trouble is None, "that is no news of the vault"


async def test_the_deadline_ends_a_read_under_way() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    play.stage.estate.faults.add(Fault(delay=3600.0, method="GET"))
    over = await play.go(activeDeadlineSeconds=30)
    assert reasons(over)["Failed"] == "DeadlineExceeded"
    assert (play.status["duration"], play.clock.cancelled) == ("30s", 0)
    assert play.watcher.attempts == [("Sign", "unknown", "DeadlineExceeded")]
    play.clock.asked.clear()


async def test_what_ends_in_time_is_not_ended() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    await play.go(activeDeadlineSeconds=30)
    told = await play.go(activeDeadlineSeconds=30)
    assert reasons(told)["Complete"] == "Completed"
    assert len(play.clock.bounds) == 3, "both looks and the operation"


@pytest.mark.parametrize("moment", ["asked", "before", "crashed"])
async def test_of_a_rotation_that_the_deadline_ended_only_the_vault_knows(moment: str) -> None:
    play = Play()
    play.stage.vault.create_key("k")
    rotation: dict[str, Any] = {"minAge": "1s", "activeDeadlineSeconds": 30}
    play.clock.seconds += 60
    await play.go("RotateKey", **rotation)
    if moment == "asked":
        play.stage.estate.faults.add(Fault(delay=3600.0, path="*/rotate"))
    elif moment == "before":
        play.stage.estate.faults.add(Fault(delay=3600.0, method="GET"))
    else:
        play.clock.seconds += 31
    over = await play.go("RotateKey", **rotation)
    assert reasons(over)["Failed"] == "DeadlineExceeded"
    assert play.versions() == (2 if moment == "asked" else 1)
    message = over.conditions[0].message
    assert "is not known" in message
    assert "status.keyId" in message
    assert play.status["keyId"].startswith(f"{URL}/keys/k/")
    assert play.watcher.attempts == [("RotateKey", "none", "DeadlineExceeded")]


# -- who does it --------------------------------------------------------------------------------------


async def test_what_another_operator_has_claimed_meanwhile_is_left_to_it_for_a_minute() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    await play.go()
    assert play.status["claimedBy"] == "me"
    play.status["claimedBy"] = "other"
    play.clock.seconds += 20
    play.stage.asked()
    left = await play.go()
    assert (left.next_in, left.fields, play.stage.asked()) == (40.0, {}, [])
    play.clock.seconds += 40
    begun = play.status["startTime"]
    claimed = await play.go()
    assert (reasons(claimed), claimed.next_in, play.stage.asked()) == ({"Ready": "Running"}, 0.0, [])
    assert play.status["claimedBy"] == "me"
    assert play.status["startTime"] == begun, "activeDeadlineSeconds run on"
    assert play.status["takenOverAt"] == stamp(play.clock.start + timedelta(seconds=60))
    assert reasons(await play.go())["Complete"] == "Completed"


async def test_what_a_dead_operator_had_claimed_is_taken_up_at_once() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    await play.go()
    play.status |= {"claimedBy": "dead", "startTime": stamp(play.clock.start - timedelta(seconds=1))}
    assert reasons(await play.go()) == {"Ready": "Running"}, "claimed anew"
    assert reasons(await play.go())["Complete"] == "Completed"


@pytest.mark.parametrize(("after", "gets"), [(1.0, 0), (5.0, 1)])
async def test_what_the_claim_has_read_is_used_at_once_or_not_at_all(after: float, gets: int) -> None:
    play = Play()
    play.stage.vault.create_key("k")
    await play.go()
    play.stage.asked()
    play.clock.seconds += after
    await play.go()
    assert play.stage.asked() == [*["keys.get k"] * gets, "keys.sign k"]


# -- what is counted ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "spec", "algorithm", "outcome"),
    [
        (Changes(enabled=False), {}, "ES256", "KeyDisabled"),
        (Changes(operations=("verify",)), {}, "ES256", "KeyOperationNotAllowed"),
        (Changes(enabled=False), {"algorithm": "ES384"}, "ES384", "KeyDisabled"),
        (None, {}, "unknown", "KeyNotFound"),
        (None, {"algorithm": "ES384"}, "ES384", "KeyNotFound"),
    ],
)
async def test_refusals_before_the_claim_are_counted(
    changes: Changes | None, spec: dict[str, Any], algorithm: str, outcome: str
) -> None:
    play = Play()
    if changes is not None:
        play.stage.vault.create_key("k")
        now = int(play.clock.now().timestamp())
        play.stage.vault.vault.keys.update("k", now=now, changes=changes)
    await play.go(**spec)
    assert play.watcher.attempts == [("Sign", algorithm, outcome)]
    assert play.watcher.ends == []


async def test_refusals_after_the_claim_are_counted_with_the_claimed_algorithm() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    await play.go()
    assert play.watcher.attempts == [], "a claim is no attempt"
    play.stage.estate.faults.add(Fault(status=403, path="*/sign"))
    await play.go(backoffLimit=0)
    assert play.watcher.attempts == [("Sign", "ES256", "Forbidden")]
    assert [end[:2] for end in play.watcher.ends] == [("Sign", "failed")]


async def test_a_rotation_has_no_algorithm() -> None:
    play = Play()
    play.stage.vault.create_key("k")
    play.clock.seconds += 60
    for _ in range(2):
        await play.go("RotateKey", minAge="1s")
    assert play.watcher.attempts == [("RotateKey", "none", "done")]
    assert play.versions() == 2
