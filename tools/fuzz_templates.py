"""Templates that grow from a grammar, some of them bent, over values that nobody would choose."""

import base64
from random import Random
from typing import Final

from tools.fuzz_json import draw_text
from vaultbind.api.binding import BindingSpec, DataEntry, SecretSource, Target, Template
from vaultbind.api.refs import ObjectKey
from vaultbind.rendering.problems import RenderProblem
from vaultbind.rendering.templates.filters import FILTERS, TESTS
from vaultbind.rendering.templates.render import check_templates, render_templates

CANARY: Final = "cAnary-7f3e1"
KEYS: Final = ("user", "config", "odd", "bin", "big", "a-b")
USUAL: Final = ("user", "config", "odd", "'a'", "1", "true", "[1, 'b']", "(config | fromjson)", "[user, 1]")
NAMES: Final = (*KEYS[:5], "gone", "x", "item", "values", "loop", "self", "nope", "none")
OPERATORS: Final = (
    *(" + ", " - ", " * ", " / ", " // ", " % ", " ~ ", " == ", " != ", " < ", " >= "),
    *(" in ", " not in ", " and ", " or ", " is ", " ** ", ", ", ": "),
)
LITERALS: Final = (
    *("0", "1", "-3", "1.5", "1e308", "9" * 30, "true", "none", "''", "'a'", "'{{'", r"'\ud800'", r"'\d'"),
    *("[]", "{}", "{'a': [1]}", "[1, 'b']", "range(9)", "x.y", "user[0]", 'values["a-b"]', "().__class__"),
)
Given = tuple[str, dict[str, bytes]]


class ProblemFoundError(Exception):
    """A template that cannot be rendered with these values: taken for a refusal."""


class LeakError(Exception):
    """A message that has a part of a value in it."""


def draw_template(draw: Random) -> Given:
    """A template and the values of a binding's keys."""
    text = "".join(_statement(draw, draw.randrange(4)) for _ in range(draw.randint(1, 3)))
    for _ in range(draw.choice((0, 0, 0, 0, 0, 0, 1, 3))):
        at = draw.randrange(len(text) + 1)
        text = (
            text[:at]
            + draw.choice(("{{", "%}", "(", "]", "'", " | ", "\0", "", draw_text(draw)))
            + text[at + 1 :]
        )
    values = {
        "user": CANARY.encode(),
        "config": f'{{"{CANARY}": ["{CANARY}", 1, null, {{"b": 1.50}}]}}'.encode(),
        "odd": draw_text(draw).encode("utf-8", "replace"),
        "bin": b"\xff" + CANARY.encode(),
        "big": draw.choice((b"1,", b"{{", b"\n", "ä".encode())) * draw.choice((1, 10, 100_000)),
        "a-b": base64.b64encode(CANARY.encode()),
    }
    return text, values


def _statement(draw: Random, depth: int) -> str:
    """One to a few statements; what is inside grows shallower."""
    kind = draw.random()
    if depth == 0 or kind < 0.5:
        return draw.choice(("{{{{ {} }}}}", "{{{{- {} -}}}}", "a\n{{{{ {} }}}}\n")).format(
            _expression(draw, depth)
        )
    inside = "".join(_statement(draw, depth - 1) for _ in range(draw.randint(1, 3)))
    if kind < 0.65:
        return f"{{% if {_expression(draw, depth)} %}}{inside}{{% else %}}{inside}{{% endif %}}"
    if kind < 0.85:
        return f"{{% for item in {_expression(draw, depth)} %}}{inside}{{{{ loop.index }}}}{{% endfor %}}"
    if kind < 0.97:
        return f"{{% set x = {_expression(draw, depth)} %}}{inside}"
    return draw.choice(
        ("{% macro x() %}{% endmacro %}", "{% include user %}", "{# {{ #}", "{% raw %}{{{% endraw %}")
    )


def _expression(draw: Random, depth: int) -> str:
    """Names, literals, and what can be made of them."""
    kind = draw.random()
    if depth <= 0 or kind < 0.35:
        return draw.choice(draw.choice((USUAL, USUAL, USUAL, USUAL, USUAL, USUAL, NAMES, LITERALS)))
    inner = _expression(draw, depth - 1)
    if kind < 0.6:
        arguments = draw.choice(
            ("", "", "", f"({_expression(draw, 0)})", f"({_expression(draw, 0)}, {inner})")
        )
        return f"({inner} | {draw.choice(list(FILTERS))}{arguments})"
    if kind < 0.7:
        return f"({inner} is {draw.choice(list(TESTS))})"
    if kind < 0.9:
        return f"({inner}{draw.choice(OPERATORS)}{_expression(draw, depth - 1)})"
    return draw.choice(("[{}, {}]", "{{'a': {}, 'b': {}}}", "({} if {} else 1)", "({})[{}]")).format(
        inner, _expression(draw, depth - 1)
    )


def render_template(given: Given) -> bytes:
    """Render as a binding does. Raises SpecError, ProblemFoundError; LeakError is a bug."""
    text, values = given
    template = Template(data={"out": text})
    spec = BindingSpec(
        vault=ObjectKey("KeyVault", "shop", "kv"),
        target=Target(name="app", type="Opaque", template=template),
        data=tuple(DataEntry(key=key, source=SecretSource(name="a")) for key in (*KEYS, "gone")),
    )
    check_templates(spec)
    made = render_templates(spec, template, values)
    if not isinstance(made, RenderProblem):
        return made["out"]
    if CANARY in repr(made):
        raise LeakError(made)
    raise ProblemFoundError(made)
