"""The work queue: order, lanes, and a simple model that it is held against."""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vaultbind.engine.queue import Priority, WorkQueue

U, R = Priority.URGENT, Priority.ROUTINE


def queue(limit: int = 16) -> WorkQueue[str]:
    """Keys are `lane.name`."""
    return WorkQueue(lane_of=lambda key: key.partition(".")[0], lane_limit=limit)


def drain(work: WorkQueue[str]) -> list[str]:
    taken = []
    while (item := work.pop()) is not None:
        taken.append(item[0])
    return taken


@pytest.mark.parametrize(
    ("added", "taken"),
    [
        pytest.param([("a.1", R), ("a.2", R)], ["a.1", "a.2"], id="first come, first served"),
        pytest.param([("a.1", R), ("a.2", U)], ["a.2", "a.1"], id="urgent first"),
        pytest.param([("a.1", R), ("a.1", R)], ["a.1"], id="a key waits once"),
        pytest.param([("a.1", R), ("a.2", R), ("a.2", U)], ["a.2", "a.1"], id="a key becomes urgent"),
        pytest.param([("a.1", U), ("a.2", U), ("a.1", R)], ["a.1", "a.2"], id="urgent stays urgent"),
        pytest.param(
            [("a.1", R), ("a.2", R), ("a.3", R), ("b.1", R)],
            ["a.1", "b.1", "a.2", "a.3"],
            id="lanes take turns",
        ),
        pytest.param(
            [("a.1", R), ("a.1", U), ("a.2", R), ("a.3", R), ("b.1", R), ("b.2", R)],
            ["a.1", "a.2", "b.1", "a.3", "b.2"],
            id="a key that became urgent gives its lane no second turn",
        ),
    ],
)
def test_order(added: list[tuple[str, Priority]], taken: list[str]) -> None:
    work = queue()
    for key, priority in added:
        work.add(key, priority)
    assert drain(work) == taken
    assert len(work) == 0


def test_a_full_lane_holds_back_itself_alone() -> None:
    work = queue(limit=2)
    for key in ("slow.1", "slow.2", "slow.3", "quick.1"):
        work.add(key, U)
    work.add("quick.2", R)
    assert drain(work) == ["slow.1", "quick.1", "slow.2", "quick.2"]
    assert len(work) == 1
    assert work.active == 4
    work.done("quick.1")
    assert drain(work) == []
    work.done("slow.2")
    assert drain(work) == ["slow.3"]


@pytest.mark.parametrize(
    ("added", "then"),
    [
        pytest.param([R], R, id="routine"),
        pytest.param([R, U], U, id="the more urgent counts"),
        pytest.param([U, R], U, id="and stays"),
    ],
)
def test_a_key_that_is_worked_on_waits_again(added: list[Priority], then: Priority) -> None:
    work = queue()
    work.add("a.1", R)
    work.pop()
    for priority in added:
        work.add("a.1", priority)
    assert (len(work), work.pop()) == (0, None)
    work.done("a.1")
    assert work.pop() == ("a.1", then)
    work.done("a.1")
    assert work.pop() is None


def test_a_key_moves_with_its_lane() -> None:
    lanes = {"k": "old"}
    work: WorkQueue[str] = WorkQueue(lane_of=lambda key: lanes.get(key, "new"), lane_limit=1)
    work.add("k", R)
    lanes["k"] = "new"
    work.add("k", U)
    work.add("other", U)
    assert drain(work) == ["k"]
    work.done("k")
    assert drain(work) == ["other"]
    work.done("other")
    assert (work._lanes, work._turns[U], work._turns[R]) == ({}, {}, {})


@dataclass
class Model:
    """The same, as simple as can be."""

    waiting: dict[str, Priority] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    again: dict[str, Priority] = field(default_factory=dict)

    def room(self, lane: str, limit: int) -> bool:
        return sum(key.startswith(lane) for key in self.active) < limit


KEYS = st.sampled_from([f"{lane}.{number}" for lane in "abc" for number in range(4)])
LIMIT = 2


class QueueAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.queue = queue(LIMIT)
        self.model = Model()

    @rule(key=KEYS, priority=st.sampled_from(Priority))
    def add(self, key: str, priority: Priority) -> None:
        self.queue.add(key, priority)
        place = self.model.again if key in self.model.active else self.model.waiting
        place[key] = min(priority, place.get(key, priority))

    @rule()
    def pop(self) -> None:
        free = {
            key: priority for key, priority in self.model.waiting.items() if self.model.room(key[0], LIMIT)
        }
        item = self.queue.pop()
        if item is None:
            assert not free
            return
        key, priority = item
        assert free[key] is priority is min(free.values())
        assert key not in self.model.active
        del self.model.waiting[key]
        self.model.active.add(key)

    @precondition(lambda self: self.model.active)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.model.active)))
        self.queue.done(key)
        self.model.active.discard(key)
        if key in self.model.again:
            self.model.waiting[key] = self.model.again.pop(key)

    @invariant()
    def counts(self) -> None:
        assert len(self.queue) == len(self.model.waiting)
        assert self.queue.active == len(self.model.active)
        for priority in Priority:
            assert self.queue.depth(priority) == list(self.model.waiting.values()).count(priority)
        lanes = {key[0] for key in (*self.model.waiting, *self.model.active)}
        assert set(self.queue._lanes) == lanes

    def teardown(self) -> None:
        """Nothing is lost: what waits comes out once all is done."""
        for key in list(self.model.active):
            self.queue.done(key)
        left = self.model.waiting.keys() | self.model.again.keys()
        taken = set()
        while (item := self.queue.pop()) is not None:
            taken.add(item[0])
            self.queue.done(item[0])
        assert taken == left
        assert not self.queue._lanes


QueueAgainstModel.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_against_the_model = QueueAgainstModel.TestCase
