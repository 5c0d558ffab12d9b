"""The emulator behind HTTPS, and the real client of the library in front of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from azure.keyvault.secrets._shared import http_challenge_cache

from vaultbind.emulator import Emulator, EmulatorConfig
from vaultbind.keyvault import ClientSecretIdentity, KeyVaultClient, KeyVaultConfig, SecretString
from vaultbind.keyvault.simulation import VaultSettings

TENANT = "00000000-0000-0000-0000-00000000cafe"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running emulator, a client of its vault `shop`, and more of them on demand."""

    emulator: Emulator
    client: KeyVaultClient

    def config(self, **settings: Any) -> KeyVaultConfig:
        """What a client of `shop` needs; every setting can be another one."""
        identity = ClientSecretIdentity(
            tenant_id=TENANT,
            client_id="app",
            client_secret=SecretString("geheim"),
            authority_host=self.emulator.authority_host,
        )
        usual: dict[str, Any] = {
            "vault_url": self.emulator.vault_url("shop"),
            "credential": identity,
            "ca_pem": self.emulator.ca_pem,
        }
        return KeyVaultConfig(**(usual | settings))

    @asynccontextmanager
    async def another(self, **settings: Any) -> AsyncIterator[KeyVaultClient]:
        """A client with other settings; the SDK's memory of challenges is emptied for it."""
        http_challenge_cache.clear()
        async with KeyVaultClient(self.config(**settings)) as client:
            yield client


@pytest.fixture
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """An emulator that does everything at once; an indirect parameter gives other settings of its vaults."""
    http_challenge_cache.clear()
    settings = getattr(request, "param", None) or VaultSettings()
    config = EmulatorConfig(clients={"app": "geheim"}, settings=settings)
    async with Emulator.start(config) as emulator:
        bare = House(emulator=emulator, client=None)  # type: ignore[arg-type]
        async with KeyVaultClient(bare.config()) as client:
            yield House(emulator=emulator, client=client)
