"""The pytest plugin (entry point `pytest11`). It imports the rest when a fixture is asked for."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vaultbind.keyvault import KeyVaultClient
    from vaultbind.testing.server import EmulatorThread
    from vaultbind.testing.vaults import LocalVault, ServedVault


@pytest.fixture
def keyvault() -> Iterator["LocalVault"]:
    """An empty simulated vault in this process.

    Change it by its methods (`set_secret`, `advance`, `fail`, `deny`); async clients of the Azure SDK reach
    it with `keyvault.url`, `credential=keyvault.credential` and `transport=keyvault.transport`.
    """
    from vaultbind.testing.vaults import LocalVault

    vault = LocalVault.new()
    yield vault
    vault.close()


@pytest.fixture
def keyvault_client(keyvault: "LocalVault") -> "KeyVaultClient":
    """Vaultbind's own client on `keyvault`. It holds no connection, so there is nothing to close."""
    from vaultbind.keyvault import KeyVaultClient

    builder = KeyVaultClient.builder().vault_url(keyvault.url).credential(keyvault.credential)
    return builder.transport(keyvault.transport).build()


@pytest.fixture(scope="session")
def keyvault_emulator() -> Iterator["EmulatorThread"]:
    """One emulator over HTTPS for the whole session; tests want `keyvault_server`."""
    from vaultbind.testing.server import EmulatorThread

    with EmulatorThread.start() as running:
        yield running


@pytest.fixture
def keyvault_server(keyvault_emulator: "EmulatorThread", monkeypatch: pytest.MonkeyPatch) -> "ServedVault":
    """An empty vault over HTTPS on loopback, for synchronous clients, other processes and other languages.

    `os.environ` has what `DefaultAzureCredential()` and the trust in its CA need, until the test ends.
    """
    vault = keyvault_emulator.fresh_vault()
    for name, value in vault.environment.items():
        monkeypatch.setenv(name, value)
    return vault
