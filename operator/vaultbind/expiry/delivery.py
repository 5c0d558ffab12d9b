"""Takes events from the outbox to the sink, each until the sink has it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from vaultbind.api.refs import ObjectKey
from vaultbind.engine.backoff import Backoff, BackoffPolicy
from vaultbind.expiry.cloudevents import Entry, Versions, render_cloudevent, type_of
from vaultbind.expiry.outbox import Outbox
from vaultbind.expiry.sink import Answer, Outcome
from vaultbind.keyvault.rotation.judgement import Event

logger = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Events under way at the same time."""


class DeliveryObserver(Protocol):
    """Told of each attempt; must not block."""

    def sent(self, type: str, outcome: str) -> None:
        """An event of this type was delivered, refused, failed (and will be tried again) or spared."""


FindVersions = Callable[[Entry], Awaitable[Versions | None]]
"""Finds the versions of a rotation; None where the object has no earlier one, so that there was none."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One task per process. A sink that fails is left alone for longer and longer, up to five minutes."""

    outbox: Outbox
    host: str
    """Of the sink, for logs."""
    send: Callable[[Mapping[str, Any]], Awaitable[Answer]]
    find_versions: FindVersions
    on_sent: Callable[[ObjectKey], None]
    """Told of a KeyVault whose events have all been sent."""
    observer: DeliveryObserver
    may_send: Callable[[], bool] = lambda: True
    """Whether this process leads."""
    backoff: Backoff[str] = field(default_factory=lambda: Backoff(policy=BackoffPolicy(first=1.0)))
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _versions: dict[str, Versions | None] = field(default_factory=dict)
    """Found out for events that wait; a second try asks nothing again."""
    _fails: bool = False

    def wake(self) -> None:
        """Something may be in the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            if not len(self.outbox) or not self.may_send():
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                pause = await self.send_some()
            except Exception as error:  # noqa: BLE001 - a task that ended would end in silence
                logger.error("the CloudEvents sink cannot be told: unexpected %s", type(error).__name__)
                pause = self.backoff.fail("")
            if pause:
                await self.sleep(pause)

    async def send_some(self) -> float:
        """Send what has waited longest; returns for how many seconds the sink is to be left alone."""
        answers = await asyncio.gather(*(self._deliver(entry) for entry in self.outbox.first(AT_ONCE)))
        failed = [answer for answer in answers if answer.outcome is Outcome.FAILED]
        if failed:
            self._note_failure(failed[0])
            return max(self.backoff.fail(""), *(answer.retry_after for answer in failed), 0.0)
        if self._fails:
            logger.warning("the CloudEvents sink %s takes events again", self.host)
        self._fails = False
        self.backoff.succeed("")
        return 0.0

    def _note_failure(self, answer: Answer) -> None:
        if not self._fails:
            message = "the CloudEvents sink %s takes no events: %s; %d wait and are tried again"
            logger.warning(message, self.host, answer.cause, len(self.outbox))
        self._fails = True

    async def _deliver(self, entry: Entry) -> Answer:
        type_, versions = type_of(entry.telling), await self._find_versions(entry)
        if versions is None:
            self.observer.sent(type_, "spared")  # a new object: nothing was rotated
            return self._settle(entry, Answer(outcome=Outcome.DELIVERED))
        answer = await self.send(render_cloudevent(entry, versions))
        self.observer.sent(type_, answer.outcome.value)
        if answer.outcome is Outcome.REFUSED:
            logger.error(
                "the CloudEvents sink %s refused an event of type %s for good: %s",
                self.host,
                type_,
                answer.cause,
            )
        return answer if answer.outcome is Outcome.FAILED else self._settle(entry, answer)

    def _settle(self, entry: Entry, answer: Answer) -> Answer:
        self._versions.pop(entry.id, None)
        if self.outbox.settle(entry):
            self.on_sent(entry.keyvault)
        return answer

    async def _find_versions(self, entry: Entry) -> Versions | None:
        if entry.telling.event is not Event.ROTATED:
            return Versions()
        if entry.id not in self._versions:
            found = await self.find_versions(entry)
            self._versions[entry.id] = found if found is not None or entry.doubtful else Versions()
        return self._versions[entry.id]
