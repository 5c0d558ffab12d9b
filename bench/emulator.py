"""`make bench ARGS=emulator`: what the emulator costs, as a process of its own over TLS on loopback.

The client writes ready-made requests and reads no more of an answer than its length, so that the emulator is
what is measured: rates count its own processor seconds, user and system. Requests go over connections that
are kept, one at a time on each.
"""

import argparse
import asyncio
import json
import re
import ssl
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import describe_machine
from bench.processes import Vault

ROOT = Path(__file__).resolve().parent.parent
SUBJECT = "emulator"
SECRETS = 10_000
CONNECTIONS = 16
STARTS = 5
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
HOST = "bench.vault.localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What some requests took: their number, seconds of the clock, processor seconds of the emulator."""

    requests: int
    seconds: float
    cpu_seconds: float

    def render(self) -> dict[str, float]:
        """Rates, rounded."""
        return {
            "requests": self.requests,
            "per_second": round(self.requests / self.seconds),
            "per_cpu_second": round(self.requests / self.cpu_seconds),
        }


class Connection:
    """One TLS connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, tls: ssl.SSLContext) -> "Connection":
        """Connect; raises OSError."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost"))

    async def ask(self, request: bytes) -> None:
        """Send a request and read its answer; raises RuntimeError unless that is 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1]) if length else 0)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head[:40]!r}: {body[:200]!r}")

    def close(self) -> None:
        """Let go."""
        self._writer.close()


class Client:
    """Sends requests over a number of connections."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._tls = ssl.create_default_context(cafile=str(vault.ca_file))

    def render(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Bytes of a request with a token."""
        lines = (
            f"{method} {path}api-version=7.4 HTTP/1.1",
            f"Host: {HOST}:{self._vault.port}",
            f"Authorization: Bearer {self._vault.bearer()}",
            "Accept: application/json",
            "x-ms-client-request-id: 0d9cbb6e-6c6c-4b0c-8a57-2f6a0e9a1a11",
            f"Content-Length: {len(body)}",
        )
        return "\r\n".join((*lines, "", "")).encode() + body

    async def send(self, requests: list[bytes], connections: int = CONNECTIONS) -> Load:
        """Send all requests, shared out among the connections."""
        lines = [await Connection.open(self._vault.port, self._tls) for _ in range(connections)]
        started, spent = time.monotonic(), self._vault.process.cpu_seconds()
        waiting = iter(requests)

        async def work(line: Connection) -> None:
            for request in waiting:
                await line.ask(request)

        await asyncio.gather(*(work(line) for line in lines))
        load = Load(
            requests=len(requests),
            seconds=time.monotonic() - started,
            cpu_seconds=self._vault.process.cpu_seconds() - spent,
        )
        for line in lines:
            line.close()
        return load


async def measure(folder: Path, count: int) -> dict[str, Any]:
    """All figures: starts, memory, reads, lists, writes and a signature."""
    starts = [_measure_start(folder / f"start{number}") for number in range(STARTS)]
    vault = _begin(folder / "vault")
    start_cpu = vault.process.cpu_seconds()
    try:
        client = Client(vault)
        empty = vault.process.rss_mb()
        body = json.dumps({"value": "x" * 32, "contentType": "text/plain"}).encode()
        writes = [client.render("PUT", f"/secrets/s{number:05}?", body) for number in range(SECRETS)]
        written = await client.send(writes)
        filled = vault.process.rss_mb()
        reads = [client.render("GET", f"/secrets/s{number % SECRETS:05}/?") for number in range(count)]
        await client.send(reads[: count // 10])
        read = await client.send(reads)
        listed = await client.send([client.render("GET", "/secrets?maxresults=25&")] * (count // 10))
        return {
            "subject": SUBJECT,
            "machine": describe_machine(),
            "start_seconds": round(statistics.median(starts), 2),
            "start_cpu_seconds": round(start_cpu, 2),
            "rss_mb": {"empty": round(empty, 1), f"{SECRETS} secrets": round(filled, 1)},
            "connections": CONNECTIONS,
            "get_secret": read.render(),
            "list_page_of_25": listed.render(),
            "set_secret": written.render(),
        }
    finally:
        vault.process.stop()


def _begin(folder: Path) -> Vault:
    folder.mkdir()
    return Vault(folder, seed="{}", latency="0ms")


def _measure_start(folder: Path) -> float:
    started = time.monotonic()
    vault = _begin(folder)  # returns with its line `ready`
    seconds = time.monotonic() - started
    vault.process.stop()
    return seconds


def render_table(result: Mapping[str, Any]) -> str:
    """Figures as a table in Markdown."""
    start = (
        f"{result['start_seconds']} s (median of {STARTS}), {result['start_cpu_seconds']} s of a processor"
    )
    memory = ", ".join(f"{value} MB with {name}" for name, value in result["rss_mb"].items())
    rows = [
        ("start until `ready`", start),
        ("resident memory", memory.replace("with empty", "empty")),
        *(
            (what, f"{load['per_cpu_second']} per CPU second, {load['per_second']} per second")
            for what, load in (
                ("GET secret", result["get_secret"]),
                ("list page of 25", result["list_page_of_25"]),
                ("PUT secret", result["set_secret"]),
            )
        ),
    ]
    return "\n".join(("| | |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in rows)))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=emulator", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="GET requests (default 20000)")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/emulator.json")
    parsed = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="vaultbind-bench-") as folder:
        result = asyncio.run(measure(Path(folder), parsed.count))
    parsed.out.parent.mkdir(parents=True, exist_ok=True)
    parsed.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(render_table(result))
    return 0
