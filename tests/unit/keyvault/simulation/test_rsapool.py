"""RSA keys are made in threads: whoever needs one waits, the event loop goes on."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.keyvault.simulation.desk import SECONDS, Desk
from tests.unit.keyvault.simulation.material import make
from vaultbind.keyvault.simulation import Estate, EstateConfig, Kind, SimulatedVault, VaultSettings
from vaultbind.keyvault.simulation.rsapool import THREAD_NAME, KeyWanted, RsaPool
from vaultbind.testing.vaults import LocalVault

DAY = 86_400
RENEWING = {
    "key_props": {"kty": "RSA", "key_size": 2048, "reuse_key": False},
    "x509_props": {"subject": "CN=a.test", "validity_months": 12},
    "issuer": {"name": "Self"},
    "lifetime_actions": [
        {"trigger": {"lifetime_percentage": 50}, "action": {"action_type": "AutoRenew"}},
    ],
}
ROTATING = {"lifetimeActions": [{"trigger": {"timeAfterCreate": "P2M"}, "action": {"type": "Rotate"}}]}


def ready_key() -> rsa.RSAPrivateKey:
    key = make("RSA")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


class Maker:
    """Makes keys that were made before; notes where and of which size, and waits while it is held."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.threads: set[str] = set()
        self.begun = threading.Semaphore(0)
        self._go = threading.Event()
        self._go.set()

    def __call__(self, bits: int) -> rsa.RSAPrivateKey:
        self.asked.append(bits)
        self.threads.add(threading.current_thread().name)
        self.begun.release()
        assert self._go.wait(30)
        return ready_key()

    def hold(self) -> None:
        self._go.clear()

    def go(self) -> None:
        self._go.set()

    async def has_begun(self) -> None:
        """Wait until a key is being made; in a thread, so that the loop runs on."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=30)


def desk_of(maker: Maker) -> Desk:
    """A desk with an EC key `other` in another vault, and an RSA key and certificate in `shop`."""
    desk = Desk(make_rsa=maker, settings=VaultSettings(issuance_seconds=0))
    assert desk.ask("POST", "/keys/other/create", {"kty": "EC"}, host="bank.vault.azure.net")[0] == 200
    assert desk.ask("POST", "/keys/k/create", {"kty": "RSA"})[0] == 200
    assert desk.ask("POST", "/certificates/tls/create", {"policy": RENEWING})[0] == 202
    return desk


def key_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)}


async def served(desk: Desk, method: str, url: str, body: Any = None, **options: Any) -> int:
    request = desk.request(method, url, body, **options)
    return (await desk.estate.serve(request, desk.now)).response.status


@pytest.mark.parametrize(
    ("path", "body", "bits"),
    [
        ("/keys/a/create", {"kty": "RSA"}, [2048]),
        ("/keys/a/create", {"kty": "RSA-HSM", "key_size": 4096}, [4096]),
        ("/keys/a/create", {"kty": "RSA", "key_size": 1}, []),
        ("/keys/a/create", {"kty": "EC"}, []),
        ("/keys/a/create", [], []),
        ("/certificates/a/create", {"policy": {**RENEWING, "key_props": {"key_size": 3072}}}, [3072]),
        ("/certificates/a/create", {"policy": {**RENEWING, "key_props": {"kty": "EC", "crv": "P-256"}}}, []),
        ("/certificates/a/create", {"policy": 7}, []),
        ("/keys/k/rotate", None, [2048]),
        ("/keys/none/rotate", None, []),
        ("/keys/k/versions", None, []),
    ],
)
async def test_the_loop_goes_on_while_a_request_waits_for_its_key(
    path: str, body: Any, bits: list[int]
) -> None:
    maker = Maker()
    desk = desk_of(maker)
    begun = len(maker.asked)
    maker.hold()
    waiting = asyncio.create_task(served(desk, "POST", path, body))
    if bits:
        for _ in range(begun + len(bits)):
            await maker.has_begun()
        assert await served(desk, "GET", "/keys/k") == 200  # of the same vault
        assert not waiting.done()
    maker.go()
    assert await waiting in ({200, 202} if bits else {200, 202, 400, 404, 405})
    assert maker.asked[begun:] == bits
    assert all(name.startswith(THREAD_NAME) for name in maker.threads)


async def advance_by_estate(desk: Desk) -> None:
    desk.estate.time.advance(timedelta(days=250))
    await desk.estate.catch_up()


async def advance_by_asking(desk: Desk) -> None:
    desk.estate.time.advance(timedelta(days=250))
    assert await served(desk, "GET", "/secrets") == 200


@pytest.mark.parametrize("advance", [advance_by_estate, advance_by_asking])
async def test_the_loop_goes_on_while_moved_time_rotates_and_renews(
    advance: Callable[[Desk], Coroutine[Any, Any, None]],
) -> None:
    maker = Maker()
    desk = desk_of(maker)
    assert desk.ask("PUT", "/keys/k/rotationpolicy", ROTATING)[0] == 200
    before = len(maker.asked)
    maker.hold()
    moving = asyncio.create_task(advance(desk))
    for _ in range(before + 1):
        await maker.has_begun()
    late = asyncio.create_task(served(desk, "GET", "/keys"))
    assert await served(desk, "GET", "/keys", host="bank.vault.azure.net") == 200
    assert not moving.done()
    assert not late.done()  # nobody sees a vault whose time has come half way
    maker.go()
    assert await late == 200
    await moving
    vault = desk.estate.vaults["shop"]
    made = sorted(record.attributes.created - SECONDS for record in vault.versions(Kind.KEYS, "k"))
    assert made == [0, 59 * DAY, 120 * DAY, 181 * DAY, 243 * DAY]
    assert len(vault.versions(Kind.CERTIFICATES, "tls")) == 2
    assert maker.asked == [2048] * 7
    assert all(name.startswith(THREAD_NAME) for name in maker.threads)


@pytest.mark.parametrize("distance", [30, 250, 700, 9000])
async def test_waiting_for_keys_changes_nothing_of_what_comes_to_be(distance: int) -> None:
    """A vault that stops at each key has the same versions at the same times as one that never does."""
    pure = SimulatedVault("shop", VaultSettings(seed="s"), lambda _: ready_key())
    estate = Estate(EstateConfig(settings=VaultSettings(seed="s"), make_rsa=lambda _: ready_key()))
    stopping = estate.vault("shop")
    for vault in (pure, stopping):
        estate.rsa_pool.patiently(partial(vault.keys.create, "k", now=SECONDS, key_type="RSA"))
        vault.keys.set_rotation("k", ROTATING, now=SECONDS)
        estate.rsa_pool.patiently(partial(vault.certificates.create, "tls", RENEWING, now=SECONDS))
        for later in (distance * DAY, distance * DAY + 1):
            await estate.rsa_pool.attend(partial(vault.advance, now=SECONDS + later))
    for kind in Kind:
        for name in ("k", "tls"):
            shown = [
                [(record.version, record.attributes) for record in vault.versions(kind, name)]
                for vault in (pure, stopping)
            ]
            assert shown[0] == shown[1]


async def test_who_gives_up_waiting_takes_no_key_from_others() -> None:
    maker = Maker()
    maker.hold()
    pool = RsaPool(maker)
    first, second = (asyncio.create_task(pool.attend(lambda: pool.take(2048))) for _ in range(2))
    await maker.has_begun()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    maker.go()
    assert await second == ready_key()
    pool.close()


async def test_each_key_is_given_once() -> None:
    maker = Maker()
    pool = RsaPool(maker)
    await asyncio.gather(*(pool.attend(lambda: pool.take(2048)) for _ in range(9)))
    assert maker.asked == [2048] * 9
    with pytest.raises(KeyWanted, match="2048 bits"):
        pool.take(2048)
    pool.close()


async def test_some_keys_are_made_ahead_of_use_and_no_thread_stays() -> None:
    maker = Maker()
    pool = RsaPool(maker)
    others = key_threads()
    async with pool.working_ahead():
        await pool.attend(lambda: pool.take(4096))
        await pool.attend(lambda: pool.take(2048))
        for _ in range(5):
            await maker.has_begun()
        assert sorted(maker.asked) == [2048] * 3 + [4096] * 2
        assert key_threads() - others
    assert not key_threads() - others
    with pytest.raises(KeyWanted):
        pool.take(2048)


async def test_a_key_that_was_made_ahead_is_there_without_waiting() -> None:
    maker = Maker()
    pool = RsaPool(maker)
    async with pool.working_ahead():
        await pool.attend(lambda: pool.take(2048))
        await asyncio.gather(*map(asyncio.wrap_future, pool._stock[2048]))
        maker.hold()
        assert [pool.take(2048) for _ in range(2)] == [ready_key()] * 2
        with pytest.raises(KeyWanted):
            pool.take(2048)
        maker.go()


def test_a_pool_that_is_forgotten_leaves_no_thread() -> None:
    others = key_threads()

    def use() -> threading.Thread:
        pool = RsaPool(Maker())
        pool.patiently(lambda: pool.take(2048))
        (thread,) = key_threads() - others
        return thread

    thread = use()
    thread.join(30)
    assert not thread.is_alive()


def test_the_synchronous_ways_wait_for_their_key() -> None:
    maker = Maker()
    estate = Estate(EstateConfig(make_rsa=maker, clock=lambda: datetime(2027, 1, 1, tzinfo=UTC)))
    estate.driver("shop").create_key("k", key_type="RSA")
    estate.vault("shop").keys.set_rotation("k", ROTATING, now=SECONDS)
    estate.time.advance(timedelta(days=100))
    estate.settle()
    assert len(estate.vault("shop").versions(Kind.KEYS, "k")) == 2
    local = LocalVault(estate)
    local.create_key("k", key_type="RSA")
    estate.vault("test").keys.set_rotation("k", ROTATING, now=SECONDS + 100 * DAY)
    local.advance(timedelta(days=100))
    assert len(estate.vault("test").versions(Kind.KEYS, "k")) == 2
    assert maker.asked == [2048] * 4
    assert all(name.startswith(THREAD_NAME) for name in maker.threads)


def test_a_maker_that_fails_fails_who_asked_and_not_the_next() -> None:
    calls: list[int] = []

    def failing(bits: int) -> rsa.RSAPrivateKey:
        calls.append(bits)
        if len(calls) == 1:
            raise MemoryError
        return ready_key()

    pool = RsaPool(failing)
    with pytest.raises(MemoryError):
        pool.patiently(lambda: pool.take(2048))
    assert pool.patiently(lambda: pool.take(2048)) == ready_key()
    pool.close()
