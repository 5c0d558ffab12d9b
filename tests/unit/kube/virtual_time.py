"""An event loop whose time passes only when everybody waits: minutes of waiting in milliseconds."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

DELIVERY_SECONDS = 0.05
"""Real ones, before a long wait: what was written to a socket may still be on its way to the other end."""


class _Selector(selectors.SelectSelector):
    """Waits for nothing but sockets: what else would be waited for is added to the virtual time instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        is_far = timeout is None or timeout > 1.0
        if not ready and is_far and len(self.get_map()) > 1:  # beside the one by which the loop wakes itself
            ready = super().select(DELIVERY_SECONDS)
        if not ready:
            if timeout is None:
                raise RuntimeError("everybody waits and nothing is due")
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run_virtually(story: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(story)


def now() -> float:
    return asyncio.get_running_loop().time()
