"""The guide on templates: its binding makes its Secret, its filters are all, its limits are the code's."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from tests.unit.docs.pages import load
from tests.unit.rendering.objects import secret, secret_ref
from tests.unit.rendering.templates import spec_with
from vaultbind.api.binding import Template
from vaultbind.api.conditions import Reason
from vaultbind.rendering.checked import parse_checked
from vaultbind.rendering.keys import MAX_BYTES
from vaultbind.rendering.render import Rendered, render
from vaultbind.rendering.templates.budget import MOST_STEPS
from vaultbind.rendering.templates.filters import FILTERS, TESTS
from vaultbind.rendering.templates.language import MOST_PARTS
from vaultbind.rendering.templates.render import render_templates

GUIDE = load("docs/guides/templates.md")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
VALUES = {"user": b"ann", "password": b"s3cr3t/1"}


def documents() -> list[Any]:
    return [yaml.safe_load(text) for text in GUIDE.blocks("yaml")]


def test_the_binding_makes_the_secret() -> None:
    vault, binding, made, proxy = documents()
    secrets = vault["vaults"]["shop"]["secrets"]
    values = {secret_ref(name): secret(value) for name, value in secrets.items()}
    rendered = render(parse_checked(binding), values, now=NOW)
    assert isinstance(rendered, Rendered)
    assert {key: value.decode() for key, value in rendered.data.items()} == made["stringData"]
    assert parse_checked(proxy).target.type == "Opaque"


def rows() -> list[tuple[str, str, str]]:
    found = re.findall(r"^\| `(\w+)[^|]*\| [^|]* \| `(.*)` \| `(.*)` \|$", GUIDE.text, re.MULTILINE)
    return [(name, text.replace("\\|", "|"), made) for name, text, made in found]


@pytest.mark.parametrize(("name", "text", "made"), rows(), ids=[row[0] for row in rows()])
def test_examples_of_filters(name: str, text: str, made: str) -> None:
    assert f"| {name}" in text
    assert render_text(text) == made


def render_text(text: str) -> str:
    found = render_templates(spec_with(text, names=tuple(VALUES)), Template(data={"out": text}), VALUES)
    assert isinstance(found, dict)
    return found["out"].decode()


def test_every_filter_and_test_is_named() -> None:
    assert [name for name, _, _ in rows()] == list(FILTERS)
    (tests,) = re.findall(r"^Tests: (.*)\.$", GUIDE.text, re.MULTILINE)
    assert re.findall(r"`(\w+)`", tests) == list(TESTS)


def test_limits_are_told_as_they_are() -> None:
    for limit in (MOST_PARTS, MOST_STEPS, 65536):
        assert f"{limit:,}" in GUIDE.text
    assert MAX_BYTES == 2**20
    assert "1 MiB" in GUIDE.text


def test_every_reason_is_named() -> None:
    words = {reason.word for reason in Reason if reason.word.startswith("Template")}
    assert words <= set(re.findall(r"^\| `(\w+)` \|", GUIDE.text, re.MULTILINE))
