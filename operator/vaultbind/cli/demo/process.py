"""The real operator as a process of its own, with its log in a file."""

import asyncio
import contextlib
import http.client
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 12.0
"""The operator drains within ten."""
_PROBE_SECONDS: Final = 2.0
_ADDRESS: Final = re.compile(r"metrics and probes on 127\.0\.0\.1:([0-9]+)")
_SCRUBBED: Final = ("AZURE_", "IDENTITY_", "MSI_", "VAULTBIND_")
"""Beginnings of variables that would lead the operator elsewhere."""


class OperatorProcess:
    """`vaultbind run`; whoever starts it must `stop` it."""

    def __init__(self, *, arguments: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        """Hold what it is started with; `environ` comes on top of ours."""
        self.log = log
        self._arguments = arguments
        self._environ = environ
        self._child: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C is ours to handle."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(_SCRUBBED)}
        with self.log.open("wb") as log:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "vaultbind.cli.main", "run", *self._arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env={**inherited, **self._environ},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, 0 before the start."""
        return self._child.pid if self._child else 0

    def find_end(self) -> str:
        """How it ended; empty while it runs or before its start."""
        if self._child is None or self._child.returncode is None:
            return ""
        return f"the operator's process ended by itself (status {self._child.returncode})"

    async def wait_for_end(self) -> str:
        """Wait until it ends, and tell how."""
        if self._child is not None:
            await self._child.wait()
        return self.find_end()

    def fetch_port(self) -> int:
        """Port of its probes as its log tells it; 0 while it does not."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        found = _ADDRESS.search(text)
        return int(found[1]) if found else 0

    async def fetch(self, path: str) -> tuple[int, str]:
        """Status and text of its answer to a GET; status 0 where there is none."""
        port = self.fetch_port()
        if not port:
            return 0, ""
        try:
            return await asyncio.to_thread(_fetch, port, path)
        except (OSError, http.client.HTTPException):
            return 0, ""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens where it has ended.

        Not by the child's own method: that one asks whether it has ended, and takes its status from asyncio.
        """
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, number)

    async def stop(self) -> None:
        """End it, by force where it does not drain in time."""
        if self._child is None:
            return
        try:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)
            await asyncio.wait_for(self._child.wait(), STOP_SECONDS)
        except TimeoutError:
            pass
        finally:
            self.signal(signal.SIGKILL)
        await self._child.wait()


def _fetch(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()
