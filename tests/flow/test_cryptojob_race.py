"""Two operators without a Lease claim a job at the same moment: one does it, the other leaves it alone."""

import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import MERGE
from vaultbind.cryptojobs.facts import Facts
from vaultbind.cryptojobs.observe import JobObserver
from vaultbind.cryptojobs.phase import stamp
from vaultbind.keyvault.simulation import Fault
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CRYPTO_JOBS

PATIENCE = 60.0
AHEAD = timedelta(seconds=PATIENCE)
DEAD = "dead"
"""An operator that claimed a job and went."""


@dataclass(slots=True)
class Meeting:
    """Both operators have seen the same state of a job that is nobody's before either of them goes on."""

    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=PATIENCE))
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def meet(self, facts: Facts) -> None:
        """Each operator has a thread, and nothing else to do there meanwhile."""
        if facts.operator in {operator for operator, _, _ in self.seen}:
            return
        self.seen.append((facts.operator, facts.key.name, facts.version))
        self.barrier.wait()


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> Meeting:
    made, observe = Meeting(), JobObserver.observe

    async def observe_and_meet(self: JobObserver, *arguments: Any) -> Facts:
        facts = await observe(self, *arguments)
        if facts.status.get("claimedBy", DEAD) == DEAD and not facts.not_ours_for:
            made.meet(facts)
        return facts

    monkeypatch.setattr(JobObserver, "observe", observe_and_meet)
    return made


@pytest.mark.parametrize("operation", ["Sign", "RotateKey"])
async def test_of_two_that_claim_the_same_state_one_operates(
    quiet_world: World, meeting: Meeting, operation: str
) -> None:
    world = quiet_world
    world.settings = replace(world.settings, leader_election=False)
    world.seed.create_key("seal", key_type="RSA")
    await world.start_operator()
    await jobs.connect(world)
    await world.start_operator()
    await world.advance(2)  # a claim of the second in which an operator began could be a dead one's
    world.emulator.faults.add(Fault(method="POST", delay=2.0, path="/keys/seal*"))
    await world.mark()
    fields: dict[str, Any] = {"minAge": "30m"} if operation == "RotateKey" else {"input": {"text": "a"}}
    await jobs.submit(world, "one", operation, "seal", **fields)
    await jobs.complete(world, "one")
    (first, _, version), (second, _, same) = sorted(meeting.seen)
    assert (first, second) == ("world-1", "world-2")
    assert version == same, "both have claimed the same state"
    spent = await world.spent()
    action = {"Sign": "keys.sign seal", "RotateKey": "keys.rotate seal"}[operation]
    assert [line for line in spent.vault if line == action] == [action], spent.vault
    assert len(spent.writes) == 3, "two claims, of which one was refused, and one end"
    assert (await jobs.status(world, "one"))["claimedBy"] in {"world-1", "world-2"}
    versions = world.vault.vault.keys.store.versions("seal")
    assert len(versions) == (2 if operation == "RotateKey" else 1)


@pytest.mark.parametrize("operation", ["Sign", "RotateKey"])
async def test_of_two_that_take_over_from_a_dead_one_one_operates(
    quiet_world: World, meeting: Meeting, operation: str
) -> None:
    """A minute after its claim the job is anybody's: it is claimed anew before the key is used."""
    world = quiet_world
    world.settings = replace(world.settings, leader_election=False)
    key = world.seed.create_key("seal", key_type="RSA")
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=world.vault_spec(crypto=jobs.ALL))
    fields: dict[str, Any] = {"minAge": "30m"} if operation == "RotateKey" else {"input": {"text": "a"}}
    await jobs.submit(world, "one", operation, "seal", **fields)
    claimed = world.clock.now() + AHEAD  # after both began: else it is taken up at the start
    claim = {"claimedBy": DEAD, "startTime": stamp(claimed), "keyId": jobs.key_id(world, "seal", key)}
    if operation == "Sign":
        claim["algorithm"] = "RS256"
    path = f"{CRYPTO_JOBS.path(world.namespace, 'one')}/status"
    await world.cluster.request("PATCH", path, {"status": claim}, content_type=MERGE)
    await world.start_operator()
    await world.start_operator()
    await world.settled()
    assert meeting.seen == [], "both leave it to whoever has claimed it"
    world.emulator.faults.add(Fault(method="POST", delay=2.0, path="/keys/seal*"))
    await world.mark()
    world.clock.offset += AHEAD.total_seconds() + 65
    for life in world.lives:
        await life.ask(life.operator.engine.wake)
    await jobs.complete(world, "one")
    (first, _, version), (second, _, same) = sorted(meeting.seen)
    assert (first, second) == ("world-1", "world-2")
    assert version == same, "both have seen the same claim"
    spent = await world.spent()
    action = {"Sign": "keys.sign seal", "RotateKey": "keys.rotate seal"}[operation]
    assert [line for line in spent.vault if line == action] == [action], spent.vault
    assert len(spent.writes) == 3, "two claims, of which one was refused, and one end"
    status = await jobs.status(world, "one")
    assert status["claimedBy"] in {"world-1", "world-2"}
    assert status["startTime"] == stamp(claimed), "the deadline runs on"
    assert status["takenOverAt"] > stamp(claimed)
