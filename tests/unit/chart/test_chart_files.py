"""What of the chart can be judged without helm: values, their comments, the schema, the copies."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import vaultbind
from tools import gen_chart
from tools.gen_chart import CHART, ROOT, SCHEMA, VALUES, read_values, render_crd
from tools.realcluster.rules import load_injection_rights, load_rights

FILES = gen_chart.render()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_generated_files_are_fresh(path: Path) -> None:
    assert path.read_text() == FILES[path], "run `make verify`"


def test_no_crd_of_the_chart_is_left_over() -> None:
    assert {path.name for path in gen_chart.TEMPLATES.iterdir()} == {
        path.name for path in (ROOT / "crds").iterdir()
    }


def test_the_chart_is_of_the_version_of_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (vaultbind.__version__,) * 2


def test_the_schema_is_strict_and_knows_exactly_the_values() -> None:
    schema, values = json.loads(SCHEMA.read_text()), yaml.safe_load(VALUES.read_text())
    assert set(schema["properties"]) - set(values) == {"global"}  # Helm's own
    assert loose(schema, values) == []


def loose(schema: dict[str, Any], values: dict[str, Any], path: str = "") -> list[str]:
    """Places of values that the schema leaves open or does not know."""
    found = [] if schema.get("additionalProperties") is False else [path or "top"]
    for name, value in values.items():
        inner = schema["properties"].get(name)
        if inner is None:
            found.append(f"{path}{name}")
        elif isinstance(value, dict) and value and "properties" in inner:
            found += loose(inner, value, f"{path}{name}.")
    return found


def test_every_value_tells_what_it_is_in_readme_and_schema() -> None:
    readme, schema = (CHART / "README.md").read_text(), SCHEMA.read_text()
    values = list(read_values(VALUES.read_text()))
    assert len(values) > 40
    assert [value.path for value in values if f"| `{value.path}` |" not in readme] == []
    assert [value.path for value in values if json.dumps(value.comment) not in schema] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# one\na: 1\n", [("a", "1", "one")]),
        ("# one\n# two\na: x\n", [("a", '"x"', "one two")]),
        ("a:\n  # deep\n  b: []\n", [("a.b", "[]", "deep")]),
        ("# whole\na:\n  b: 1\n", [("a", '{"b": 1}', "whole")]),
        ("# head\n\n# one\na: {}\n", [("a", "{}", "one")]),
    ],
)
def test_values_are_read_with_their_comments(text: str, found: list[tuple[str, str, str]]) -> None:
    assert [(value.path, value.default, value.comment) for value in read_values(text)] == found


@pytest.mark.parametrize("text", ["a: 1\n", "a:\n  b: 1\n", "# far\n\na: 1\n", "a: {}\n"])
def test_a_value_without_a_comment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has no comment above it"):
        list(read_values(text))


@pytest.mark.parametrize(
    "text", ["metadata:\n  name: a\nspec: '{{ x }}'\n", "metadata:\n  labels: {}\n  name: a\n"]
)
def test_a_crd_that_is_written_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a: metadata is not just a name"):
        render_crd(text)


def test_every_right_has_its_reason_and_nothing_but_what_the_template_knows() -> None:
    known = {"group", "resources", "verbs", "where", "why", "scope", "drift", "rollouts", "named"}
    for right in load_rights():
        assert right["why"]
        assert set(right) <= known
        assert right["where"] in {"namespaces", "cluster", "default", "own", "tokens"}
        assert right.get("scope", "Cluster") in {"Cluster", "Namespaces"}
        assert right.get("drift", "Watch") in {"Watch", "Get"}
        assert right.get("rollouts", True) is True
        assert right.get("named", "lease") == "lease"


def test_every_right_of_injection_has_its_reason_and_nothing_but_what_the_template_knows() -> None:
    for right in load_injection_rights():
        assert right["why"]
        assert set(right) <= {"who", "group", "resources", "verbs", "where", "why", "podAuth", "named"}
        assert right["who"] in {"webhook", "broker", "operator", "pods"}
        assert right["where"] in {"cluster", "own", "credentials"}
        assert right.get("podAuth", True) is True
        assert right.get("named", "secret") in {"fullname", "secret"}
