"""Two operators without a Lease claim a job at the same moment: one does it, the other leaves it alone."""

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.flow import jobs
from tests.flow.world import World
from vaultbind.cryptojobs.facts import Facts
from vaultbind.cryptojobs.observe import JobObserver
from vaultbind.keyvault.simulation import Fault

PATIENCE = 10.0


@dataclass(slots=True)
class Meeting:
    """Both operators have seen the same state of a new job before either of them goes on."""

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
        if not facts.status.get("keyId"):
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
