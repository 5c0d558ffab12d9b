"""Token bucket per vault with two priorities, and a pause for when the vault asks for it."""

import asyncio
from collections import deque
from enum import IntEnum

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.clock import Clock, SystemClock

_ROUNDING = 1e-9
LONGEST_PAUSE = 16.0
"""Seconds, where the vault names no time."""


class Priority(IntEnum):
    """Who goes first when requests have to wait."""

    FRESH = 0
    """Somebody waits for this: a new or changed object."""
    REFRESH = 1
    """A look that can come a little later."""


class TokenBucket:
    """Lets `rate` requests per second through, `burst` at once; FRESH ones before REFRESH ones.

    A request that would wait longer than `max_wait` seconds is refused at once with the time to come back
    (THROTTLED during a pause, else RATE_LIMITED), so that a busy or paused vault never holds a caller.

        limiter = TokenBucket(100, 200)
        client = KeyVaultClient(config, limiter=limiter)  # another client of the vault may have it, too
    """

    def __init__(self, rate: float, burst: int, clock: Clock | None = None, *, max_wait: float = 5.0) -> None:
        """Start full; `rate` and `burst` must be positive."""
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock or SystemClock()
        self._max_wait = max_wait
        self._tokens = float(burst)
        self._updated = self._clock.monotonic()
        self._paused_until = self._updated
        self._throttled = 0
        self._waiting: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = (deque(), deque())
        self._drain: asyncio.Task[None] | None = None

    @property
    def pause_left(self) -> float:
        """Seconds until the pause ends; 0 when there is none."""
        return max(0.0, self._paused_until - self._clock.monotonic())

    async def acquire(self, priority: Priority = Priority.FRESH) -> None:
        """Wait for one token.

        Raises KeyVaultError (THROTTLED or RATE_LIMITED, with `retry_after`) when that would take too long.
        """
        wait = self._estimate(priority)
        if wait <= _ROUNDING:
            self._tokens -= 1
            return
        if wait > self._max_wait:
            raise self._refused(wait)
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[priority].append(ticket)
        if self._drain is None or self._drain.done():
            self._drain = asyncio.create_task(self._let_through(), name="vaultbind-token-bucket")
        await ticket

    def pause_until(self, moment: float) -> None:
        """Let nothing through before `moment` (monotonic seconds); never shortens a pause."""
        self._paused_until = max(self._paused_until, moment)
        if self.pause_left > self._max_wait:
            self._refuse_all()

    def back_off(self) -> None:
        """The vault asks for fewer requests and names no time: pause 1, 2, 4, 8, 16 s, longer each time.

        Of many requests that were under way when the pause began only the first counts.
        """
        if self.pause_left > 0:
            return
        self.pause_until(self._clock.monotonic() + min(LONGEST_PAUSE, 2.0**self._throttled))
        self._throttled += 1

    def note_answer(self) -> None:
        """The vault answers again: the next pause begins with a second."""
        self._throttled = 0

    def _estimate(self, priority: Priority) -> float:
        now = self._refill()
        ahead = sum(len(queue) for queue in self._waiting[: priority + 1])
        missing = ahead + 1 - self._tokens
        return max(0.0, self._paused_until - now, missing / self._rate)

    def _refill(self) -> float:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        return now

    async def _let_through(self) -> None:
        while any(self._waiting):
            now = self._refill()
            delay = max(self._paused_until - now, (1 - self._tokens) / self._rate)
            if delay > _ROUNDING:
                await self._clock.sleep(delay)
            else:
                self._release_one()

    def _release_one(self) -> None:
        queue = self._waiting[0] or self._waiting[1]
        ticket = queue.popleft()
        if not ticket.done():
            self._tokens -= 1
            ticket.set_result(None)

    def _refuse_all(self) -> None:
        for queue in self._waiting:
            while queue:
                ticket = queue.popleft()
                if not ticket.done():
                    ticket.set_exception(self._refused(self.pause_left))

    def _refused(self, wait: float) -> KeyVaultError:
        if self.pause_left > self._max_wait:
            return KeyVaultError(KeyVaultErrorKind.THROTTLED, code="PausedByVault", retry_after=wait)
        return KeyVaultError(KeyVaultErrorKind.RATE_LIMITED, retry_after=wait)
