"""`vaultbind emulator` as a process: its ready line, its flags, its end."""

import asyncio
import json
import os
import shlex
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from vaultbind.cli.emulator_ready import render_environment, render_ready

EXAMPLE = Path(__file__).parents[3] / "examples" / "vault.yaml"
PROGRAM = "from vaultbind.cli.emulator import emulator; emulator()"


@asynccontextmanager
async def started(*flags: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, *flags),
        env={**os.environ, **environment},
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
    word, url = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().split()
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
            assert await asyncio.wait_for(process.wait(), 60) == 0
    assert stats["objects"]["shop"] == {"secrets": 4, "keys": 2, "certificates": 1}


CLIENT = """
import asyncio
from vaultbind.keyvault import KeyVaultClient
async def main():
    async with KeyVaultClient.from_env() as client:
        await client.set_secret("a", "1")
        print((await client.get_secret("a")).value.expose_secret())
asyncio.run(main())
"""
TOKEN = "a-token-of-16-or-more"


@pytest.mark.parametrize("token", ["", TOKEN], ids=["open", "with a token"])
async def test_a_client_works_with_the_lines_that_it_prints(tmp_path: Path, token: str) -> None:
    ca_file = tmp_path / "a file" / "ca.pem"
    ca_file.parent.mkdir()
    flags = ("--port", "0", "--ca-file", str(ca_file))
    secret = {"VAULTBIND_EMULATOR_TOKEN": token} if token else {}
    async with started(*flags, **secret) as process:
        assert process.stdout is not None
        await ready_url(process)
        lines = [(await asyncio.wait_for(process.stdout.readline(), 60)).decode() for _ in range(4)]
        assert all(line.startswith("export ") for line in lines)
        assert not token or token not in "".join(lines)
        client = await asyncio.create_subprocess_exec(
            *("sh", "-c", f"{''.join(lines)}exec {shlex.quote(sys.executable)} -c {shlex.quote(CLIENT)}"),
            env={**os.environ, **secret},
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await asyncio.wait_for(client.communicate(), 60)
    assert (client.returncode, told) == (0, b"1\n")


async def test_scripts_get_the_same_as_json(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    async with started("--port", "0", "--ca-file", str(ca_file), "-o", "json") as process:
        assert process.stdout is not None
        told = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    url = told["ready"]
    assert told["environment"] == render_environment(url, ca_file, has_token=False)
    lines = render_ready(url, told["environment"], as_json=False)
    assert lines[0] == f"ready {url}"
    pasted = dict(shlex.split(line)[1].split("=", 1) for line in lines[1:])
    assert pasted == told["environment"]
    without = render_ready(url, render_environment(url, None, has_token=False), as_json=False)
    assert without[-1] == "# --ca-file writes what clients have to trust"


async def test_what_kubernetes_says_of_a_service_is_no_port() -> None:
    """A Service named vaultbind-emulator gives each pod beside it a variable of the flag's name."""
    link = "tcp://10.96.0.7:8443"
    async with started("--host", "127.0.0.1", VAULTBIND_EMULATOR_PORT=link) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        warning = (await asyncio.wait_for(process.stderr.readline(), 60)).decode()
        told = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    assert "enableServiceLinks: false" in warning
    assert "10.96" not in warning
    assert told in {"ready https://127.0.0.1:8443\n", ""}, "the default, unless somebody has that port"
    async with started("--port", "0", VAULTBIND_EMULATOR_PORT=link) as process:
        await ready_url(process)
    for flags, environment in ((("--port", link), {}), ((), {"VAULTBIND_EMULATOR_PORT": "soon"})):
        async with started(*flags, **environment) as process:
            _, error = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 2
        assert "--port" in error.decode()


async def test_latency_is_added_to_vault_requests_alone(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    async with started("--port", "0", "--ca-file", str(ca_file), "--latency", "3s") as process:
        url = await ready_url(process)
        context = ssl.create_default_context(cafile=ca_file)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            spent = []
            for path in ("/_vaultbind/stats", "/_vaultbind/stats", "/secrets"):
                begin = time.monotonic()
                await (await session.get(url + path)).read()
                spent.append(time.monotonic() - begin)
    assert spent[2] >= 3.0 > spent[1]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--host", "0.0.0.0"), "loopback"),
        (("--latency", "soon"), "duration"),
        (("--port", "99999"), "65535"),
        (("--deletion-delay", "soon"), "duration"),
        (("--issuance-time", "soon"), "duration"),
        (("--retention-days", "5"), "7<=x<=90"),
        (("--page-size", "25,0"), "numbers of at most 25"),
        (("--page-size", "26"), "numbers of at most 25"),
        (("--page-size", ""), "numbers of at most 25"),
        (("--ca-file", "no-such-folder/ca.pem"), "no-such-folder/ca.pem.key: No such file or directory"),
    ],
)
async def test_bad_flags_end_it_with_a_reason(flags: tuple[str, ...], words: str) -> None:
    async with started(*flags) as process:
        _, error = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode in {1, 2}
    assert words in error.decode()
    assert "Traceback" not in error.decode()


async def test_a_bad_seed_is_told_whole(tmp_path: Path) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text("vaults: {v: {secrets: {a: {value: hunter2, x: 1}, b: {}}}}", encoding="utf-8")
    async with started("--seed", str(seed)) as process:
        _, error = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert f"{seed}: vaults.v.secrets.a.x" in error.decode()
    assert f"{seed}: vaults.v.secrets.b" in error.decode()
    assert "hunter2" not in error.decode()


@pytest.mark.parametrize("flag", ["--seed", "--token-file"])
async def test_a_file_that_is_no_text_is_told(tmp_path: Path, flag: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xff\xfe")
    async with started(flag, str(file)) as process:
        _, error = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert error.decode() == f"Error: {file} is not a text in UTF-8\n"


@asynccontextmanager
async def session_of(url: str, ca_file: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that is logged in and asks for an api-version by itself."""
    context = ssl.create_default_context(cafile=ca_file)
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=context)) as session:
        headers = {"X-IDENTITY-HEADER": "x"}
        resource = url.replace("127.0.", "0.")
        async with session.get("/msi/token", params={"resource": resource}, headers=headers) as response:
            token = (await response.json())["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        yield session


async def write(session: aiohttp.ClientSession, name: str, answered: set[str], enough: asyncio.Event) -> None:
    """Write one secret after the other, and note what was answered."""
    while True:
        value = f"{name}-{len(answered)}"
        url = f"/secrets/{value}?api-version=7.4"
        async with session.put(url, json={"value": value}) as response:
            assert response.status == 200
            await response.read()
        answered.add(value)
        if len(answered) >= 40:
            enough.set()


async def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    flags = ("--port", "0", "--ca-file", str(ca_file), "--state", str(tmp_path / "state.db"))
    seed = ("--seed", str(EXAMPLE))
    answered: set[str] = set()
    enough = asyncio.Event()
    async with (
        started(*flags, *seed) as process,
        session_of(await ready_url(process), ca_file) as session,
    ):
        writers = [asyncio.create_task(write(session, f"w{number}", answered, enough)) for number in range(4)]
        await enough.wait()
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        await asyncio.gather(*writers, return_exceptions=True)
    async with started(*flags, *seed) as process:
        url = await ready_url(process)
        async with session_of(url, ca_file) as session:
            for value in answered:
                async with session.get(f"/secrets/{value}?api-version=7.4") as response:
                    assert (await response.json())["value"] == value
            async with session.get("/_vaultbind/stats") as response:
                objects = (await response.json())["objects"]
    assert objects["default"]["secrets"] >= len(answered) >= 40
    assert objects["shop"] == {"secrets": 4, "keys": 2, "certificates": 1}


async def test_a_state_file_that_is_taken_is_told(tmp_path: Path) -> None:
    flags = ("--port", "0", "--state", str(tmp_path / "state.db"))
    async with started(*flags) as first:
        await ready_url(first)
        async with started(*flags) as second:
            _, error = await asyncio.wait_for(second.communicate(), 60)
    assert second.returncode == 1
    assert "another emulator has it" in error.decode()
    assert "Traceback" not in error.decode()


async def test_a_port_in_use_is_told_with_the_way_out() -> None:
    async with started("--port", "0") as first:
        port = (await ready_url(first)).rpartition(":")[2]
        async with started("--port", port) as second:
            _, error = await asyncio.wait_for(second.communicate(), 60)
    assert second.returncode == 1
    assert "address already in use; choose another --port, 0 picks a free one" in error.decode()


async def test_deletions_take_as_long_as_the_flag_says(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    steps = (
        ("PUT", "/secrets/a", {"value": "x"}, 200),
        ("DELETE", "/secrets/a", None, 200),
        ("GET", "/deletedsecrets/a", None, 404),
        ("POST", "/_vaultbind/time", {"advance": "1h"}, 200),
        ("GET", "/deletedsecrets/a", None, 200),
    )
    async with (
        started("--port", "0", "--ca-file", str(ca_file), "--deletion-delay", "1h") as process,
        session_of(await ready_url(process), ca_file) as session,
    ):
        for method, path, body, status in steps:
            async with session.request(method, f"{path}?api-version=7.4", json=body) as response:
                assert response.status == status, (method, path)


async def test_the_vaults_behave_as_the_flags_say(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    flags = ("--retention-days", "7", "--purge-protection", "--issuance-time", "1h", "--page-size", "0,2,25")
    policy = {"key_props": {"kty": "EC"}, "x509_props": {"subject": "CN=a.test"}, "issuer": {"name": "Self"}}
    async with (
        started("--port", "0", "--ca-file", str(ca_file), *flags) as process,
        session_of(await ready_url(process), ca_file) as session,
    ):

        async def ask(method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
            url = path if "api-version" in path else f"{path}?api-version=7.4"
            async with session.request(method, url, json=body) as response:
                return response.status, await response.json() if response.status != 204 else {}

        for name in ("a", "b", "c"):
            await ask("PUT", f"/secrets/{name}", {"value": "x"})
        sizes, path = [], "/secrets"
        while path:
            _, page = await ask("GET", path)
            sizes.append(len(page["value"]))
            path = (page["nextLink"] or "").removeprefix(str(session._base_url).rstrip("/"))
        assert sizes == [0, 2, 1]
        _, deleted = await ask("DELETE", "/secrets/a")
        assert deleted["scheduledPurgeDate"] - deleted["deletedDate"] == 7 * 86_400
        assert deleted["attributes"]["recoveryLevel"] == "CustomizedRecoverable"
        assert (await ask("DELETE", "/deletedsecrets/a"))[0] == 403
        assert (await ask("POST", "/certificates/tls/create", {"policy": policy}))[0] == 202
        assert (await ask("GET", "/certificates/tls/pending"))[1]["status"] == "inProgress"
        await ask("POST", "/_vaultbind/time", {"advance": "1h"})
        assert (await ask("GET", "/certificates/tls/pending"))[1]["status"] == "completed"
