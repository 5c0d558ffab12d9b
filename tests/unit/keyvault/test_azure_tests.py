"""Every public operation has a test against a real vault: read from the tests' source, no vault needed."""

import ast
import inspect
from pathlib import Path

import pytest

from vaultbind.keyvault import (
    CertificatesService,
    Envelopes,
    ExpiryMonitor,
    KeysService,
    KeyVaultClient,
    LocalPublicKey,
    SecretsService,
)

FOLDER = Path(__file__).parents[2] / "azure"
OWNERS: dict[str, type] = {
    "client": KeyVaultClient,
    "secrets": SecretsService,
    "keys": KeysService,
    "certificates": CertificatesService,
    "envelopes": Envelopes,
    "local": LocalPublicKey,
    "monitor": ExpiryMonitor,
}
"""By the word before the dot, as the tests call them: `client.secrets.get_secret`, `secrets.get_secret`."""
WITHOUT_A_VAULT = {
    "client.aclose": "every fixture awaits it",
    "client.builder": "asks nothing",
    "client.from_env": "KeyVaultConfig.from_env makes what it makes",
    "client.new": "asks nothing",
    "monitor.register": "client.register_rotation_handler calls it",
}
"""Operations without a test there, and why."""


def operations() -> set[str]:
    """All public methods, as `owner.method`."""
    return {
        f"{owner}.{name}"
        for owner, cls in OWNERS.items()
        for name, _ in inspect.getmembers(cls, inspect.isroutine)
        if not name.startswith("_") and name != "mro"
    }


def calls_in(source: str) -> set[str]:
    """What is called or handed on within the tests' own functions, as `owner.method`."""
    tests = [node for node in ast.parse(source).body if isinstance(node, ast.AsyncFunctionDef)]
    found = [
        node
        for test in tests
        if test.name.startswith("test_")
        for node in ast.walk(test)
        if isinstance(node, ast.Attribute)
    ]
    return {f"{ast.unparse(node.value).rpartition('.')[2]}.{node.attr}" for node in found}


def test_every_operation_has_a_test_against_a_real_vault() -> None:
    called = set().union(*(calls_in(path.read_text(encoding="utf-8")) for path in FOLDER.glob("test_*.py")))

    missing = operations() - called - WITHOUT_A_VAULT.keys()
    assert not missing, f"write a test in tests/azure for {sorted(missing)}"


def test_the_exceptions_exist_and_are_needed() -> None:
    assert operations() >= WITHOUT_A_VAULT.keys()


SOURCES = {
    "a call": ("async def test_x(client): await client.secrets.get_secret('a')", {"secrets.get_secret"}),
    "by another name": ("async def test_x(keys): await keys.get_key('a')", {"keys.get_key"}),
    "in a loop": ("async def test_x(keys):\n [x async for x in keys.list_keys()]", {"keys.list_keys"}),
    "in a comment": ("async def test_x(keys):\n '''keys.get_key'''", set()),
    "outside of a test": ("async def helper(keys): await keys.get_key('a')", set()),
}


@pytest.mark.parametrize(("source", "found"), SOURCES.values(), ids=SOURCES)
def test_only_what_tests_call_counts(source: str, found: set[str]) -> None:
    assert calls_in(source) & operations() == found
