"""A served emulator makes its RSA keys beside the event loop; moved time is answered when all is done."""

import asyncio
import threading
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.flow.emulator.test_server import running
from vaultbind.emulator import Emulator
from vaultbind.keyvault.simulation import Kind
from vaultbind.keyvault.simulation.rsapool import THREAD_NAME, make_rsa

SEED = "vaults: {default: {keys: {seeded: {type: RSA}}, secrets: {db: x}}}"
POLICY = {
    "key_props": {"kty": "RSA", "key_size": 2048, "reuse_key": False},
    "x509_props": {"subject": "CN=a.test", "validity_months": 12},
    "issuer": {"name": "Self"},
    "lifetime_actions": [{"trigger": {"lifetime_percentage": 50}, "action": {"action_type": "AutoRenew"}}],
}
ROTATING = {"lifetimeActions": [{"trigger": {"timeAfterCreate": "P90D"}, "action": {"type": "Rotate"}}]}


class Maker:
    """Makes keys, notes in which threads, and waits while `go` is not set."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.begun = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def __call__(self, bits: int) -> rsa.RSAPrivateKey:
        self.threads.append(threading.current_thread().name)
        self.begun.set()
        assert self.go.wait(30)
        return make_rsa(bits)

    def hold(self) -> None:
        self.begun.clear()
        self.go.clear()

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 30)

    def stayed_off_the_loop(self) -> bool:
        return bool(self.threads) and all(name.startswith(THREAD_NAME) for name in self.threads)


async def log_in(emulator: Emulator, session: aiohttp.ClientSession) -> dict[str, str]:
    resource = emulator.url.replace("127.0.", "0.")
    headers = {"X-IDENTITY-HEADER": "x"}
    async with session.get("/msi/token", params={"resource": resource}, headers=headers) as response:
        return {"Authorization": f"Bearer {(await response.json())['access_token']}"}


async def ask(session: aiohttp.ClientSession, method: str, path: str, body: Any, headers: Any) -> int:
    params = {} if path.startswith("/_") else {"api-version": "7.6"}
    async with session.request(method, path, params=params, json=body, headers=headers) as response:
        await response.read()
        return response.status


async def test_requests_are_answered_while_a_key_is_made() -> None:
    maker = Maker()
    async with running(make_rsa=maker, seed=SEED) as (emulator, session):
        headers = await log_in(emulator, session)
        held = emulator.estate.rsa_pool._stock[3072]
        maker.hold()
        body = {"kty": "RSA", "key_size": 3072}
        creating = asyncio.create_task(ask(session, "POST", "/keys/k/create", body, headers))
        await maker.has_begun()
        assert await ask(session, "GET", "/secrets/db", None, headers) == 200
        assert not creating.done()
        assert len(held) == 1
        maker.go.set()
        assert await creating == 200
    assert maker.stayed_off_the_loop()


@pytest.mark.parametrize("method", ["time", "snapshot"])
async def test_what_moved_time_makes_due_is_done_before_the_answer(method: str) -> None:
    maker = Maker()
    async with running(make_rsa=maker, seed=SEED) as (emulator, session):
        headers = await log_in(emulator, session)
        assert await ask(session, "PUT", "/keys/seeded/rotationpolicy", ROTATING, headers) == 200
        assert await ask(session, "POST", "/certificates/tls/create", {"policy": POLICY}, headers) == 202
        assert await ask(session, "DELETE", "/secrets/db", None, headers) == 200
        vault = emulator.estate.vaults["default"]
        assert await ask(session, "POST", "/_vaultbind/time", {"advance": "30s"}, {}) == 200
        content = {"advance": "200d"}
        path = "/_vaultbind/time"
        if method == "snapshot":
            async with session.get("/_vaultbind/snapshot") as response:
                content = await response.json()
            content["time"] = {"shared": 200 * 86_400, "vaults": {}}
            path = "/_vaultbind/snapshot"
        maker.hold()
        moving = asyncio.create_task(ask(session, "POST" if method == "time" else "PUT", path, content, {}))
        await maker.has_begun()
        assert await ask(session, "GET", "/_vaultbind/stats", None, {}) == 200
        maker.go.set()
        assert await moving == 200
        assert len(vault.versions(Kind.KEYS, "seeded")) == 3
        assert len(vault.versions(Kind.CERTIFICATES, "tls")) == 2
        assert set(vault.secrets.store.held()) == {"tls"}
    assert maker.stayed_off_the_loop()


async def test_no_thread_stays_when_it_has_ended() -> None:
    before = set(threading.enumerate())
    async with running(seed=SEED) as (emulator, session):
        headers = await log_in(emulator, session)
        assert await ask(session, "POST", "/keys/k/create", {"kty": "RSA"}, headers) == 200
        assert any(thread.name.startswith(THREAD_NAME) for thread in set(threading.enumerate()) - before)
    stayed = set(threading.enumerate()) - before
    assert not [thread.name for thread in stayed if thread.name.startswith(THREAD_NAME)]
