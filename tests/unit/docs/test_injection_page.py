"""The guide shows pods as they are, and names every annotation, threat and right that there is."""

import re
from typing import Any

import yaml

from tests.unit.docs.pages import load
from vaultbind.api.binding_parser import parse_binding
from vaultbind.injection import names
from vaultbind.injection.annotations import DEFAULT_FILE_MODE, DEFAULT_MOUNT_PATH, MOST_BINDINGS
from vaultbind.injection.facts import Installation, keys_of
from vaultbind.injection.identity import ROLE
from vaultbind.injection.mutate import mutate

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


def test_the_command_names_the_role_of_the_chart() -> None:
    assert f"--clusterrole {ROLE} " in GUIDE.text


def test_every_threat_has_a_test_and_every_test_its_row() -> None:
    source = load("tests/apiserver/injection/test_broker.py").text
    tests = set(re.findall(r"^async def test_threat_(\w+)", source, re.MULTILINE))
    table = SECURITY.text.partition("## Threats")[2].partition("\n## ")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.rpartition(" | ")[2])}

    assert named == tests
