"""Every operation of the library against the emulator, over HTTPS with challenge verification on."""

import inspect
from typing import Any

import pytest

from tests.flow.keyvault.conftest import House
from tests.flow.keyvault.operations import STORIES, UNHURRIED
from vaultbind.keyvault import CertificatesService, KeysService, SecretsService
from vaultbind.keyvault.simulation import VaultSettings

SERVICES = {"secrets": SecretsService, "keys": KeysService, "certificates": CertificatesService}


def rows() -> list[Any]:
    found = []
    for name in sorted(STORIES):
        method = name.rpartition(".")[2]
        settings = VaultSettings(issuance_seconds=3600) if method in UNHURRIED else None
        found.append(pytest.param(settings, name, id=name))
    return found


def test_every_public_method_has_a_story() -> None:
    methods = {
        f"{name}.{method}"
        for name, service in SERVICES.items()
        for method, _ in inspect.getmembers(service, inspect.isfunction)
        if not method.startswith("_")
    }

    assert set(STORIES) == methods


@pytest.mark.parametrize(("house", "name"), rows(), indirect=["house"])
async def test_operation(house: House, name: str) -> None:
    await STORIES[name](house.client)
