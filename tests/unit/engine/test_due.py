"""The due-time heap, held against a dictionary."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vaultbind.engine.due import DueHeap

KEYS = st.sampled_from("abcde")
TIMES = st.integers(0, 20).map(float)


def test_keys_come_out_by_time_and_of_one_time_in_order() -> None:
    heap: DueHeap[str] = DueHeap()
    for key, at in (("late", 9.0), ("b", 1.0), ("a", 1.0), ("later", 10.0)):
        heap.schedule(key, at)
    assert heap.next_at() == 1.0
    assert heap.pop_due(0.9) == []
    assert heap.pop_due(9.0) == ["b", "a", "late"]
    assert heap.next_at() == 10.0


def test_a_cancelled_key_can_be_scheduled_at_the_same_time_again() -> None:
    heap: DueHeap[str] = DueHeap()
    heap.schedule("a", 1.0)
    heap.cancel("a")
    assert heap.next_at() is None
    heap.schedule("a", 1.0)
    heap.cancel("a")
    heap.schedule("a", 1.0)
    assert heap.pop_due(1.0) == ["a"]
    assert heap.pop_due(1.0) == []


class HeapAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.heap: DueHeap[str] = DueHeap()
        self.model: dict[str, float] = {}

    @rule(key=KEYS, at=TIMES)
    def schedule(self, key: str, at: float) -> None:
        self.heap.schedule(key, at)
        self.model[key] = at

    @rule(key=KEYS, at=TIMES)
    def schedule_earlier(self, key: str, at: float) -> None:
        self.heap.schedule_earlier(key, at)
        self.model[key] = min(at, self.model.get(key, at))

    @rule(key=KEYS)
    def cancel(self, key: str) -> None:
        self.heap.cancel(key)
        self.model.pop(key, None)

    @rule(now=TIMES)
    def pop_due(self, now: float) -> None:
        taken = self.heap.pop_due(now)
        due = {key: at for key, at in self.model.items() if at <= now}
        assert sorted(taken) == sorted(due)
        assert [due[key] for key in taken] == sorted(due.values())
        for key in taken:
            del self.model[key]

    @invariant()
    def agrees(self) -> None:
        assert len(self.heap) == len(self.model)
        assert self.heap.next_at() == min(self.model.values(), default=None)


HeapAgainstModel.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_against_the_model = HeapAgainstModel.TestCase
