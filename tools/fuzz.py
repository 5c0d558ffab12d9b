"""Requests that nobody would send, against the emulator: `python -m tools.fuzz --minutes 10` (`make fuzz`).

Two ways in: whole requests straight into the simulation (thousands a second), and over HTTPS with everything
that listens there, raw bytes included. Whatever comes, no answer is a 5xx, every refusal is JSON in the
service's shape, nothing takes longer than a few seconds, and memory does not grow once vaults are emptied.
"""

import argparse
import asyncio
import gc
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

import aiohttp
import orjson
from yarl import URL

from tools.fuzz_requests import RAW, Strange, draw_request
from vaultbind.emulator import Emulator, EmulatorConfig
from vaultbind.keyvault.simulation import ApiRequest, Estate, EstateConfig
from vaultbind.keyvault.simulation.rsapool import make_rsa
from vaultbind.keyvault.simulation.snapshots import Snapshot, restore

MAKE_RSA: Final = cache(make_rsa)
"""One RSA key per size: making them is not what is tested, and takes all the time."""
SECONDS: Final = 20.0
"""The longest that one request may take: a large RSA key is made on a busy machine."""


class FuzzError(Exception):
    """The emulator did what it must not do; the message has the request."""


def expect(condition: object, what: object) -> None:
    """Raise FuzzError unless the condition holds."""
    if not condition:
        raise FuzzError(str(what))


@dataclass(slots=True)
class Tally:
    """What came of it: how many requests by status, and the slowest."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_request: str = ""

    def note(self, request: Strange, status: int, spent: float) -> None:
        """Count one; raises FuzzError for a 5xx and for what takes too long."""
        self.statuses[status] += 1
        if spent > self.slowest:
            self.slowest, self.slowest_request = spent, f"{request.method} {request.path[:60]}"
        expect(status < 500, f"{status} for {request}")
        expect(spent < SECONDS, f"{spent:.1f} s for {request}")


def assault(estate: Estate, request: Strange, tally: Tally) -> None:
    """Send one request straight into the simulation; raises FuzzError for an answer that must not be."""
    wire = ApiRequest(
        method=request.method,
        host=request.host,
        path=request.path,
        query=request.query,
        headers={"authorization": "Bearer any"},
        body=request.body,
    )
    begin = time.monotonic()
    response = estate.handle(wire, estate.now()).response
    tally.note(request, response.status, time.monotonic() - begin)
    if response.status >= 400:
        error = orjson.loads(response.body)["error"]
        expect(error["code"], request)
        expect(isinstance(error["message"], str), request)


def empty(estate: Estate) -> None:
    """Forget whatever the requests have left."""
    restore(estate, Snapshot(vaults={}))
    estate.access.clear()
    estate.log.clear()


def run_inside(estate: Estate, count: int, seed: int, tally: Tally) -> None:
    """Send `count` requests into the simulation; raises FuzzError."""
    rng = Random(seed)
    for _ in range(count):
        assault(estate, draw_request(rng), tally)


class Outside:
    """An emulator over HTTPS, with a session that is logged in."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession, context: ssl.SSLContext) -> None:
        """Use a session to an emulator."""
        self.emulator = emulator
        self._session = session
        self._context = context

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator["Outside"]:
        """Serve until the block ends."""
        async with Emulator.start(EmulatorConfig(make_rsa=MAKE_RSA)) as emulator:
            context = ssl.create_default_context(cadata=emulator.ca_pem)
            connector = aiohttp.TCPConnector(ssl=context)
            timeout = aiohttp.ClientTimeout(total=SECONDS)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                resource = emulator.url.replace("127.0.", "0.")
                headers = {"X-IDENTITY-HEADER": "x"}
                url = f"{emulator.url}/msi/token"
                async with session.get(url, params={"resource": resource}, headers=headers) as response:
                    token = (await response.json())["access_token"]
                session.headers["Authorization"] = f"Bearer {token}"
                yield cls(emulator, session, context)

    async def send(self, request: Strange, tally: Tally) -> None:
        """Send one request; raises FuzzError as `assault`."""
        url = URL(self.emulator.url).with_path(request.path or "/").with_query(request.query)
        begin = time.monotonic()
        async with self._session.request(request.method, url, data=request.body) as response:
            await response.read()
        tally.note(request, response.status, time.monotonic() - begin)

    async def send_raw(self, data: bytes) -> int:
        """Send bytes as they are; returns the status, 0 when the connection just ends."""
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.emulator.port, ssl=self._context, server_hostname="localhost"
            )
            try:
                writer.write(data)
                await writer.drain()
                line = await asyncio.wait_for(reader.readline(), 2)
            except (ConnectionError, TimeoutError):
                return 0
            finally:
                writer.close()
        parts = line.split(b" ")
        return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


async def run_outside(outside: Outside, count: int, seed: int, tally: Tally) -> None:
    """Send `count` requests over HTTPS, eight at a time, and the raw ones; raises FuzzError."""
    rng = Random(seed)
    requests = iter([draw_request(rng) for _ in range(count)])

    async def work() -> None:
        for request in requests:
            await outside.send(request, tally)

    await asyncio.gather(*(work() for _ in range(8)))
    for data in RAW:
        status = await outside.send_raw(data)
        expect(status < 500, (status, data))


def memory() -> int:
    """Resident bytes of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


async def fuzz(minutes: float, seed: int) -> Tally:
    """Fuzz until the time is over, at least three rounds; raises FuzzError with the request."""
    tally, end, first = Tally(), time.monotonic() + minutes * 60, 0
    inside = Estate(EstateConfig(make_rsa=MAKE_RSA))
    async with Outside.start() as outside:
        for number in count(1):
            await asyncio.to_thread(run_inside, inside, 5000, seed + number, tally)
            await run_outside(outside, 500, seed + number, tally)
            empty(inside)
            empty(outside.emulator.estate)
            first = first if number > 3 else memory()
            grown = memory() - first
            print(f"round {number}: {tally.statuses.total()} requests, {grown / 2**20:+.1f} MiB", flush=True)
            expect(grown < GROWTH_BYTES, f"memory grew by {grown / 2**20:.0f} MiB")
            if number >= 3 and time.monotonic() > end:
                return tally
    return tally


GROWTH_BYTES: Final = 96 * 2**20
"""What rounds behind the third may add: caches that fill, fragments. A leak passes it in minutes."""


def main() -> int:
    """Fuzz for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats an earlier run")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    tally = asyncio.run(fuzz(arguments.minutes, arguments.seed))
    counts = ", ".join(f"{status}: {number}" for status, number in sorted(tally.statuses.items()))
    print(f"no 5xx in {tally.statuses.total()} requests ({counts})")
    print(f"slowest: {tally.slowest:.2f} s, {tally.slowest_request}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
