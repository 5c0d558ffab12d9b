"""Subscriptions and what each still has to get. Pure: `event_delivery` pushes, `event_pull` is asked."""

import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from vaultbind.emulator.event_forms import Schema, Subscription, parse_subscription, render_event
from vaultbind.emulator.mailbox import Held, Mailbox
from vaultbind.keyvault.simulation import Estate
from vaultbind.keyvault.simulation.events import EventSource, VaultEvent
from vaultbind.keyvault.simulation.faults import is_match

MOST_ATTEMPTS: Final = {"push": 30, "pull": 10}
LIFETIME_SECONDS: Final = {"push": 24 * 3600.0, "pull": 7 * 86_400.0}
RETRY_SECONDS: Final = (10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
"""Pause behind the first, second, ... failed attempt; the last one stands for all later ones."""
NEVER_AGAIN: Final = frozenset({400, 401, 403, 413})
"""Answers after which an event is dropped."""
VALIDATION_SECONDS: Final = 600
"""How long an endpoint may take to open the validation URL."""


class State(StrEnum):
    """Whether an endpoint has agreed to get events."""

    PENDING = "pending"
    ACTIVE = "active"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class Active:
    """A subscription with its mailbox; `code` is what its endpoint must echo."""

    spec: Subscription
    mailbox: Mailbox
    state: State
    code: str
    since: float
    problem: str = ""
    share: float = 0.0


class EventBroker:
    """All subscriptions. `changed` is called when something is there to deliver or to validate."""

    def __init__(self, estate: Estate) -> None:
        """Begin without subscriptions; vaults are watched from the first one on."""
        self._estate = estate
        self._active: dict[str, Active] = {}
        self.source = EventSource(estate, self._take)
        self.base: Callable[[str], str] = lambda vault: f"https://{vault}.vault.azure.net"
        self.issue_token: Callable[[str], str] = lambda _: ""
        self.changed: Callable[[], None] = lambda: None

    def now(self) -> float:
        """Time of deliveries: that of all vaults, so that moving it makes retries due."""
        return self._estate.time.at("", self._estate.now()).timestamp()

    def subscribe(self, content: Any) -> Active:
        """Add a subscription, or replace the one of this name; raises ControlError with all mistakes."""
        spec = parse_subscription(content)
        way = "push" if spec.endpoint else "pull"
        active = Active(
            spec=spec,
            mailbox=Mailbox(
                most_attempts=MOST_ATTEMPTS[way],
                lifetime=LIFETIME_SECONDS[way],
                shuffle=random.Random(spec.name) if spec.shuffle else None,
            ),
            state=State.PENDING if spec.endpoint else State.ACTIVE,
            code=secrets.token_hex(16),
            since=self.now(),
        )
        self._active[spec.name] = active
        self.source.start()
        self.changed()
        return active

    def unsubscribe(self, name: str = "") -> int:
        """Forget one subscription, or all; returns how many."""
        gone = [known for known in self._active if not name or known == name]
        for known in gone:
            del self._active[known]
        return len(gone)

    def all(self) -> tuple[Active, ...]:
        """Return all subscriptions."""
        return tuple(self._active.values())

    def find(self, topic: str, name: str) -> Active | None:
        """Subscription to pull from."""
        active = self._active.get(name)
        return active if active and not active.spec.endpoint and active.spec.topic == topic else None

    def validate(self, name: str, code: str) -> bool:
        """Activate a subscription by its code, within ten minutes; False when that cannot be."""
        active = self._active.get(name)
        in_time = active is not None and self.now() - active.since <= VALIDATION_SECONDS
        if active is None or not in_time or not secrets.compare_digest(active.code.encode(), code.encode()):
            return False
        self.activate(active)
        return True

    def activate(self, active: Active) -> None:
        """From now on events go to its endpoint."""
        active.state, active.problem = State.ACTIVE, ""
        self.changed()

    def fail(self, active: Active, problem: str) -> None:
        """An endpoint did not agree."""
        active.state, active.problem = State.FAILED, problem

    def _take(self, event: VaultEvent) -> None:
        now = self.now()
        for active in self._active.values():
            spec = active.spec
            if active.state is not State.ACTIVE or not is_match(event.vault, spec.vault):
                continue
            if not is_match(event.type, spec.type):
                continue
            active.mailbox.put(event, now)
            active.share += spec.duplicates
            if active.share >= 1.0 - 1e-9:
                active.share -= 1.0
                active.mailbox.put(event, now)
        self.changed()

    def report(self, active: Active, held: Held, status: int | None) -> None:
        """Settle a pushed event by the endpoint's answer; None: there was none."""
        now = self.now()
        if status is not None and 200 <= status < 300:
            active.mailbox.settle(held.token, now)
        elif status in NEVER_AGAIN:
            active.problem = f"an event was dropped: the endpoint answered {status}"
            active.mailbox.settle(held.token, now, delivered=False)
        else:
            pause = RETRY_SECONDS[min(held.attempt, len(RETRY_SECONDS)) - 1]
            active.mailbox.postpone(held.token, now, now + pause)

    def render(self, event: VaultEvent, schema: Schema) -> dict[str, Any]:
        """An event in a schema, with the vault's own address."""
        return render_event(event, schema, self.base)

    def summarize(self) -> list[Mapping[str, Any]]:
        """Every subscription, how it stands, and what it got."""
        return [
            {
                **{name: value for name, value in asdict(active.spec).items() if value not in {"", False}},
                "state": str(active.state),
                "waiting": len(active.mailbox),
                "delivered": active.mailbox.delivered,
                "dropped": active.mailbox.dropped,
                **({"problem": active.problem} if active.problem else {}),
            }
            for active in self._active.values()
        ]
