"""After `aclose()` nothing is sent, kept or started for a client, whoever else uses its transport."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.unit.keyvault.fakes import answer, canned, make_client, secret
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
