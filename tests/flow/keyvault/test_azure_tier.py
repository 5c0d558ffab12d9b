"""The tests for a real vault run on the emulator, too: a test that nobody runs rots."""

import asyncio
import os
import re
import sys
from pathlib import Path

from tests.flow.keyvault.conftest import House

ROOT = Path(__file__).parents[3]


async def run_tier(**environ: str) -> tuple[int, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "VAULTBIND_"))
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-m", "azure", "tests/azure"),
        cwd=ROOT,
        env=kept | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def written_tests() -> int:
    """Each function, and one with three rows."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests/azure").glob("test_*.py")]
    return sum(len(re.findall(r"^async def test_", source, re.MULTILINE)) for source in sources) + 2


async def test_all_of_it_passes_on_the_emulator(house: House, tmp_path: Path) -> None:
    trust = tmp_path / "ca.pem"
    trust.write_text(house.emulator.ca_pem, encoding="ascii")
    url = house.emulator.vault_url("shop")
    status, output = await run_tier(
        VAULTBIND_E2E_VAULT_URL=url,
        SSL_CERT_FILE=str(trust),
        IDENTITY_ENDPOINT=f"{url}/msi/token",
        IDENTITY_HEADER="test",
    )

    log = house.emulator.estate.log
    assert status == 0, output[-3000:]
    assert log.count(route="/msi/token") == 1, "one credential for all tests"
    assert output.strip().splitlines()[-1].startswith(f"{written_tests()} passed")
    left = [await kind.list_all() for kind in (house.client.secrets, house.client.keys)]
    assert left == [[], []], "every test cleans up after itself"


async def test_without_a_vault_all_of_it_is_skipped_aloud() -> None:
    status, output = await run_tier()

    assert status == 0, output[-3000:]
    assert "VAULTBIND_E2E_VAULT_URL names no vault" in output
    assert "passed" not in output
