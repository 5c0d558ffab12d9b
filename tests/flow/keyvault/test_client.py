"""The client as a whole against the emulator: its short ways, its health, and a cold herd."""

import asyncio

from tests.flow.keyvault.conftest import House
from vaultbind.keyvault import (
    CreateKeyOptions,
    EncryptionAlgorithm,
    KeyType,
    KeyVaultErrorKind,
    ObjectKind,
    RetryConfig,
)
from vaultbind.keyvault.simulation import Denial, Ending, Fault


async def test_the_short_ways(house: House) -> None:
    client = house.client
    made = await client.set_secret("db", "one")
    await client.set_secret("db", "two")
    await client.keys.create_key("k", CreateKeyOptions(key_type=KeyType.RSA))

    assert (await client.get_secret("db")).value.expose_secret() == "two"
    assert (await client.get_secret_version("db", made.version)).value.expose_secret() == "one"
    assert (await client.get_key("k")).key_type == "RSA"
    sealed = await client.encrypt("k", EncryptionAlgorithm.RSA_OAEP_256, b"plain")
    assert await client.decrypt("k", EncryptionAlgorithm.RSA_OAEP_256, sealed) == b"plain"


async def test_health(house: House) -> None:
    found = await house.client.health_check()
    assert found.is_healthy
    assert found.authorized == dict.fromkeys(ObjectKind, True)
    assert found.clock_skew is not None
    assert abs(found.clock_skew) < 30
    assert found.latency is not None

    house.emulator.estate.access.deny(Denial(kind="keys"))
    assert (await house.client.health_check()).authorized[ObjectKind.KEY] is False


async def test_the_health_of_a_vault_that_is_down(house: House) -> None:
    house.emulator.estate.faults.add(Fault(ending=Ending.REFUSED))

    async with house.another(retry=RetryConfig(attempts=1)) as client:
        found = await client.health_check()

    assert found.error is not None
    assert (found.reachable, found.error.kind) == (False, KeyVaultErrorKind.UNREACHABLE)


async def test_a_cold_herd_costs_one_challenge_and_one_token(house: House) -> None:
    house.emulator.driver("shop").set_secret("db", "x")

    async with house.another() as client:
        await asyncio.gather(*(client.get_secret("db") for _ in range(100)))

    log = house.emulator.estate.log
    gets, tokens = log.count(operation="secrets.get", outcome="200"), log.total() - log.count(vault="shop")
    assert (log.count(outcome="401"), gets, tokens) == (1, 100, 1)
