"""What Kopf leaves behind when it is stopped while it learns what the API server serves."""

import asyncio
from pathlib import Path
from typing import Any

import kopf

SCAN = str(Path("kopf/_cogs/clients/scanning.py"))
"""Where Kopf asks for it."""


def leave_no_request(registry: kopf.OperatorRegistry) -> None:
    """End the requests of a scan that was broken off, before Kopf closes the session that they use.

    Kopf forgets them: their connections would leak, and each would end with a traceback in the log.
    """

    @kopf.on.cleanup(registry=registry, id="goodbye")
    async def end_scan(**_: Any) -> None:
        asked = [task for task in asyncio.all_tasks() if _is_of_scan(task)]
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


def _is_of_scan(task: asyncio.Task[Any]) -> bool:
    """By its code: `asyncio.as_completed`, which makes them, gives them no names."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and code.co_filename.endswith(SCAN)
