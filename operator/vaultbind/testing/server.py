"""An emulator in a thread of its own, so that synchronous tests and other processes can use it."""

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from vaultbind.emulator import Emulator, EmulatorConfig
from vaultbind.keyvault.simulation.snapshots import Snapshot, restore
from vaultbind.testing.vaults import ServedVault

START_SECONDS: Final = 30


class EmulatorThread:
    """A running emulator; made by `start`."""

    def __init__(self, ca_file: Path) -> None:
        """Write the CA to `ca_file`."""
        self._ca_file = ca_file
        self._ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, Emulator]] = Future()
        self._thread = threading.Thread(target=self._work, name="keyvault-emulator", daemon=True)

    @classmethod
    @contextmanager
    def start(cls) -> Iterator["EmulatorThread"]:
        """Serve until the block ends; raises what the emulator's start raises."""
        with tempfile.TemporaryDirectory() as folder:
            running = cls(Path(folder, "ca.pem"))
            running._thread.start()
            loop, stop, _ = running._ready.result(START_SECONDS)
            try:
                yield running
            finally:
                loop.call_soon_threadsafe(stop.set)
                running._thread.join(START_SECONDS)

    def _work(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for the start
            if not self._ready.done():
                self._ready.set_exception(error)

    async def _serve(self) -> None:
        stop = asyncio.Event()
        async with Emulator.start(EmulatorConfig(ca_file=self._ca_file)) as emulator:
            self._ready.set_result((asyncio.get_running_loop(), stop, emulator))
            await stop.wait()

    def run(self, call: Callable[[], Any]) -> Any:
        """Call something in the emulator's thread, between two requests; raises what it raises.

        RSA keys that it wants are made beside that thread; then it is called again.
        """
        loop, _, emulator = self._ready.result()
        called = emulator.estate.rsa_pool.attend(call)
        return asyncio.run_coroutine_threadsafe(called, loop).result(START_SECONDS)

    def fresh_vault(self) -> ServedVault:
        """Forget everything of the test before; returns the vault, which is empty."""
        _, _, emulator = self._ready.result()
        estate = emulator.estate

        def clear() -> None:
            restore(estate, Snapshot(vaults={}))
            estate.faults.clear()
            estate.access.clear()
            estate.log.clear()
            estate.throttle.set(None)

        self.run(clear)
        return ServedVault(estate, emulator.url, self._ca_file, self.run)
