"""A headless Chromium, driven over its DevTools socket: as much as the page's tests need."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import aiohttp

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = (
    *("--headless", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-sandbox", "--ignore-certificate-errors", "--remote-debugging-port=0"),
)
LOADED = """
new Promise(done => document.readyState === "complete"
  ? done(location.href)
  : addEventListener("load", () => done(location.href)))
"""


class Tab:
    """One tab: runs JavaScript, and keeps what the browser complained about."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async for message in self._socket:
            content = message.json()
            if content.get("id") == number:
                return content.get("result", {})
            if content.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}:
                self.complaints.append(str(content["params"]))
        raise ConnectionError("the browser has gone")

    async def run(self, program: str) -> Any:
        """Value of an expression; a promise is waited for."""
        answer = await self.call(
            "Runtime.evaluate", expression=program, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def open(self, url: str) -> None:
        """Go to a page, and wait until it is complete."""
        for domain in ("Page", "Log", "Runtime"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)
        while await self.run(LOADED) != url:
            pass


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Tab]:
    """A tab on `url`; the browser ends with the block."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={folder}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            port = await asyncio.wait_for(_debugging_port(process), 90)
            async with aiohttp.ClientSession() as session:
                async with session.put(f"http://127.0.0.1:{port}/json/new") as response:
                    target = await response.json()
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    tab = Tab(socket)
                    await tab.open(url)
                    yield tab
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the session that was made for it above
            await process.wait()


async def _debugging_port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    async for line in process.stderr:
        text = line.decode(errors="replace")
        if "DevTools listening on ws://" in text:
            return int(text.partition("ws://")[2].partition("/")[0].rpartition(":")[2])
    raise ConnectionError("the browser did not start")
