"""As in `tests/unit/keyvault/canary`, over HTTPS: aiohttp and TLS give nothing away, either."""

import pytest

from tests.flow.keyvault.conftest import House
from tests.unit.keyvault.canary.leaks import Output, everything_recorded, find_leaks
from tests.unit.keyvault.canary.operations import RUNS, SECRET, VALUES
from vaultbind.keyvault import CacheConfig, KeyVaultClient


async def test_nothing_comes_out_over_https(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    output = Output()
    vault = house.emulator.estate.driver("shop")
    vault.set_secret("db", SECRET)
    vault.create_key("ec")
    vault.create_key("rsa", key_type="RSA", size=2048)
    vault.issue_certificate("web", ["web.example"])
    config = house.config(tracing=True, cache=CacheConfig())
    with everything_recorded(output):
        async with KeyVaultClient(config, observer=output.observer) as client:
            for run in RUNS:
                output.show(await run(client))
            output.show(config)
    texts = output.texts("".join(capfd.readouterr()))

    assert find_leaks(texts, VALUES) == set()
    assert "azure" in texts["logs"]
    assert "/secrets" in texts["spans"]
