"""Whether the process is well: named checks, and how late the event loop runs."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

SAMPLE_INTERVAL: Final = 0.5
LAG_WINDOW: Final = 30.0
"""Seconds for which a delay is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One check's answer; `detail` is for people and never holds a value."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """All verdicts of one moment."""

    verdicts: Mapping[str, Verdict]

    @property
    def ok(self) -> bool:
        """Whether every check is content."""
        return all(verdict.ok for verdict in self.verdicts.values())


class HealthChecks:
    """Named checks, asked in the order in which they were added. No checks: well."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], Verdict]] = {}

    def add(self, name: str, check: Callable[[], Verdict]) -> None:
        """Add a check; it must be quick. Raises ValueError for a name that is taken."""
        if name in self._checks:
            raise ValueError(f"there is a check named {name} already")
        self._checks[name] = check

    def report(self) -> HealthReport:
        """Ask all; one that raises has failed, its text is not shown."""
        return HealthReport(verdicts={name: _ask(check) for name, check in self._checks.items()})


class LoopLag:
    """Measures how late the event loop wakes a sleeper; the worst of the last half minute counts.

    `pause` and `clock` (monotonic seconds) are the loop's own unless a test passes others.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._samples: deque[tuple[float, float]] = deque()
        self._due: float | None = None

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            self._due = self._clock() + SAMPLE_INTERVAL
            await self._pause(SAMPLE_INTERVAL)
            now = self._clock()
            self._samples.append((now, max(0.0, now - self._due)))
            self._forget(now)

    def seconds(self) -> float:
        """Worst delay in the window; a sample that is overdue right now counts, too."""
        now = self._clock()
        self._forget(now)
        overdue = 0.0 if self._due is None else max(0.0, now - self._due)
        return max([overdue, *(lag for _, lag in self._samples)])

    def check(self, limit: float) -> Callable[[], Verdict]:
        """A health check that fails while the lag is above `limit` seconds."""

        def verdict() -> Verdict:
            lag = self.seconds()
            return Verdict(ok=lag <= limit, detail=f"event loop lag {lag:.3f} s, limit {limit:g} s")

        return verdict

    def _forget(self, now: float) -> None:
        while self._samples and self._samples[0][0] < now - LAG_WINDOW:
            self._samples.popleft()


def _ask(check: Callable[[], Verdict]) -> Verdict:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a broken check is an unhealthy one
        return Verdict(ok=False, detail=f"the check failed: {type(error).__name__}")
