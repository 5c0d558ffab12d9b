"""Exponential back-off with full jitter, kept per object."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffPolicy:
    """Seconds: the ceiling doubles from `first` up to `limit`; the delay is drawn below it."""

    first: float = 5.0
    limit: float = 300.0

    def ceiling(self, failures: int) -> float:
        """Largest delay after that many failures in a row (1 or more)."""
        return min(self.limit, self.first * 2.0 ** min(failures - 1, 30))


@dataclass(slots=True)
class Backoff(Generic[K]):
    """Failures in a row of each key, and the delay that they ask for."""

    policy: BackoffPolicy = field(default_factory=BackoffPolicy)
    draw: Callable[[], float] = random.random
    _failures: dict[K, int] = field(default_factory=dict)

    def fail(self, key: K) -> float:
        """Count a failure; return the seconds to wait (full jitter, never below a tenth of the ceiling)."""
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        ceiling = self.policy.ceiling(failures)
        return max(ceiling / 10, ceiling * self.draw())

    def succeed(self, key: K) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)
