"""Circuit breaker of one vault: a state machine to which the caller brings the time."""

from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """Closed lets all through, open nothing, half-open one probe at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerConfig:
    """Opens after `failures` in a row, first for `open_seconds`, doubling up to `max_open_seconds`."""

    failures: int = 5
    open_seconds: float = 2.0
    max_open_seconds: float = 30.0


class Breaker:
    """State of one vault's breaker.

        breaker = Breaker(BreakerConfig(failures=3))
        client = KeyVaultClient(config, breaker=breaker)  # another client of the vault may have it, too
        print(client.breaker_state)

    All times are monotonic seconds given by the caller.
    """

    def __init__(self, config: BreakerConfig | None = None) -> None:
        """Start closed."""
        self._config = config or BreakerConfig()
        self._failures = 0
        self._opened = 0
        self._open_until = 0.0
        self._probing = False
        self.state = BreakerState.CLOSED

    def admit(self, now: float) -> float:
        """0 when a request may go, else the seconds after which to ask again.

        A request that was admitted must be followed by `succeeded`, `failed` or `abandoned`.
        """
        if self.state is BreakerState.CLOSED:
            return 0.0
        if self.state is BreakerState.OPEN and now < self._open_until:
            return self._open_until - now
        if self._probing:
            return self._config.open_seconds
        self.state = BreakerState.HALF_OPEN
        self._probing = True
        return 0.0

    def succeeded(self) -> None:
        """The vault answered: close."""
        self._failures = 0
        self._opened = 0
        self._probing = False
        self.state = BreakerState.CLOSED

    def failed(self, now: float) -> None:
        """The vault did not answer, or with a failure of its own: count, and open when it is enough."""
        self._failures += 1
        self._probing = False
        if self.state is BreakerState.OPEN:
            return
        if self.state is BreakerState.HALF_OPEN or self._failures >= self._config.failures:
            self._open(now)

    def abandoned(self) -> None:
        """The request ended without telling anything about the vault (cancelled, refused by ourselves)."""
        self._probing = False

    def _open(self, now: float) -> None:
        period = min(self._config.max_open_seconds, self._config.open_seconds * 2**self._opened)
        self._opened = min(self._opened + 1, 16)
        self._open_until = now + period
        self.state = BreakerState.OPEN
