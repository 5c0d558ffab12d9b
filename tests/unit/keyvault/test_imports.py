"""What importing the library drags in, measured in a fresh interpreter."""

import subprocess
import sys

import pytest

import vaultbind.keyvault as library

PROBE = "import sys\n{statement}\nprint(*sorted(sys.modules))"
HEAVY = ("azure.identity", "kopf", "prometheus_client", "aiohttp.web", "msal", "cryptography")
CLIENT = "from vaultbind.keyvault import KeyVaultClient, KeyVaultConfig"
BUILT = (
    CLIENT + "; from vaultbind.keyvault import SharedTransport, build_credential, DefaultIdentity;"
    " build_credential(DefaultIdentity());"
    " KeyVaultClient(KeyVaultConfig(vault_url='https://a.vault.azure.net'), transport=SharedTransport())"
)
USED = """
import asyncio
import vaultbind.keyvault as library
names = [getattr(library, name) for name in library.__all__]
from vaultbind.keyvault.simulation import Estate
from vaultbind.keyvault.simulation.transport import SimulatedCredential, SimulatedTransport
estate = Estate()
estate.driver("a").set_secret("db", "x")
credential = SimulatedCredential(estate)
config = library.KeyVaultConfig(vault_url="https://a.vault.azure.net", credential=credential)
asyncio.run(library.KeyVaultClient(config, transport=SimulatedTransport(estate)).get_secret("db"))
"""
"""Every public name, and a secret read with a credential of one's own (the simulation needs cryptography)."""
ROWS = [
    ("the package alone", "import vaultbind.keyvault", (*HEAVY, "azure", "aiohttp", "orjson")),
    ("errors", "from vaultbind.keyvault import KeyVaultError", (*HEAVY, "azure", "aiohttp")),
    ("the client", CLIENT, (*HEAVY, "aiohttp", "azure.keyvault.keys", "azure.keyvault.certificates")),
    ("a client that is built", BUILT, HEAVY),
    ("a client that is used", USED, tuple(name for name in HEAVY if name != "cryptography")),
]


@pytest.mark.parametrize(("statement", "absent"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_imports(statement: str, absent: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", PROBE.format(statement=statement)]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert "vaultbind.keyvault" in modules
    assert not [name for name in absent if name in modules]


def test_every_public_name_exists_and_no_other() -> None:
    assert sorted(library.__all__) == library.__all__
    assert set(library.__all__) == set(library._HOMES)
    for name in library.__all__:
        assert getattr(library, name) is not None
    assert dir(library) == library.__all__
    with pytest.raises(AttributeError, match="Nothing"):
        _ = library.Nothing
