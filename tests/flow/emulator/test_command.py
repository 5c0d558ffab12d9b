"""`vaultbind emulator` as a process: its ready line, its flags, its end."""

import asyncio
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "vault.yaml"
PROGRAM = "from vaultbind.cli.emulator import emulator; emulator()"


@asynccontextmanager
async def started(*flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready_url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    word, url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().split()
    assert word == "ready"
    return url


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_ready_serves_its_seed_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    ca_file = tmp_path / "ca.pem"
    async with started("--port", "0", "--ca-file", str(ca_file), "--seed", str(EXAMPLE)) as process:
        url = await ready_url(process)
        context = ssl.create_default_context(cafile=ca_file)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            async with session.get(f"{url}/_vaultbind/stats") as response:
                stats = await response.json()
            process.send_signal(number)
            assert await asyncio.wait_for(process.wait(), 5) == 0
    assert stats["objects"]["shop"] == {"secrets": 4, "keys": 2, "certificates": 1}


async def test_latency_is_added_to_vault_requests_alone(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    async with started("--port", "0", "--ca-file", str(ca_file), "--latency", "120ms") as process:
        url = await ready_url(process)
        context = ssl.create_default_context(cafile=ca_file)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            spent = []
            for path in ("/_vaultbind/stats", "/_vaultbind/stats", "/secrets"):
                begin = time.monotonic()
                await (await session.get(url + path)).read()
                spent.append(time.monotonic() - begin)
    assert spent[2] >= 0.12 > spent[1]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--host", "0.0.0.0"), "loopback"),
        (("--latency", "soon"), "duration"),
        (("--port", "99999"), "65535"),
    ],
)
async def test_bad_flags_end_it_with_a_reason(flags: tuple[str, ...], words: str) -> None:
    async with started(*flags) as process:
        _, error = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode in {1, 2}
    assert words in error.decode()
    assert "Traceback" not in error.decode()


async def test_a_bad_seed_is_told_whole(tmp_path: Path) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text("vaults: {v: {secrets: {a: {value: hunter2, x: 1}, b: {}}}}", encoding="utf-8")
    async with started("--seed", str(seed)) as process:
        _, error = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert "vaults.v.secrets.a.x" in error.decode()
    assert "vaults.v.secrets.b" in error.decode()
    assert "hunter2" not in error.decode()
