"""What a room of hints remembers of its looks."""

from dataclasses import dataclass
from typing import Any, cast

from vaultbind.api.refs import ObjectKey
from vaultbind.engine.clock import Clock
from vaultbind.engine.queue import Priority
from vaultbind.vaults.hints import EVERY_SECONDS, KIND_HINT, HintRoom


@dataclass
class Minutes:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


class Hub:
    """All objects are bound, and looked at without a vault."""

    def __init__(self) -> None:
        self.looks = 0

    def sessions(self) -> list[Any]:
        return []


def room_of(clock: Minutes) -> HintRoom:
    return HintRoom(
        hub=cast("Any", Hub()),
        clock=cast("Clock", clock),
        observer=cast("Any", None),
        enqueue=lambda _, __: None,
    )


def key(number: int) -> ObjectKey:
    return ObjectKey(KIND_HINT, "shop.vault.azure.net", f"secret/s{number}")


def test_looks_are_remembered_as_long_as_they_hold_something_back() -> None:
    clock = Minutes()
    room = room_of(clock)
    for number in range(1000):
        clock.now = number * 0.1
        room._note(key(number), clock.now)
        assert len(room._looked) <= EVERY_SECONDS / 0.1 + 1


async def test_a_look_soon_after_another_waits() -> None:
    clock = Minutes()
    room = room_of(clock)
    room._note(key(1), 0.0)
    clock.now = 1.5
    room._note(key(2), 1.5)
    waits = await room.look(key(1), None, Priority.URGENT)
    assert waits is not None
    assert waits.next_in == 0.5
