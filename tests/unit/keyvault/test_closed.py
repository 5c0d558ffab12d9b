"""After `aclose()` nothing is sent, kept or started for a client, whoever else uses its transport."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from azure.core.credentials import AccessTokenInfo

from tests.unit.keyvault.fakes import FakeClock, FakeCredential, answer, canned, make_client, problem, secret
from vaultbind.keyvault import (
    BreakerState,
    CacheConfig,
    EncryptionAlgorithm,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
)
from vaultbind.keyvault.rotation.monitor import ExpiryMonitor

CALLS: dict[str, Callable[[KeyVaultClient], Awaitable[Any]]] = {
    "a read that was kept": lambda client: client.get_secret("db"),
    "a version": lambda client: client.secrets.get_secret_version("db", "1"),
    "a list": lambda client: client.secrets.list_all(),
    "a write": lambda client: client.set_secret("db", "new"),
    "a key": lambda client: client.get_key("k"),
    "an operation": lambda client: client.encrypt("k", EncryptionAlgorithm.RSA_OAEP_256, b"plain"),
    "an envelope": lambda client: client.envelope_encrypt("k", b"plain"),
    "a certificate": lambda client: client.get_certificate("tls"),
    "a request of one's own": lambda client: client.send_request("GET", "/secrets/db/", name="db"),
    "the monitor's start": lambda client: client.expiry_monitor.start(60),
    "one look of the monitor": lambda client: client.expiry_monitor.check_once(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_every_call_is_refused_and_nothing_is_sent(
    call: Callable[[KeyVaultClient], Awaitable[Any]],
) -> None:
    transport = canned(answer(secret()))
    client = make_client(transport, cache=CacheConfig())
    await client.get_secret("db")
    await client.aclose()
    sent = len(transport.requests)

    for _ in range(6):  # more often than the breaker waits for
        with pytest.raises(KeyVaultError, match="make another one") as caught:
            await call(client)
        assert (caught.value.kind, caught.value.code) == (KeyVaultErrorKind.UNREACHABLE, "ClientClosed")
        assert not caught.value.retryable
    assert len(transport.requests) == sent
    assert client.breaker_state is BreakerState.CLOSED, "which is the vault's, and its other clients'"
    assert client.cache_stats is not None
    assert client.cache_stats.entries == 0


async def test_health_says_so() -> None:
    client = make_client(transport := canned(answer(secret())))
    await client.aclose()

    health = await client.health_check()

    assert (health.reachable, health.error and health.error.code) == (False, "ClientClosed")
    assert transport.requests == []


async def test_a_monitor_that_ran_is_not_started_again() -> None:
    client = make_client(canned(answer({"value": []})))
    monitor: ExpiryMonitor = client.expiry_monitor
    await monitor.start(60)
    await client.aclose()

    with pytest.raises(KeyVaultError, match="ClientClosed"):
        await monitor.start(60)

    assert not monitor.is_running


class ClosingClock(FakeClock):
    """While a call waits between its attempts, somebody closes its client."""

    client: KeyVaultClient

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self.client.aclose()


async def test_a_call_that_waits_between_attempts_is_refused_like_one_that_comes_later() -> None:
    """Its credential may be closed by then, and would be asked for a token once more."""
    clock = ClosingClock()
    transport = canned(problem(503, "Unavailable"))
    client = clock.client = make_client(transport, clock=clock)

    with pytest.raises(KeyVaultError, match="make another one") as caught:
        await client.get_secret("db")

    assert (caught.value.kind, caught.value.code) == (KeyVaultErrorKind.UNREACHABLE, "ClientClosed")
    assert not caught.value.retryable
    assert len(transport.requests) == 2, "the challenge, and one attempt"
    assert client.breaker_state is BreakerState.CLOSED


async def test_a_call_that_waits_for_the_first_one_is_refused_too() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(FakeCredential):
        async def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
            begun.set()
            await go_on.wait()
            return await super().get_token_info(*scopes, options=options)

    credential = Slow()
    client = make_client(transport := canned(answer(secret())), credential=credential)
    calls = [asyncio.create_task(client.get_secret(name)) for name in ("a", "b")]
    await begun.wait()
    await client.aclose()
    go_on.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(outcomes[1], KeyVaultError)
    assert outcomes[1].code == "ClientClosed"
    assert len(transport.requests) == 1, "the challenge"
