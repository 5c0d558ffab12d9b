"""Links lead somewhere, named places of the code and commands exist, examples are what the parsers take."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import click
import pytest
import yaml

from tests.unit.docs.pages import OPERATOR, ROOT, Page, all_pages, load
from tools import gen_rights
from tools.gen_cli_help import commands, options
from tools.realcluster.rules import rules
from vaultbind.api.binding_parser import parse_binding
from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.keyvault_parser import parse_keyvault
from vaultbind.app import startup
from vaultbind.emulator.seed import parse_seed
from vaultbind.engine.queue import WorkQueue
from vaultbind.settings import DriftDetection, RunSettings
from vaultbind.telemetry import definitions

PAGES = all_pages()
PLACE = re.compile(r"([\w./]+\.py): ([\w.]+)")
PARSERS = {
    "VaultBinding": parse_binding,
    "KeyVault": parse_keyvault,
    "ClusterKeyVault": parse_keyvault,
    "CryptoJob": parse_cryptojob,
}
NOT_OURS = {"ServiceAccount", "Secret", "ClusterRole", "Pod"}
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def by_path(page: Page) -> str:
    return page.path


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_links_lead_somewhere(page: Page) -> None:
    assert [link for link in page.links() if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Page, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (ROOT / PurePosixPath(page.path).parent / path).resolve() if path else ROOT / page.path
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or anchor in load(target.relative_to(ROOT).as_posix()).anchors()


def test_every_page_of_docs_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        links = load(path.relative_to(ROOT).as_posix()).links()
        waiting += [(path.parent / link.partition("#")[0]).resolve() for link in links if link[0] != "#"]
    assert {ROOT / page.path for page in PAGES} - reached == set()


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_named_places_of_the_code_exist(page: Page) -> None:
    named = [match.groups() for text in page.ticked() if (match := PLACE.fullmatch(text))]
    assert [place for place in named if not is_defined(*place)] == []


def test_the_architecture_names_places_of_the_code() -> None:
    assert len([text for text in load("docs/architecture.md").ticked() if PLACE.fullmatch(text)]) > 40


def is_defined(path: str, name: str) -> bool:
    """Whether a module defines a name: a function, a class, a member of one, or a constant."""
    file = next((base / path for base in (OPERATOR, ROOT) if (base / path).is_file()), None)
    if file is None:
        return False
    body: list[ast.stmt] = ast.parse(file.read_text(encoding="utf-8")).body
    for step in name.split("."):
        found = [node for node in body if step in names_of(node)]
        if not found:
            return False
        body = getattr(found[0], "body", [])
    return True


def names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


@pytest.mark.parametrize(
    ("path", "name", "defined"),
    [
        pytest.param("engine/queue.py", "WorkQueue.add", True, id="method"),
        pytest.param("engine/queue.py", "WorkQueue.lane_limit", True, id="field"),
        pytest.param("api/implemented.py", "BINDING_REFUSALS", True, id="constant"),
        pytest.param("engine/queue.py", "WorkQueue.vanished", False, id="no-such-method"),
        pytest.param("engine/vanished.py", "WorkQueue", False, id="no-such-file"),
    ],
)
def test_a_place_is_found_exactly_where_it_is(path: str, name: str, defined: bool) -> None:
    assert is_defined(path, name) is defined


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_named_paths_exist(page: Page) -> None:
    """Paths in backticks that begin with one of our folders."""
    folders = "bench|charts|crds|deploy|docs|examples|operator|tests|tools"
    named = [text for text in page.ticked() if re.fullmatch(rf"(?:{folders})/[\w./-]+", text)]
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_make_targets_exist(page: Page) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [name for line in page.commands() for name in re.findall(r"^make ([a-z0-9-]+)", line)]
    assert [name for name in named if name not in targets] == []


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_our_commands_and_their_flags_exist(page: Page) -> None:
    known = commands()
    named = [
        (longest(match[1].split(), known), flag)
        for line in page.commands()
        if (match := re.search(r"(?:^|/)vaultbind ((?:[a-z]+ ?)+)(.*)", line))
        and match[1].split()[0] in known
        for flag in re.findall(r"(?<![\w-])--[a-z-]+", match[2])
    ]
    assert [(name, flag) for name, flag in named if flag not in flags(known[name])] == []


def longest(words: list[str], known: dict[str, click.Command]) -> str:
    """The command that words begin with, as far down as there are subcommands."""
    return next(name for count in range(len(words), 0, -1) if (name := " ".join(words[:count])) in known)


def flags(command: click.Command) -> set[str]:
    found = {flag for option, _ in options(command) for flag in (*option.opts, *option.secondary_opts)}
    return found | {"--help"}


@pytest.mark.parametrize("path", ["docs/adr/0007-lanes.md", "docs/architecture.md", "docs/operate.md"])
def test_the_limit_of_a_lane_is_told_as_it_is(path: str) -> None:
    limit = WorkQueue[str](lane_of=str).lane_limit
    assert f"t most {limit} " in load(path).text


def manifests() -> Iterator[Any]:
    for page in PAGES:
        for number, text in enumerate(page.manifests()):
            yield pytest.param(text, id=f"{page.path}-{number}")


@pytest.mark.parametrize("text", list(manifests()))
def test_every_manifest_is_accepted(text: str) -> None:
    for obj in yaml.safe_load_all(text):
        if "kind" not in obj:
            parse_seed(text, NOW)
        elif obj["kind"] not in NOT_OURS:
            PARSERS[obj["kind"]](obj)


def test_every_reason_of_trouble_has_its_advice_and_no_other_word_is_told() -> None:
    told = set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?`) \|", troubleshooting(), re.MULTILINE)))
    )
    assert told == {reason.word for reason in Reason} - GOOD


def troubleshooting() -> str:
    return load("docs/operate.md").text.partition("## Troubleshooting by reason\n")[2].partition("\n## ")[0]


GOOD = {
    *("Completed", "Connected", "Recreated", "Repaired", "Restarted", "Resumed", "Rotated"),
    *("KeyRotated", "RotationPolicySet", "RotationNotDue", "Running", "Synced", "Updated", "Valid"),
}
"""Reasons that nobody has to do anything about."""


def test_metrics_of_the_alerts_exist() -> None:
    known = {item.name for item in definitions.ALL}
    named = set(re.findall(r"\bvaultbind_\w+", load("docs/operate.md").text))
    assert len(named) > 3
    assert named - known == set()


def test_the_table_of_rights_is_fresh() -> None:
    text = load("docs/security.md").text
    assert gen_rights.render(text) == text, "run `make verify`"
    for row in ("| create | `events` |", "| the broker | create | `tokenreviews`"):
        assert row in text
        assert gen_rights.render(text.replace(row, "")) == text


@pytest.mark.parametrize("drift", ["Watch", "Get"])
@pytest.mark.parametrize("scope", ["Cluster", "Namespaces"])
def test_the_operator_checks_at_its_start_for_what_the_chart_grants(drift: str, scope: str) -> None:
    """Place by place: everywhere, in namespace `a`, in `default`, in the namespace of the Lease."""
    namespaces = ("a",) if scope == "Namespaces" else ()
    settings = RunSettings(namespaces=namespaces, drift_detection=DriftDetection(drift))
    checked = {
        (place, right.resource.group, f"{right.resource.plural}/{right.subresource}".rstrip("/"), right.verb)
        for right, place in startup.rights_of(settings, "own")
    }
    places = {"namespaces": "a" if namespaces else "", "cluster": "", "default": "default", "own": "own"}
    granted = {
        (place, *right)
        for where, place in places.items()
        for right in by_resource(rules(where, scope=scope, drift=drift))
    }
    assert granted == checked


def by_resource(granted: Any) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in granted
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
