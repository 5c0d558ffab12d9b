"""The one source of time; tests pass their own."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds for schedules, wall-clock time for what people read."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def now(self) -> datetime:
        """Aware wall-clock time in UTC."""


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def now(self) -> datetime:
        """Aware wall-clock time in UTC."""
        return datetime.now(UTC)
