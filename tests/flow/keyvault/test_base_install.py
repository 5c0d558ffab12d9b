"""What works without the extra `operator`: a fresh interpreter that finds only what the base install brings.

An install of its own would take a minute and a package index; here the other packages are hidden instead.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

HIDE = """
import sys
from importlib.machinery import PathFinder

class Base:
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else PathFinder.find_spec(name, path, target)

HIDDEN = frozenset(HIDDEN_NAMES)
sys.meta_path[:] = [Base() if finder is PathFinder else finder for finder in sys.meta_path]
"""


def closure(distribution: str, seen: set[str]) -> set[str]:
    """Names of the distributions that come along, extras left out."""
    if distribution in seen:
        return seen
    seen.add(distribution)
    for line in requirements(distribution):
        closure(line, seen)
    return seen


def requirements(distribution: str) -> Iterator[str]:
    try:
        lines = requires(distribution) or []
    except PackageNotFoundError:
        return  # for another Python or platform
    for line in lines:
        if "extra ==" not in line:
            yield normal(re.split(r"[ ;<>=!~\[(]", line, maxsplit=1)[0])


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def hidden() -> list[str]:
    """Top-level packages that the base install does not bring."""
    base = closure("vaultbind", set())
    return [
        package
        for package, owners in packages_distributions().items()
        if not {normal(owner) for owner in owners} & base and re.fullmatch(r"[A-Za-z_]\w*", package)
    ]


def run(hidden: list[str], code: str) -> subprocess.CompletedProcess[str]:
    program = HIDE.replace("HIDDEN_NAMES", repr(hidden)) + code
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_the_extra_is_hidden_and_the_base_is_not(hidden: list[str]) -> None:
    assert {"kopf", "prometheus_client"} <= set(hidden)
    assert not {"aiohttp", "azure", "cryptography", "orjson", "click", "rich"} & set(hidden)
    assert run(hidden, "import kopf").returncode != 0


MODULES = """
import importlib, pkgutil
import vaultbind.PACKAGE as package
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""


@pytest.mark.parametrize("package", ["keyvault", "emulator"])
def test_every_module_of_the_base_can_be_imported(hidden: list[str], package: str) -> None:
    ended = run(hidden, MODULES.replace("PACKAGE", package))

    assert ended.returncode == 0, ended.stderr


READ = """
import asyncio
import vaultbind.keyvault as library
from vaultbind.keyvault.simulation import Estate
from vaultbind.keyvault.simulation.transport import SimulatedCredential, SimulatedTransport
estate = Estate()
estate.driver("shop").set_secret("db", "it works")
credential = SimulatedCredential(estate)
config = library.KeyVaultConfig(vault_url="https://shop.vault.azure.net", credential=credential)
client = library.KeyVaultClient(config, transport=SimulatedTransport(estate))
print(asyncio.run(client.get_secret("db")).value.expose_secret())
"""


def test_a_secret_is_read(hidden: list[str]) -> None:
    assert run(hidden, READ).stdout == "it works\n"


def command(*arguments: str) -> str:
    words = ["vaultbind", *arguments]
    return f"import sys; sys.argv = {words!r}\nfrom vaultbind.cli.main import main\nmain()"


def test_the_emulator_is_there_and_the_operator_says_what_it_needs(hidden: list[str]) -> None:
    assert "--port" in run(hidden, command("emulator", "--help")).stdout
    refused = run(hidden, command("run"))
    assert refused.returncode != 0
    assert "vaultbind[operator]" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_wheel_declares_what_is_used() -> None:
    text = Path(__file__).parents[3].joinpath("pyproject.toml").read_text()

    assert re.search(r'^operator = \[.*"kopf', text, re.MULTILINE)
