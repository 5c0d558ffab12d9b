"""Time as the client needs it, so that tests can bring their own."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Source of time; all values are seconds.

        simulated = MockKeyVaultClient().time
        timed = KeyVaultClient(config, clock=simulated)

    Clients with the same clock can share what is a vault's.
    """

    def monotonic(self) -> float:
        """Time that never goes back, for durations."""
        ...

    def time(self) -> float:
        """Seconds since the epoch, for what the other side names by date."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        ...


class SystemClock:
    """The real time."""

    def monotonic(self) -> float:
        """Time that never goes back, for durations."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        await asyncio.sleep(seconds)
