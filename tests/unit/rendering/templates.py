"""Bindings with templates, and what comes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from tests.unit.rendering.objects import spec_of
from vaultbind.api.binding import BindingSpec, Keep, SecretSource, Target, Template
from vaultbind.rendering.problems import RenderProblem
from vaultbind.rendering.templates.render import check_templates, render_templates

CANARY = "cAnary-7f3e1"
DATA: Mapping[str, bytes] = {
    "user": b"ann",
    "password": b"p@ss w/rd",
    "db-password": b"dash",
    "canary": CANARY.encode(),
    "config": b'{"host": "h", "ports": [1, 2, 3], "none": null, "on": true, "cAnary-7f3e1": 1, "f": 1.5}',
    "bin": b"\xff\xfe",
    "big": b"x" * 500_000,
    "self": b"own",
    "values": b"all",
    "loop": b"outside",
    "lines": b"a\n\nb",
}
"""Keys that are there; `gone` is one that the binding names and that is not."""


def spec_with(*texts: str, keep: Keep = Keep.NONE, names: tuple[str, ...] = (*DATA, "gone")) -> BindingSpec:
    entries = [(name, SecretSource(name="any")) for name in names]
    template = Template(data={f"out{number or ''}": text for number, text in enumerate(texts)}, keep=keep)
    return replace(spec_of(*entries), target=Target(name="app", type="Opaque", template=template))


def outcome(text: str, data: Mapping[str, bytes] = DATA) -> bytes | RenderProblem:
    spec = spec_with(text)
    check_templates(spec)
    template = spec.target.template
    assert template is not None
    made = render_templates(spec, template, data)
    return made["out"] if isinstance(made, dict) else made


@dataclass(frozen=True)
class Row:
    name: str
    text: str
    told: str


def rows(*given: tuple[str, str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [Row(*item) for item in given], ids=lambda row: row.name)


TEN = "{% set l = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] %}"


def nested(depth: int, body: str) -> str:
    """Loops in loops, ten turns each."""
    return TEN + "{% for a in l %}" * depth + body + "{% endfor %}" * depth
