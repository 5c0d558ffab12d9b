"""How often a Secret may be repaired: somebody who keeps undoing us must not make us spin."""

from collections import deque
from dataclasses import dataclass, field

from vaultbind.api.refs import ObjectKey

REPAIRS = 5
WINDOW = 60.0
"""Seconds: so many repairs of one Secret within the window, then a pause."""


@dataclass(slots=True)
class RepairPace:
    """Times of the last repairs of each binding's Secret."""

    _times: dict[ObjectKey, deque[float]] = field(default_factory=dict)

    def wait(self, key: ObjectKey, now: float) -> float:
        """Seconds until the next repair is allowed; 0 means now."""
        times = self._times.get(key)
        while times and times[0] <= now - WINDOW:
            times.popleft()
        if not times or len(times) < REPAIRS:
            return 0.0
        return times[0] + WINDOW - now

    def note(self, key: ObjectKey, now: float) -> None:
        """Count a repair."""
        self._times.setdefault(key, deque()).append(now)

    def drop(self, key: ObjectKey) -> None:
        """Forget a binding."""
        self._times.pop(key, None)
