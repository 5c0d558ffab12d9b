"""The quick starts of the page that can be run here: each prints the value of the secret."""

import asyncio
import os
import shutil
import sys

import pytest

from tests.unit.docs.pages import load
from vaultbind.testing.vaults import ServedVault

PAGE = load("docs/emulator.md")
QUICK = [block for block in PAGE.blocks("python") if 'environ["AZURE_KEYVAULT_URL"]' in block]


async def output(*command: str, folder: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, error = await asyncio.wait_for(process.communicate(), 50)
    assert process.returncode == 0, error.decode()
    return told.decode().strip()


@pytest.mark.parametrize("program", QUICK, ids=["synchronous", "asynchronous"])
async def test_a_python_quick_start(program: str, keyvault_server: ServedVault) -> None:
    keyvault_server.set_secret("greeting", "hello")
    folder = str(keyvault_server.ca_file.parent)
    assert await output(sys.executable, "-W", "ignore", "-c", program, folder=folder) == "hello"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on PATH: the CLI's way was not tried")
async def test_the_way_of_the_azure_cli_with_curl(keyvault_server: ServedVault) -> None:
    """The same two requests; `az rest` adds nothing to the second but what its flags say."""
    keyvault_server.set_secret("greeting", "hello")
    url = keyvault_server.url
    resource = url.replace("127.0.", "0.")
    folder = str(keyvault_server.ca_file.parent)
    curl = ("curl", "-sf", "--cacert", "ca.pem")
    token = await output(
        *curl, "-H", "X-IDENTITY-HEADER: any", f"{url}/msi/token?resource={resource}", folder=folder
    )
    bearer = token.partition('"access_token":"')[2].partition('"')[0]
    secret = f"{url}/secrets/greeting?api-version=7.6"
    answer = await output(*curl, "-H", f"Authorization: Bearer {bearer}", secret, folder=folder)
    assert '"value":"hello"' in answer
