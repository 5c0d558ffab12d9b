"""What a client is made of ends in order; what is shared is in `transport/test_shared_clients.py`."""

import logging
from functools import partial

import pytest

from tests.unit.keyvault.fakes import FakeClock, canned
from vaultbind.keyvault.assembly import Assembly, Given
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.observing import contain


async def test_the_youngest_ends_first_and_nothing_twice() -> None:
    ended: list[int] = []
    config = KeyVaultConfig(vault_url="https://shop.vault.azure.net")
    parts = Assembly(config, Given(transport=canned()), clock=FakeClock(), observer=contain(None))

    async def end(number: int) -> None:
        ended.append(number)

    for number in range(3):
        parts.own(partial(end, number))
    await parts.aclose()
    await parts.aclose()

    assert ended == [2, 1, 0], "a monitor stops before the connections that it uses are gone"


async def test_what_cannot_end_keeps_nothing_else_from_its_end(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[int] = []
    config = KeyVaultConfig(vault_url="https://shop.vault.azure.net")
    parts = Assembly(config, Given(transport=canned()), clock=FakeClock(), observer=contain(None))

    async def end(number: int) -> None:
        ended.append(number)
        if number > 0:
            raise OSError("foreign text")

    for number in range(3):
        parts.own(partial(end, number))
    with caplog.at_level(logging.WARNING):
        await parts.aclose()

    assert ended == [2, 1, 0]
    assert caplog.messages == ["a part of a client could not be closed: OSError"] * 2
