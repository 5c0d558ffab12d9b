"""The library's page: every example runs and prints what the page says; its tables are the code's."""

import ast
import asyncio
import inspect
import logging
import re

import pytest

from tests.unit.docs.pages import load
from vaultbind.keyvault import KeyVaultClient, MockKeyVaultClient, environment
from vaultbind.keyvault.envelope import form

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
    ):
        assert promised in text
    assert len(EXAMPLES) == len(PAGE.blocks("python"))


def test_the_envelopes_bytes_are_described_as_in_the_code() -> None:
    rows = [line for line in (form.__doc__ or "").splitlines() if line.startswith("|")]

    assert len(rows) == 12
    assert "\n".join(rows) in PAGE.text


def test_every_variable_is_named() -> None:
    for variable in environment._NAMES:
        short = "..." + variable.removeprefix("VAULTBIND_KEYVAULT")
        assert f"`{variable}`" in PAGE.text or f"`{short}`" in PAGE.text, variable
