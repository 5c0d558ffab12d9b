"""The guide shows pods as they are, and names every annotation, threat and right that there is."""

import re
from typing import Any

import pytest
import yaml

from tests.unit.docs.pages import ROOT, load
from tests.unit.injection.pods import make_pod
from vaultbind.api.binding_parser import parse_binding
from vaultbind.injection import names
from vaultbind.injection.annotations import (
    DEFAULT_FILE_MODE,
    DEFAULT_MOUNT_PATH,
    MOST_BINDINGS,
    Wish,
    parse_wish,
)
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.facts import Installation, keys_of
from vaultbind.injection.identity import ROLE
from vaultbind.injection.mutate import mutate
from vaultbind.injection.sources import LONGEST

GUIDE = load("docs/guides/injection.md")
SECURITY = load("docs/guides/injection-security.md")
INSTALLATION = Installation(
    image="ghcr.io/vaultbind/vaultbind:0.1.0",
    broker_url="https://vaultbind-broker.vaultbind-system.svc:8443",
    broker_ca="PEM of the authority",
    env_files=True,
)


def documents() -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for text in GUIDE.blocks("yaml")]


def test_the_pod_after_is_what_the_webhook_makes_of_the_pod_before() -> None:
    binding, before, after = documents()
    keys = keys_of(parse_binding(binding))
    mutation = mutate(before, INSTALLATION, {binding["metadata"]["name"]: keys})

    assert mutation is not None
    assert mutation.warnings == ()
    assert mutation.pod == after


def test_every_annotation_has_its_row() -> None:
    table = GUIDE.text.partition("## Annotations")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)

    assert {f"vaultbind.dev/{row}" for row in rows} == set(names.ASKED)
    for default in (DEFAULT_MOUNT_PATH, f"{DEFAULT_FILE_MODE:04o}", f"at most {MOST_BINDINGS}"):
        assert default in table


NOT_LITERAL = {
    "an interval of 5s to 1d": "90s",
    "an absolute path": "/secrets",
    "names, separated by commas": "web",
    "names, separated by commas; at most 16": "shop-db, shop-tls",
}
"""What the table says in words, by an example."""
BESIDE = {
    "on-change": {"refresh": "on"},
    "env-source": {"mode": "env"},
}
"""What an annotation needs beside it."""


def documented() -> dict[str, list[str]]:
    """Each annotation of the table with its values; what is said in words becomes an example."""
    table = GUIDE.text.partition("## Annotations")[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    for name, values in re.findall(r"^\| `([a-z-]+)` \| (.+?) \| ", table, re.MULTILINE):
        found[name] = [value.replace("PROCESS", "nginx") for value in re.findall(r"`([^`]+)`", values)]
        found[name] += [text for words, text in NOT_LITERAL.items() if words in values]
    return found


def parse(name: str, value: str) -> Wish:
    given = {"bindings": "shop-db", **BESIDE.get(name, {}), name: value}
    return parse_wish(make_pod(given)["metadata"])


CASES = [(name, value) for name, values in documented().items() for value in values]


def test_the_table_says_what_each_annotation_may_be() -> None:
    assert {name for name, values in documented().items() if values} == {
        name.partition("/")[2] for name in names.ASKED
    }


@pytest.mark.parametrize(("name", "value"), CASES, ids="{0[0]}: {0[1]}".format)
def test_every_documented_value_is_accepted(name: str, value: str) -> None:
    parse(name, value)


WRONG = ["", "?", "no/such", "ON", "files,,env", "A" * 300]
EMPTY_IS_FINE = ("containers", "")
"""As if it were not there."""
MISTAKES = [(name, value) for name in documented() for value in WRONG if (name, value) != EMPTY_IS_FINE]


@pytest.mark.parametrize(("name", "value"), MISTAKES)
def test_a_mistake_in_any_of_them_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(InjectionError) as caught:
        parse(name, value)
    assert str(caught.value).startswith(f"annotation vaultbind.dev/{name} ")


@pytest.mark.parametrize("name", documented())
def test_one_misspelt_is_refused_with_the_right_one(name: str) -> None:
    with pytest.raises(InjectionError, match=rf"vaultbind\.dev/{name[:-1]} is not known; .*dev/{name}\?$"):
        parse(name[:-1], "x")


@pytest.mark.parametrize(("name", "needs"), BESIDE.items(), ids=BESIDE)
def test_one_that_needs_another_names_both(name: str, needs: dict[str, str]) -> None:
    value = documented()[name][-1]
    with pytest.raises(InjectionError) as caught:
        parse_wish(make_pod({"bindings": "shop-db", name: value})["metadata"])
    assert f"vaultbind.dev/{name} needs vaultbind.dev/{next(iter(needs))}" in str(caught.value)


def test_how_much_an_agent_can_be_told_is_told() -> None:
    assert f"{LONGEST:,} bytes at most" in GUIDE.text


def test_the_command_names_the_role_of_the_chart() -> None:
    assert f"--clusterrole {ROLE} " in GUIDE.text


def test_every_threat_has_a_test_and_every_test_its_row() -> None:
    source = load("tests/apiserver/injection/test_broker.py").text
    tests = set(re.findall(r"^async def test_threat_(\w+)", source, re.MULTILINE))
    table = SECURITY.text.partition("## Threats")[2].partition("\n## ")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.rpartition(" | ")[2])}

    assert named == tests


@pytest.mark.parametrize(
    ("title", "least"), [("Pods that ask vaults as themselves", 5), ("Whoever reaches the webhook", 3)]
)
def test_every_threat_of_the_other_tables_names_a_test_that_there_is(title: str, least: int) -> None:
    """Words in backticks are parts of a test's name, or the id of a case."""
    table = SECURITY.text.partition(f"## {title}")[2].partition("\n## ")[0]
    cells = [row.split(" | ")[-1].rstrip("| ") for row in table.splitlines() if row.startswith("| ")][1:]
    source = "".join(load(f"tests/unit/injection/test_{part}.py").text for part in ("pod_auth", "reviews"))
    named = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]

    assert len(named) >= least
    for name in named:
        assert (ROOT / name).is_file() if "/" in name else name in source, name
