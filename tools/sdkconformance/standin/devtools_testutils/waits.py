"""Shorter waits: the SDK's pollers, the suites' retries and their samples wait whatever the server does.

A test's own wait keeps up to a second (timestamps count in seconds); waits "to avoid throttling" go; those
of azure-core's retries (Retry-After, back-off) keep their length.
"""

import asyncio
import sys
import time
from types import FrameType
from typing import Any, SupportsIndex

POLL = 0.05
OWN = 1.05
TRANSPORT = "azure.core.pipeline.transport"

_sleep = time.sleep
_sleep_async = asyncio.sleep


def shorten(seconds: float, frame: FrameType | None) -> float:
    """How long the code of `frame` shall really wait."""
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(TRANSPORT):
        frame = frame.f_back  # a transport's sleep, called by a poller or by the retry policy
    if frame is None:
        return seconds
    module, function = str(frame.f_globals.get("__name__", "")), frame.f_code.co_name
    if module.startswith(("azure.keyvault.", "_shared.")) or function.startswith("_create_"):
        return min(seconds, POLL)
    return min(seconds, OWN) if module.startswith("test_") else seconds


def install() -> None:
    """Put the shorter waits in the place of the real ones."""

    def sleep(seconds: float | SupportsIndex, /) -> None:
        _sleep(shorten(float(seconds), sys._getframe(1)))  # noqa: SLF001 - who waits is the question

    def sleep_async(delay: float, *args: Any, **kwargs: Any) -> Any:
        return _sleep_async(shorten(delay, sys._getframe(1)), *args, **kwargs)  # noqa: SLF001 - as above

    time.sleep = sleep
    setattr(asyncio, "sleep", sleep_async)  # noqa: B010 - mypy knows that it is no coroutine function
