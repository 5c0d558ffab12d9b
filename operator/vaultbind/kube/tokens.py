"""Where the Authorization header comes from, asked before every request so that a rotated token is used."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

FILE_MAX_AGE: Final = 30.0
"""Seconds for which a token file is not read again; the kubelet rotates an hour before the end."""
PLUGIN_MAX_AGE: Final = 60.0
"""Seconds after which it is looked at whether a plugin's token is about to end."""


class TokenSource(Protocol):
    """Gives the value of the Authorization header; never raises, so that the server has the last word."""

    async def authorization(self) -> str:
        """The header's value, or an empty string for none."""

    async def renew(self, refused: str) -> bool:
        """After a 401 on `refused`: read again at once and tell whether there is another value now."""


class NoToken:
    """Client certificate, or a server that asks for nothing."""

    async def authorization(self) -> str:
        """No header."""
        return ""

    async def renew(self, refused: str) -> bool:  # noqa: ARG002 - there is nothing to renew
        """Nothing to renew."""
        return False


class CachedToken:
    """A value that is read again when it is older than `max_age` seconds, by one reader at a time.

    `read` may block (a plugin is a program): it runs in a thread. When it fails, or returns nothing, the
    last value stays in use. `reread` reads past whatever `read` remembers, after a refusal. `clock` gives
    monotonic seconds.

    A read that has begun comes to its end, whoever gives up waiting for it: the thread goes on anyway, and a
    plugin may be waiting for a person.
    """

    def __init__(
        self,
        read: Callable[[], str],
        *,
        max_age: float,
        reread: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._reread = reread or read
        self._max_age = max_age
        self._clock = clock
        self._value = ""
        self._read_at: float | None = None
        self._reading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def authorization(self) -> str:
        """The header's value, read again when it is due."""
        if self._due():
            await self._finish(self._refresh_if(self._due, self._read))
        return self._value

    async def renew(self, refused: str) -> bool:
        """Read again at once, unless somebody else has done so meanwhile."""
        await self._finish(self._refresh_if(lambda: self._value == refused, self._reread))
        return bool(self._value) and self._value != refused

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for work that goes on without whoever is cancelled here."""
        task = asyncio.create_task(work, name="api-server-token")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def _refresh_if(self, is_wanted: Callable[[], bool], read: Callable[[], str]) -> None:
        async with self._reading:
            if is_wanted():
                await self._refresh(read)

    def _due(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at >= self._max_age

    async def _refresh(self, read: Callable[[], str]) -> None:
        with suppress(Exception):  # files and plugins fail in any way; the server's 401 will tell
            self._value = await asyncio.to_thread(read) or self._value
        self._read_at = self._clock()


def fixed_token(header: str) -> CachedToken:
    """The value of a header that never changes."""
    return CachedToken(lambda: header, max_age=math.inf)


def bearer_file(path: Path, *, clock: Callable[[], float] = time.monotonic) -> CachedToken:
    """Token of a mounted file, such as a pod's service account token."""

    def read() -> str:
        token = path.read_text(encoding="ascii").strip()
        return f"Bearer {token}" if token else ""

    return CachedToken(read, max_age=FILE_MAX_AGE, clock=clock)
