"""What a client is made of ends in order; what is shared is in `transport/test_shared_clients.py`."""

from functools import partial

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
