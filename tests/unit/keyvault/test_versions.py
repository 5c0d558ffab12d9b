"""Which versions of the interface may be asked for."""

import pytest

from vaultbind.keyvault import KeyVaultConfig, KeyVaultError
from vaultbind.keyvault.versions import API_VERSIONS, is_api_version

VERSIONS = {
    **dict.fromkeys(API_VERSIONS, True),
    "7.6-preview.2": True,
    "2026-04-01-preview": True,
    "2027-01-01": True,
    "7.7": False,
    "7.60": False,
    "7": False,
    "7.O": False,
    "v7.6": False,
    "latest": False,
    "2025-07-02": False,
    "2024-01-01": False,
    "2027-1-1": False,
    "2027-01-01-beta": False,
    "7&x": False,
    "7.6\n": False,
}


@pytest.mark.parametrize(("text", "good"), VERSIONS.items())
def test_versions(text: str, good: bool) -> None:
    assert is_api_version(text) is good


@pytest.mark.parametrize("kind", ["", "secrets_", "keys_", "certificates_"])
def test_a_version_that_there_is_not_is_told_with_those_that_there_are(kind: str) -> None:
    variables = {
        "AZURE_KEYVAULT_URL": "https://shop.vault.azure.net",
        f"VAULTBIND_KEYVAULT_{kind.upper()}API_VERSION": "7.7",
    }
    with pytest.raises(KeyVaultError, match=f"{kind}api_version: must be one of 2016-10-01, 7.0, .*2026-04"):
        KeyVaultConfig.from_env(variables)
