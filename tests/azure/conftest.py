"""A real vault, for whoever names one in `VAULTBIND_E2E_VAULT_URL`; the environment tells the identity.

All tests share one client, and with it one credential: the workflow's own token lives for five minutes and is
exchanged once, at the beginning, for one that lives longer than the tests.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
import pytest_asyncio

from vaultbind.keyvault import KeyVaultClient, KeyVaultConfig, KeyVaultError

VARIABLE = "VAULTBIND_E2E_VAULT_URL"
HERE = Path(__file__).parent
ONE_LOOP = pytest.mark.asyncio(loop_scope="session")
T = TypeVar("T")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tell it before they are made: the kind of loop is a parameter, and would else be one of each test."""
    metafunc.definition.add_marker(ONE_LOOP, append=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let all of them run in one event loop, for connections belong to one."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(ONE_LOOP, append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client() -> AsyncIterator[KeyVaultClient]:
    """The client of the vault; it has its token already."""
    url = os.environ.get(VARIABLE)
    if not url:
        pytest.skip(f"{VARIABLE} names no vault")
    config = KeyVaultConfig.from_env({**os.environ, "AZURE_KEYVAULT_URL": url})
    async with KeyVaultClient(config) as made:
        health = await made.health_check()
        if not health.reachable:
            pytest.fail(f"the vault of {VARIABLE} cannot be used: {health.error}")
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def name(client: KeyVaultClient) -> AsyncIterator[str]:
    """A name that nobody else has; what is left under it in the end is deleted and purged."""
    taken = f"vaultbind-e2e-{uuid4().hex[:12]}"
    yield taken
    secrets, keys, certificates = client.secrets, client.keys, client.certificates
    # A certificate takes its key and its secret along, so it goes first.
    await _clean(certificates.delete_certificate, certificates.purge_deleted_certificate, taken)
    await _clean(keys.delete_key, keys.purge_deleted_key, taken)
    await _clean(secrets.delete_secret, secrets.purge_deleted_secret, taken)


async def refusal_or(call: Awaitable[T]) -> T | KeyVaultError:
    """What a call gives, or the error that the vault answered."""
    try:
        return await call
    except KeyVaultError as error:
        return error


async def _clean(
    delete: Callable[[str], Awaitable[object]], purge: Callable[[str], Awaitable[None]], name: str
) -> None:
    with suppress(KeyVaultError):
        await delete(name)
    with suppress(KeyVaultError):
        await purge(name)
