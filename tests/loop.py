"""The loop of a test: it closes once its sockets have.

TLS says goodbye before a socket closes, which takes a busy machine a while. A loop that is closed before that
leaves a transport behind, and the collector tells of it in whichever test it comes to it: that one fails.
"""

import asyncio
from selectors import BaseSelector

LOOKS = 2000
"""So often is looked, every 5 ms: whoever left a connection open is told of it afterwards."""


async def wait_for_sockets() -> None:
    """Wait until the running loop knows no socket but the one by which it wakes itself."""
    selector: BaseSelector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    for _ in range(LOOKS):
        if len(selector.get_map()) <= 1:
            return
        await asyncio.sleep(0.005)


class PatientLoop(asyncio.SelectorEventLoop):
    """The usual loop, but for its end."""

    def close(self) -> None:
        """Wait for the sockets, then close."""
        if not self.is_closed():
            self.run_until_complete(wait_for_sockets())
        super().close()
