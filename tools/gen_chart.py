"""Write what the chart has twice: CRDs, the table of values in its README, descriptions in its schema.

`python -m tools.gen_chart`. The sources are `crds/` and the comments of `charts/vaultbind/values.yaml`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "vaultbind"
VALUES = CHART / "values.yaml"
SCHEMA = CHART / "values.schema.json"
README = CHART / "README.md"
TEMPLATES = CHART / "templates" / "crds"
BEGIN = "<!-- values: made from values.yaml by `make verify` -->\n"
NAME = "metadata:\n  name: {}\n"
OF_HELM = """  labels:
    {{- include "vaultbind.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of the chart: its path, such as `image.tag`, its default as JSON, its comment in one line."""

    path: str
    default: str
    comment: str


def read_values(text: str) -> Iterator[Value]:
    """Values in the order of the file. Raises ValueError for one without a comment above it."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "values.yaml is no mapping"  # noqa: S101 - for the type checker
    yield from _leaves(root, (), text.splitlines())


def _leaves(node: yaml.MappingNode, above: tuple[str, ...], lines: list[str]) -> Iterator[Value]:
    for key, value in node.value:
        path = (*above, key.value)
        comment = _comment(lines, key.start_mark.line)
        if isinstance(value, yaml.MappingNode) and value.value and not comment:
            yield from _leaves(value, path, lines)
        elif not comment:
            raise ValueError(f"values.yaml: {'.'.join(path)} has no comment above it")
        else:
            default = json.dumps(yaml.safe_load(yaml.serialize(value)))
            yield Value(path=".".join(path), default=default, comment=comment)


def _comment(lines: list[str], line: int) -> str:
    found: list[str] = []
    while line > 0 and (text := lines[line - 1].strip()).startswith("#"):
        found.insert(0, text.lstrip("# "))
        line -= 1
    return " ".join(found)


def render_crd(text: str) -> str:
    """A CRD as a template. Raises ValueError where it is not written as ours are."""
    name = yaml.safe_load(text)["metadata"]["name"]
    head = NAME.format(name)
    if text.count(head) != 1 or "{{" in text:
        raise ValueError(f"{name}: metadata is not just a name, or there are double braces")
    body = text.replace(head, head + OF_HELM)
    return "{{- if .Values.crds.install }}\n" + body.rstrip("\n") + "\n{{- end }}\n"


def render_readme(readme: str, values: str) -> str:
    """The README with a fresh table behind its marker."""
    head = readme.partition(BEGIN)[0]
    rows = [f"| `{row.path}` | `{row.default}` | {row.comment} |" for row in read_values(values)]
    return "\n".join([head + BEGIN, "| value | default | meaning |", "|---|---|---|", *rows, ""])


def render_schema(schema: str, values: str) -> str:
    """The schema with each value's comment as its description. Raises KeyError for a value that it lacks."""
    document = json.loads(schema)
    for value in read_values(values):
        _place(document, value.path.split("."))["description"] = value.comment
    return json.dumps(document, indent=2) + "\n"


def _place(schema: dict[str, Any], path: list[str]) -> dict[str, Any]:
    for step in path:
        schema = schema["properties"][step]
    return schema


def render() -> Mapping[Path, str]:
    """Every generated file and its text."""
    values = VALUES.read_text(encoding="utf-8")
    crds = {
        TEMPLATES / path.name: render_crd(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "crds").glob("*.yaml"))
    }
    return {
        **crds,
        README: render_readme(README.read_text(encoding="utf-8"), values),
        SCHEMA: render_schema(SCHEMA.read_text(encoding="utf-8"), values),
    }


def main() -> None:
    files = render()
    for path in set(TEMPLATES.glob("*.yaml")) - set(files):
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
