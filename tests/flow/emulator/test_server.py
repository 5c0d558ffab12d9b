"""The front itself: what it holds at the start, what it answers when something is wrong."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import jwt
import pytest

from vaultbind.emulator import Emulator, EmulatorConfig, SeedError, StorageError, server
from vaultbind.emulator.remote import Remote, RemoteError, _understand
from vaultbind.keyvault.simulation.tokens import TENANT, Claims, issue_token

SEED = """
vaults: {shop: {secrets: {db: from-the-seed}}, bank: {secrets: {pin: "1"}}}
clients: {app: geheim}
"""


@asynccontextmanager
async def running(**options: object) -> AsyncIterator[tuple[Emulator, aiohttp.ClientSession]]:
    async with Emulator.start(EmulatorConfig(**options)) as emulator:  # type: ignore[arg-type]
        context = ssl.create_default_context(cadata=emulator.ca_pem)
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(emulator.url, connector=connector) as session:
            yield emulator, session


def value(emulator: Emulator, vault: str, name: str) -> str:
    return emulator.driver(vault).vault.secrets.get(name).value


async def test_a_seed_is_for_vaults_that_the_state_file_does_not_know(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    async with running(state=state, vaults=("Shop",)) as (emulator, _):
        emulator.driver("shop").set_secret("db", "changed")
    async with running(state=state, seed=SEED) as (emulator, _):
        assert value(emulator, "shop", "db") == "changed"
        assert value(emulator, "bank", "pin") == "1"
        assert "app" in emulator._identity.clients


async def test_rules_of_a_seed_are_for_vaults_that_the_state_file_does_not_know(tmp_path: Path) -> None:
    """Else each start would add them once more, and bring back what was cleared."""
    state = tmp_path / "state.db"
    rules = "access: {shop: {roles: [{principal: a, role: Key Vault Reader}]}"
    seed = f"{SEED}{rules}}}\ndeny: [{{kind: keys}}]"
    async with running(state=state, seed=seed) as (emulator, session):
        assert len(emulator.estate.access.grants()) == len(emulator.estate.access.denials()) == 1
    async with running(state=state, seed=seed) as (emulator, session):
        assert len(emulator.estate.access.grants()) == len(emulator.estate.access.denials()) == 1
        async with session.delete("/_vaultbind/access") as response:
            assert response.status == 204
    longer = f"{SEED}{rules}, new: {{policies: [{{principal: a, secrets: [get]}}]}}}}\ndeny: [{{kind: keys}}]"
    async with running(state=state, seed=longer) as (emulator, _):
        assert dict(emulator.estate.access.models()) == {"new": "policy"}
        assert emulator.estate.access.denials() == ()


async def test_what_the_vaults_do_by_themselves_is_kept_too(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    async with running(state=state) as (emulator, session):
        emulator.driver("shop").set_secret("db", "x")
        emulator.driver("shop").delete("secrets", "db")
        async with session.post("/_vaultbind/time", json={"advance": "91d"}) as response:
            assert response.status == 200
    async with running(state=state) as (emulator, _):
        assert list(emulator.estate.vault("shop").secrets.store.held()) == []


async def test_a_start_that_fails_lets_the_state_file_go(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with pytest.raises(SeedError):
        async with running(state=state, seed="vaults: {shop: {secrets: {a_b: x}}}"):
            pass
    async with running(state=state):
        with pytest.raises(StorageError, match="another emulator has it"):
            async with running(state=state):
                pass


async def test_a_state_file_that_cannot_be_written_fails_the_request_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(state=tmp_path / "state.db") as (emulator, session):
        assert emulator._state is not None
        emulator._state._connection.execute("PRAGMA query_only = ON")
        async with session.post("/_vaultbind/vaults", json={"name": "new"}) as response:
            assert response.status == 500
            assert "cannot write the state file" in (await response.json())["error"]["message"]
        await emulator._tick()
        emulator._state._connection.execute("PRAGMA query_only = OFF")
    assert "cannot write the state file" in caplog.text


async def test_a_bug_is_told_by_its_place_and_never_by_its_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running() as (emulator, session):

        async def broken(*_: object) -> None:
            raise ValueError("geheim")

        monkeypatch.setattr(emulator.estate, "serve", broken)
        async with session.get("/secrets") as response:
            text = await response.text()
            assert response.status == 500
    assert "InternalServerError" in text
    assert "ValueError in " in caplog.text
    assert "geheim" not in text + caplog.text


async def test_bodies_that_cannot_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "VAULT_BODY_BYTES", 100)
    async with running() as (_, session):
        statuses = []
        for body, headers in ((b"x" * 101, {}), (b"not gzip", {"Content-Encoding": "gzip"}), (b"{}", {})):
            async with session.put("/secrets/a?api-version=7.6", data=body, headers=headers) as response:
                statuses.append(response.status)
    assert statuses == [413, 400, 401]


async def test_who_lacks_the_token_cannot_send_a_whole_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "VAULT_BODY_BYTES", 100)
    token = "a-token-of-16-or-more"
    async with running(token=token) as (_, session):
        statuses = []
        for shown in ("another", token):
            headers = {"Authorization": f"Bearer {shown}"}
            async with session.put("/_vaultbind/snapshot", data=b"x" * 101, headers=headers) as response:
                statuses.append(response.status)
    assert statuses == [413, 400]


async def ask_raw(emulator: Emulator, head: bytes) -> bytes:
    context = ssl.create_default_context(cadata=emulator.ca_pem)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", emulator.port, ssl=context, server_hostname="localhost"
    )
    writer.write(head + b"\r\n\r\n")
    status = await reader.readline()
    writer.close()
    return status.split()[1]


async def test_a_host_that_is_none_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    async with running(state=tmp_path / "state.db") as (emulator, session):
        for host in (b"\xff.vault.localhost", b"a b.vault.localhost", b"a" * 301, b"a/b"):
            assert await ask_raw(emulator, b"GET /secrets HTTP/1.1\r\nHost: " + host) == b"400"
        for path in ("/_vaultbind/log", "/_vaultbind/stats", "/"):
            async with session.get(path) as response:
                assert response.status == 200
        assert not emulator.estate.vaults


async def test_a_token_of_strange_letters_is_a_wrong_one() -> None:
    async with running(token="a-token-of-16-or-more") as (emulator, _):
        head = b"GET /secrets HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a.\xff.c"
        assert await ask_raw(emulator, head) == b"401"


async def test_a_number_of_thousands_of_digits_is_none() -> None:
    async with running() as (_, session):
        many = "9" * 5000
        async with session.get(f"/_vaultbind/log?limit={many}") as response:
            assert response.status == 400
        async with session.delete(f"/_vaultbind/faults?id={many}") as response:
            assert response.status == 400


async def test_what_quotes_broken_requests_is_not_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running() as (emulator, _):
        context = ssl.create_default_context(cadata=emulator.ca_pem)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", emulator.port, ssl=context, server_hostname="localhost"
        )
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: geheim\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
    assert "geheim" not in caplog.text


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(200, b"<html>", "not JSON"), (404, b"{}", "HTTP 404"), (400, b'{"errors":["a","b"]}', "a; b")],
)
def test_answers_that_are_none_of_an_emulator(status: int, body: bytes, message: str) -> None:
    with pytest.raises(RemoteError, match=message):
        _understand(status, body)


def test_a_remote_hides_its_token() -> None:
    assert "geheim" not in repr(Remote(url="https://h:1", token="geheim"))


async def test_with_a_token_a_vault_is_read_by_those_who_know_it_alone() -> None:
    """Also not by who signs a token with the key that is in our source."""
    secret = "a token that is long enough"
    async with running(token=secret) as (emulator, session):
        emulator.driver("default").set_secret("db", "geheim")
        resource = emulator.url.replace("127.0.", "0.")
        claims = Claims(audience=resource, principal="evil", expires=4_000_000_000)
        got = {"forged": issue_token(claims, issued=0)}
        for given in ("wrong", secret):
            headers = {"X-IDENTITY-HEADER": given}
            async with session.get("/msi/token", params={"resource": resource}, headers=headers) as response:
                got[given] = (await response.json()).get("access_token", "")
        statuses = {}
        for name, token in got.items():
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get("/secrets/db?api-version=7.6", headers=headers) as response:
                statuses[name] = response.status
        async with session.get("/") as response:
            statuses["page"] = response.status
        async with session.get("/tenant/discovery/keys") as response:
            (key,) = jwt.PyJWKSet.from_dict(await response.json()).keys
    assert statuses == {"forged": 401, "wrong": 401, secret: 200, "page": 401}
    assert jwt.decode(got[secret], key, algorithms=["ES256"], audience=resource)["tid"] == TENANT
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(got["forged"], key, algorithms=["ES256"], audience=resource)
