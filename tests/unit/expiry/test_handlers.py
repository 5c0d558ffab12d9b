"""Loading rotation handlers: whatever is wrong is told with the flag's own words."""

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.unit.expiry.test_outbox import KEY
from tests.unit.expiry.test_vaults import NOW, secret
from vaultbind.expiry.cloudevents import Entry
from vaultbind.expiry.handlers import MOST_LEFT, HandlerError, Handlers, load_handler
from vaultbind.keyvault.rotation.judgement import judge
from vaultbind.keyvault.rotation.state import MonitorState

WRONG = {
    "no colon": ("acme", "not MODULE:ATTRIBUTE"),
    "no module": (":Page", "not MODULE:ATTRIBUTE"),
    "no attribute": ("acme:", "not MODULE:ATTRIBUTE"),
    "a module that is not there": ("acme_that_is_not:Page", "cannot be loaded: ModuleNotFoundError"),
    "an attribute that is not there": ("json:Page", "cannot be loaded: AttributeError"),
    "a class that wants arguments": ("fractions:Fraction", "has none of the methods"),
    "a program": (f"{__name__.rpartition('.')[0]}.program:Page", "cannot be loaded: SystemExit"),
    "an object that handles nothing": ("json:dumps", "has none of the methods"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_used(text: str, words: str) -> None:
    with pytest.raises(HandlerError, match=words) as caught:
        load_handler(text)
    assert text in str(caught.value)


def test_a_class_is_called_and_an_object_taken() -> None:
    assert type(load_handler(f"{__name__}:Page")) is Page
    assert load_handler(f"{__name__}:page") is page


class Page:
    """Handles one thing."""

    async def on_expired(self, properties: object) -> None:
        """Do nothing."""


page = Page()


class Stuck:
    """Does not come back until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls = 0

    def on_expired(self, properties: object) -> None:
        """Hang."""
        self.calls += 1
        self.go.wait()


@dataclass
class Outcomes:
    """Counts."""

    found: Counter[str] = field(default_factory=Counter)

    def handled(self, handler: str, method: str, outcome: str) -> None:
        self.found[outcome] += 1


async def test_calls_that_never_come_back_are_few() -> None:
    """Else each would cost a thread; once they end, handlers are called again."""
    stuck, outcomes = Stuck(), Outcomes()
    handlers = Handlers(handlers=(stuck,), read=unread, find_versions=unread, observer=outcomes, seconds=0.5)
    (telling,) = judge([secret(left=-1)], MonitorState(), NOW).tellings
    entry = Entry(keyvault=KEY, vault="v", telling=telling, time=NOW)
    for _ in range(MOST_LEFT + 5):
        await handlers.handle(entry)
    assert stuck.calls == MOST_LEFT
    assert outcomes.found == {"timeout": MOST_LEFT, "dropped": 5}
    stuck.go.set()
    for thread in handlers._left:
        await asyncio.to_thread(thread._thread.join, 60)
    handlers.seconds = 60.0
    await handlers.handle(entry)
    assert outcomes.found["ok"] == 1
    handlers.close()


async def unread(_: Entry) -> None:
    raise AssertionError("nothing is read for an expiry")
