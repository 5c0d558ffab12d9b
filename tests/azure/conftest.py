"""A real vault, for whoever names one in `VAULTBIND_E2E_VAULT_URL`; the environment tells the identity."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from uuid import uuid4

import pytest

from vaultbind.keyvault import KeyVaultClient, KeyVaultConfig, KeyVaultError

VARIABLE = "VAULTBIND_E2E_VAULT_URL"


@pytest.fixture
async def client() -> AsyncIterator[KeyVaultClient]:
    """A client of the vault."""
    url = os.environ.get(VARIABLE)
    if not url:
        pytest.skip(f"{VARIABLE} names no vault")
    config = KeyVaultConfig.from_env({**os.environ, "AZURE_KEYVAULT_URL": url})
    async with KeyVaultClient(config) as made:
        yield made


@pytest.fixture
async def name(client: KeyVaultClient) -> AsyncIterator[str]:
    """A name that nobody else has; what is left under it in the end is deleted and purged."""
    taken = f"vaultbind-e2e-{uuid4().hex[:12]}"
    yield taken
    secrets, keys, certificates = client.secrets, client.keys, client.certificates
    # A certificate takes its key and its secret along, so it goes first.
    await _clean(certificates.delete_certificate, certificates.purge_deleted_certificate, taken)
    await _clean(keys.delete_key, keys.purge_deleted_key, taken)
    await _clean(secrets.delete_secret, secrets.purge_deleted_secret, taken)


async def _clean(
    delete: Callable[[str], Awaitable[object]], purge: Callable[[str], Awaitable[None]], name: str
) -> None:
    with suppress(KeyVaultError):
        await delete(name)
    with suppress(KeyVaultError):
        await purge(name)
