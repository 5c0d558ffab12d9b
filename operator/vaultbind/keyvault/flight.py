"""Waiting for what others wait for, too: who leaves takes nothing along, and an end is no cancellation."""

import asyncio
from typing import TypeVar

from vaultbind.keyvault.errors import KeyVaultError

T = TypeVar("T")


async def join(flight: "asyncio.Task[T]", ended: KeyVaultError) -> T:
    """Return what a shared task returns, or raise what it raises; who is cancelled here leaves it running.

    Raises `ended` where somebody else cancelled the task: a CancelledError that nobody meant for the caller
    would be passed over in silence by a TaskGroup.
    """
    try:
        return await asyncio.shield(flight)
    except asyncio.CancelledError:
        waiter = asyncio.current_task()
        if not flight.cancelled() or (waiter is not None and waiter.cancelling()):
            raise
    raise ended
