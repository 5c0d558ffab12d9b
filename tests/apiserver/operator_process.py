"""`vaultbind run` as a process, as a pod would run it: flags and a kubeconfig in, probes and metrics out."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from vaultbind.emulator import Emulator

LISTENS = re.compile(r"metrics and probes on 127\.0\.0\.1:(\d+)")
PROGRAM = ("-m", "vaultbind.cli.main")
ROOT = Path(__file__).parents[2]
STEP = 0.02
START_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class OperatorProcess:
    """One process. Times are those of the machine: it is a real one."""

    child: asyncio.subprocess.Process
    log_file: Path
    _base: str = field(default="")

    @property
    def log(self) -> str:
        """All that it has logged."""
        return self.log_file.read_text(encoding="utf-8")

    async def address(self) -> str:
        """Where it listens, once it does."""
        while not self._base:
            if found := LISTENS.search(self.log):
                self._base = f"http://127.0.0.1:{found[1]}"
            elif self.child.returncode is not None:
                raise AssertionError(f"it ended with status {self.child.returncode}\n{self.log}")
            else:
                await asyncio.sleep(STEP)
        return self._base

    async def fetch(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages."""
        async with aiohttp.ClientSession() as session, session.get(await self.address() + path) as answer:
            return answer.status, await answer.text()

    async def is_ready(self) -> bool:
        """What the kubelet would see."""
        status, _ = await self.fetch("/readyz")
        return status == 200

    async def leads(self) -> bool:
        """Whether it holds the Lease."""
        _, text = await self.fetch("/metrics")
        return "\nvaultbind_leader 1.0\n" in text

    async def is_standby(self) -> bool:
        """Whether it waits, warm."""
        return await self.is_ready() and not await self.leads()

    async def is_working(self) -> bool:
        """Whether it leads and knows all objects."""
        return await self.leads() and await self.is_ready()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.child.send_signal(number)

    async def wait_ended(self, seconds: float = START_SECONDS) -> int:
        """Exit status."""
        async with asyncio.timeout(seconds):
            return await self.child.wait()


@asynccontextmanager
async def started(
    name: str,
    kubeconfig: Path,
    emulator: Emulator,
    folder: Path,
    *flags: str,
    program: Sequence[str] = PROGRAM,
) -> AsyncIterator[OperatorProcess]:
    """Start one that may reach the emulator's vaults; kill it at the end. `program`: what Python runs."""
    ca_file, log_file = folder / "vault-ca.pem", folder / f"{name}.log"
    if not ca_file.exists():  # another process may be reading it
        ca_file.write_text(emulator.ca_pem)
    environ = {
        "PATH": "",
        "KUBECONFIG": str(kubeconfig),
        "SSL_CERT_FILE": str(ca_file),
        "IDENTITY_ENDPOINT": f"{emulator.url}/msi/token",
        "IDENTITY_HEADER": "any",
    }
    suffix = f".vault.localhost:{emulator.port}"
    arguments = ("run", *flags, "--metrics-address=127.0.0.1:0", f"--allowed-vault-suffixes={suffix}")
    with log_file.open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            sys.executable, *program, *arguments, cwd=ROOT, env=environ, stdout=log, stderr=log
        )
    process = OperatorProcess(child=child, log_file=log_file)
    try:
        yield process
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
