"""How often somebody may ask: a bucket of tokens for each, forgotten once it is full again."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Limit:
    """`burst` at once, `per_second` afterwards; `clock` is monotonic seconds."""

    burst: float
    per_second: float
    clock: Callable[[], float]
    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Tokens left and when that was counted."""
    most: int = 50_000

    def take(self, key: str) -> float:
        """Take a token and return 0, or take none and return the seconds until there is one."""
        wait = self.wait(key)
        if not wait:
            self._levels[key] = (self._level(key) - 1.0, self.clock())
            self._sweep()
        return wait

    def wait(self, key: str) -> float:
        """Return the seconds until there is a token, 0 where there is one."""
        return max(0.0, (1.0 - self._level(key)) / self.per_second)

    def _level(self, key: str) -> float:
        level, since = self._levels.get(key, (self.burst, self.clock()))
        return min(self.burst, level + (self.clock() - since) * self.per_second)

    def _sweep(self) -> None:
        """Forget full buckets, once there are many."""
        if len(self._levels) > self.most:
            self._levels = {key: row for key, row in self._levels.items() if self._level(key) < self.burst}

    def __len__(self) -> int:
        """Number of buckets in memory."""
        return len(self._levels)
