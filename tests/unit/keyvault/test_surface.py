"""The public surface is what `surface.txt` and the ADR say; what docstrings say is in test_docstrings.py."""

import re
from pathlib import Path

import pytest

import vaultbind.keyvault as library
from tests.unit.keyvault.surface import render_surface

ROOT = Path(__file__).parents[3]
PINNED = Path(__file__).with_name("surface.txt")
PAGE = ROOT / "docs/adr/0015-public-surface.md"
ROW = re.compile(r"^\| `(?P<name>\w+)` \| `(?P<file>[\w/.]+)` \| `(?P<test>[\w/.]+)` \|$", re.MULTILINE)


def test_the_surface_is_the_pinned_one() -> None:
    """A change is written down on purpose: run `python -m tests.unit.keyvault.surface > .../surface.txt`."""
    assert render_surface() == PINNED.read_text()


def test_the_page_names_every_public_name() -> None:
    assert [match["name"] for match in ROW.finditer(PAGE.read_text())] == library.__all__


@pytest.mark.parametrize(
    "row", [match.groupdict() for match in ROW.finditer(PAGE.read_text())], ids=lambda row: row["name"]
)
def test_each_name_is_defined_and_tested_where_the_page_says(row: dict[str, str]) -> None:
    source = (ROOT / "operator/vaultbind/keyvault" / row["file"]).read_text()
    name = row["name"]

    definition = rf"^(class|def|async def) {name}\b|^{name}\b.* ="
    assert re.search(definition, source, re.MULTILINE), "not defined there"
    words = rf"\b({name}|{Path(row['file']).stem})\b"
    assert re.search(words, (ROOT / "tests" / row["test"]).read_text()), "neither it nor its module is there"
