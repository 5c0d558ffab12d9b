"""Whether and when a failed attempt is repeated: pure, time and randomness come from the caller."""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

READ_METHODS = frozenset({"GET", "HEAD"})
REFUSED = frozenset({429, 503})
"""The service did not start the work, so any method can be repeated."""
FAILED = frozenset({500, 502, 504})
"""The service may have done the work: only reads and operations that change nothing are repeated."""
LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """Few attempts in little time: whoever needs patience asks again later. Times in seconds."""

    attempts: int = 3
    base_delay: float = 0.2
    max_delay: float = 2.0
    budget: float = 5.0
    """No attempt starts later than this after the first one."""
    share: float = 0.2
    """Retries per call, over all calls of a client: a sick vault gets a fifth more and not three times."""
    reserve: float = 20.0
    """Retries that may come at once before the share counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One failed attempt; `status` is None without an answer, `sent`: the request may have arrived."""

    number: int
    method: str
    repeatable: bool = False
    elapsed: float
    status: int | None = None
    sent: bool = True
    timed_out: bool = False
    retry_after: float | None = None


class RetryBudget:
    """What all calls of a client may repeat together.

        budget = RetryBudget(config.retry)
        client = KeyVaultClient(config, retry_budget=budget)  # another client of the vault may have it, too

    It is full at first.
    """

    def __init__(self, config: RetryConfig) -> None:
        self._share = config.share
        self._reserve = self._left = config.reserve

    def earn(self) -> None:
        """A call begins."""
        self._left = min(self._reserve, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry; False when there is none left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def decide_delay(config: RetryConfig, attempt: Attempt, random: Callable[[], float]) -> float | None:
    """Seconds to wait before the next attempt, or None when there is none; `random` gives 0 to 1.

    Exponential with full jitter. `Retry-After` is a lower bound; beyond `max_delay` it is the caller's
    business.
    """
    if attempt.number >= config.attempts or not _is_repeatable(attempt):
        return None
    delay = random() * min(config.max_delay, config.base_delay * 2 ** (attempt.number - 1))
    if attempt.retry_after is not None:
        if attempt.retry_after > config.max_delay:
            return None
        delay += attempt.retry_after
    return delay if attempt.elapsed + delay <= config.budget else None


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` header: a number, or a date compared with `now` (epoch seconds).

    None for a header that is absent or makes no sense; at most an hour.
    """
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, now)
    if not seconds >= 0:
        return None
    return min(seconds, LONGEST_WAIT)


def _seconds_until(date: str, now: float) -> float:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - now)
    except (ValueError, OverflowError):
        return -1.0


def _is_repeatable(attempt: Attempt) -> bool:
    if attempt.timed_out:
        return False
    harmless = attempt.repeatable or attempt.method in READ_METHODS
    if attempt.status is None:
        return not attempt.sent or harmless
    if attempt.status in REFUSED:
        return True
    return attempt.status in FAILED and harmless
