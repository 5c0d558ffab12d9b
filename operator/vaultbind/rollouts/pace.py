"""How many workloads may be restarted in a minute: one change in a vault must not stop a whole cluster."""

from collections import deque
from dataclasses import dataclass, field

WINDOW = 60.0
"""Seconds."""


@dataclass(slots=True)
class RestartPace:
    """Times of the last restarts; `per_minute` of them within a minute, then a pause."""

    per_minute: int
    _times: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Seconds until the next restart is allowed; 0 means now."""
        while self._times and self._times[0] <= now - WINDOW:
            self._times.popleft()
        return 0.0 if len(self._times) < self.per_minute else self._times[0] + WINDOW - now

    def note(self, now: float) -> None:
        """Count a restart, before it is asked for: others look meanwhile."""
        self._times.append(now)

    def take_back(self, now: float) -> None:
        """Count a restart no more that did not come about; after a minute it is not counted anyway."""
        if now in self._times:
            self._times.remove(now)
