"""The library's page: every example runs and prints what the page says; its tables are the code's."""

import ast
import asyncio
import inspect
import logging
import re
from dataclasses import replace
from datetime import timedelta
from operator import attrgetter

import pytest

from tests.unit.docs.pages import load
from vaultbind.keyvault import CacheConfig, KeyVaultClient, KeyVaultConfig, MockKeyVaultClient, environment
from vaultbind.keyvault.envelope import form
from vaultbind.keyvault.transport.identity_variables import CREDENTIAL_VARIABLES

PAGE = load("docs/library.md")
_EXAMPLE = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)


EXAMPLES: list[tuple[str, str]] = _EXAMPLE.findall(PAGE.text)


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> None:
    """`KeyVaultClient.from_env()` connects to a simulated vault that has what earlier examples made."""

    def from_env() -> MockKeyVaultClient:
        client = MockKeyVaultClient()
        client.vault.create_key("orders", key_type="RSA", size=2048)
        return client

    monkeypatch.setattr(KeyVaultClient, "from_env", staticmethod(from_env))


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
@pytest.mark.usefixtures("vault")
def test_examples_print_what_the_page_says(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = EXAMPLES[number]
    compiled = compile(code, f"example {number + 1}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def run() -> None:
        # the examples are our own page
        outcome = eval(compiled, {"__name__": "example"})
        if inspect.isawaitable(outcome):
            await outcome

    level = logging.getLogger("vaultbind.vault").level
    asyncio.run(run())
    logging.getLogger("vaultbind.vault").setLevel(level)
    assert capsys.readouterr().out == printed


def test_there_are_examples_of_what_was_promised() -> None:
    text = "".join(code for code, _ in EXAMPLES)
    for promised in (
        "RotationHandler",
        "keys.decrypt(",
        "envelope_decrypt",
        "replay(",
        "CacheConfig",
        "fail_next",
        "FederatedIdentity(",
        "with_private_key()",
        "health_check()",
        "backup_secret(",
        "recover_deleted_secret(",
        "purge_deleted_secret(",
        "open_public_key(",
        "SharedTransport(",
        "build_credential(",
        "cache_stats",
        "MockHttpTransport(",
    ):
        assert promised in text
    assert len(EXAMPLES) == len(PAGE.blocks("python"))


def test_the_envelopes_bytes_are_described_as_in_the_code() -> None:
    rows = [line for line in (form.__doc__ or "").splitlines() if line.startswith("|")]

    assert len(rows) == 12
    assert "\n".join(rows) in PAGE.text


def test_the_table_of_variables_is_the_codes() -> None:
    usual = replace(KeyVaultConfig(vault_url="https://shop.vault.azure.net"), cache=CacheConfig())
    rows = [
        f"| {_tell_names(variable)} | {variable.meaning} | {_tell_default(variable.path, usual)} |"
        for variable in environment.VARIABLES
    ]
    rows += [f"| `{name}` | {meaning} | " for name, meaning in CREDENTIAL_VARIABLES.items()]

    assert [row for row in rows if row not in PAGE.text] == []
    named = re.findall(r"^\| `(VAULTBIND_KEYVAULT_\w+)`", PAGE.text, re.MULTILINE)
    assert len(named) == len(rows), "none is there twice, and none that is not known"


def _tell_names(variable: environment.Variable) -> str:
    return f"`{variable.name}`" + (f" or `{variable.azure}`" if variable.azure else "")


def _tell_default(path: str, config: KeyVaultConfig) -> str:
    """The default as it is written in a variable."""
    value = attrgetter(path)(config)
    match value:
        case None | ():
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(f"{item.days}d" if isinstance(item, timedelta) else item for item in value)
        case float():
            return f"{value:g}"
    return str(value)
