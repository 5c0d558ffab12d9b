"""The emulator as a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An emulator that listens: its URL, which is also the vault `default`, and the CA to trust."""

    url: str
    ca_file: Path

    @property
    def endpoint(self) -> str:
        """Host and port."""
        return self.url.removeprefix("https://")


@contextmanager
def emulator(folder: Path, *options: str) -> Iterator[Running]:
    """Run an emulator as long as the block lasts; its files and log are in `folder`."""
    ca_file = folder / "ca.pem"
    command = [
        sys.executable,
        "-m",
        "vaultbind.cli.main",
        "emulator",
        "--port",
        "0",
        "--ca-file",
        str(ca_file),
    ]
    with (folder / "emulator.log").open("wb") as log:
        child = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            word, _, url = (child.stdout.readline() if child.stdout else "").strip().partition(" ")
            if word != "ready":
                raise RuntimeError(
                    f"the emulator did not start: {(folder / 'emulator.log').read_text()[-500:]}"
                )
            yield Running(url=url, ca_file=ca_file)
        finally:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdout:
                child.stdout.close()
