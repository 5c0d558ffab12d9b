"""Who may import whom: import-linter's contracts, and what they are too coarse to say."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, Module, listing, modules

STDLIB = sys.stdlib_module_names
DOES_IO = {
    *("aiohttp", "asyncio", "azure", "http", "kopf", "multiprocessing", "os", "pathlib"),
    *("prometheus_client", "random", "select", "selectors", "shutil", "socket", "ssl", "subprocess"),
    *("tempfile", "threading", "time", "urllib.request"),
}
PURE = ("vaultbind.api", "vaultbind.rendering", "vaultbind.keyvault.certs")
PURE_STEPS = ("plan", "report")
"""Modules of these names in a room are the pure steps of its four."""


def test_contracts_of_import_linter_are_kept() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_keyvault_imports_nothing_of_vaultbind_but_http1() -> None:
    found = foreign(below("vaultbind.keyvault"), ours="vaultbind.keyvault")
    assert [row for row in found if not row[1].startswith("vaultbind.http1")] == []


def test_http1_imports_nothing_else_of_vaultbind() -> None:
    assert foreign(below("vaultbind.http1"), ours="vaultbind.http1") == []


def test_the_simulation_needs_of_azure_only_its_core() -> None:
    found = [
        (module.path, name)
        for module in below("vaultbind.keyvault.simulation")
        for name in module.imports()
        if name.startswith("azure") and not name.startswith("azure.core")
    ]
    assert not found, listing(found)


def test_api_imports_only_itself_and_the_standard_library() -> None:
    found = [
        (module.path, name)
        for module in below("vaultbind.api")
        for name in module.imports()
        if name.split(".")[0] not in STDLIB and not name.startswith("vaultbind.api")
    ]
    assert not found, listing(found)


def test_the_agent_is_standard_library_only_and_named_by_injection_alone() -> None:
    agent = [
        (module.path, name)
        for module in below("vaultbind.agent")
        for name in module.imports()
        if name.split(".")[0] not in STDLIB and not name.startswith("vaultbind.agent")
    ]
    users = [
        module.path
        for module in modules("operator")
        if not module.is_below("vaultbind.agent", "vaultbind.injection")
        if any(name.startswith("vaultbind.agent") for name in module.imports())
    ]
    assert (agent, users) == ([], [])


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_do_no_io(package: str) -> None:
    assert impure(below(package)) == []


def test_pure_steps_of_a_room_do_no_io() -> None:
    assert (
        impure([module for module in modules("operator") if module.name.split(".")[-1] in PURE_STEPS]) == []
    )


def test_operator_is_a_source_root_and_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists(), "it would shadow the standard library's operator"


def below(package: str) -> list[Module]:
    return [module for module in modules("operator") if module.is_below(package)]


def foreign(found: list[Module], *, ours: str) -> list[tuple[str, str]]:
    return [
        (module.path, name)
        for module in found
        for name in module.imports()
        if name.split(".")[0] == "vaultbind"
        and name != "vaultbind.__version__"
        and not f"{name}.".startswith(f"{ours}.")
    ]


def impure(found: list[Module]) -> list[tuple[str, str]]:
    return [
        (module.path, name)
        for module in found
        for name in module.imports()
        if any(f"{name}.".startswith(f"{io}.") for io in DOES_IO)
    ]
