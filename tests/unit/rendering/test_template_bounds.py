"""Templates: what bombs cost, and what holds for every text and every value."""

import json
import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rendering.objects import NOW, secret, secret_ref
from tests.unit.rendering.templates import DATA, nested, outcome, spec_with
from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.errors import SpecError
from vaultbind.rendering.keys import MAX_BYTES
from vaultbind.rendering.problems import EntryError, RenderProblem
from vaultbind.rendering.render import render
from vaultbind.rendering.templates import language
from vaultbind.rendering.templates.budget import MOST_STEPS, Budget
from vaultbind.rendering.templates.filters import FILTERS, TESTS
from vaultbind.rendering.templates.language import SANDBOX, compile_template
from vaultbind.rendering.templates.render import _render, check_templates, render_templates
from vaultbind.rendering.templates.values import render_names

UNDEFINED, FAILED = Reason.TEMPLATE_UNDEFINED, Reason.TEMPLATE_FAILED
COSTLY, LARGE = Reason.TEMPLATE_TOO_COSTLY, Reason.VALUE_TOO_LARGE

# -- bombs

DOUBLE = "{% set l = [l, l] %}"


BOMBS = {
    "nested loops": (nested(15, ""), COSTLY),
    "nested loops with work": (nested(8, "{{ user | upper | lower | trim | quote }}"), COSTLY),
    "comparisons": (nested(4, "{% if big == big %}{% endif %}"), COSTLY),
    "joined loops": (nested(4, "{{ l | join }}"), COSTLY),
    "output in loops": (nested(4, "x" * 60_000), LARGE),
    "concatenation": ("{% set x = user %}" + "{% set x = x ~ x %}" * 60, LARGE),
    "addition": ("{% set x = user %}" + "{% set x = x + x %}" * 60, LARGE),
    "replacement": ("{{ big | replace('x', big) }}", LARGE),
    "replacement of nothing": ("{{ big | replace('', big) }}", LARGE),
    "joining": ("{{ [1, 2, 3] | join(big) }}", LARGE),
    "indentation": ("{{ big | replace('x', '\\n') | indent(64, true) }}", LARGE),
    "shared lists as json": ("{% set l = [1] %}" + DOUBLE * 60 + "{{ l | tojson }}", COSTLY),
    "shared lists compared": (
        "{% set l = [1] %}" + DOUBLE * 60 + "{% set m = l %}{% set l = [1] %}" + DOUBLE * 60 + "{{ l == m }}",
        COSTLY,
    ),
    "shared texts as json": ("{% set l = [big, big, big] %}{{ l | tojson }}", LARGE),
    "squares": ("{% set x = 3 %}" + "{% set x = x * x %}" * 60, FAILED),
    "what is put out": ("{{ big }}{{ big }}{{ big }}", LARGE),
    "many texts": ("{% set x = big ~ 'a' %}" * 60, COSTLY),
    "json over and over": (nested(3, "{{ (big | fromjson) }}"), FAILED),
    "much json": (
        "{% set j = '[' ~ big | replace('x', '1,') ~ '1]' %}" + "{% set y = j | fromjson %}" * 9,
        COSTLY,
    ),
    "length of a loop": (nested(4, "{% for b in l %}{{ loop.length }}{% endfor %}"), COSTLY),
    "slow encoding": (
        "{% set x = big | replace('x', '\\u00e4') %}" + "{% set y = x | urlencode %}" * 30,
        COSTLY,
    ),
    "shared lists as an index": ("{% set l = [1] %}" + DOUBLE * 60 + "{{ {}[l] }}", UNDEFINED),
    "shared lists as the name of a key": ("{% set l = [1] %}" + DOUBLE * 60 + "{{ values[l] }}", UNDEFINED),
    "shared tuples as a key of a map": (
        "{% set l = (1, 1) %}" + "{% set l = (l, l) %}" * 60 + "{{ {l: 1} | length }}",
        COSTLY,
    ),
    "indentation of deep json": (
        "{{ '" + "[" * 200 + "1," * 4_000 + "1" + "]" * 200 + "' | fromjson | tojson(64) }}",
        LARGE,
    ),
    "long numbers as json": (
        "{% set n = '" + "9" * 4300 + "' | fromjson %}"
        "{% set l = [" + "n," * 900 + "] %}{{ [" + "l," * 40 + "] | tojson }}",
        COSTLY,
    ),
    "quoting": ("{% set x = big | replace('x', \"'\") %}" + "{% set y = x | quote %}" * 30, COSTLY),
}
SECONDS = 10.0
"""Each takes some hundredths on an idle machine; a loop that nobody counts takes for ever."""


@pytest.mark.parametrize(("text", "reason"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_ends_soon(text: str, reason: Reason) -> None:
    started = time.process_time()
    problem = outcome(text)
    assert time.process_time() - started < SECONDS
    assert isinstance(problem, RenderProblem)
    assert problem.reason is reason, problem
    assert "line 1" in problem.message


def test_the_budget_is_of_all_templates_together() -> None:
    work = nested(4, "x")
    assert isinstance(outcome(work), bytes)
    spec = spec_with(*[work] * 9)
    template = spec.target.template
    assert template is not None
    problem = render_templates(spec, template, DATA)
    assert isinstance(problem, RenderProblem)
    assert problem.reason is COSTLY
    assert f"more than {MOST_STEPS} steps" in problem.message


LONG = 64_000
PRICES = {
    "every part of a template": ("{% if true %}{% endif %}" * 450, 900),
    "a text that is put out": ("{{ x }}", LONG // 64),
    "a turn of a loop, by its body's parts": (
        "{% for a in [1, 2] %}" + "{{ 1 }}" * 100 + "{% endfor %}",
        300,
    ),
    "urlencode": ("{% set y = x | urlencode %}", LONG // 16),
    "fromjson": ("{% set y = j | fromjson %}", LONG // 16),
    "tojson": ("{% set y = [x] | tojson %}", LONG // 64),
    "b64encode": ("{% set y = x | b64encode %}", 2 * LONG // 64),
    "a long number as text": ("{% set y = n | fromjson %}{% set z = y ~ '' %}", 4_000 // 16 + 13_000 // 64),
    "each side of a comparison": ("{% if x == x %}{% endif %}", 2 * LONG // 64),
}


@pytest.mark.parametrize(("text", "least"), PRICES.values(), ids=PRICES)
def test_what_work_costs_at_least(text: str, least: int) -> None:
    data = {"x": b"x" * LONG, "j": b"[" + b"1," * (LONG // 2) + b"1]", "n": b"9" * 4_000}
    budget = Budget()
    _render(compile_template(text, frozenset(data)), render_names(data), budget)
    assert MOST_STEPS - budget.steps >= least


def test_what_a_value_holds_is_weighed_as_often_as_it_holds_it() -> None:
    half = "x" * (MAX_BYTES // 2 + 1)
    Budget().weigh([half])
    with pytest.raises(EntryError) as caught:
        Budget().weigh({"a": [half, half]})
    assert caught.value.reason is LARGE


def test_lines_moved_by_their_depth_are_weighed_before_they_are_made() -> None:
    deep = json.loads("[" * 200 + "1," * 400 + "1" + "]" * 200)  # 5 MB of spaces for 1 kB
    with pytest.raises(EntryError) as caught:
        Budget().weigh(deep, indent=64)
    assert caught.value.reason is LARGE


def test_depth_is_paid_for() -> None:
    flat, deep = Budget(), Budget()
    flat.weigh([0] * 1_000)
    deep.weigh(json.loads("[" * 160 + "0," * 999 + "0" + "]" * 160))
    assert flat.steps - deep.steps >= 9_000


def test_parts_are_counted_where_nobody_has_checked_them() -> None:
    spec = spec_with(*["{{ user }}" * 400] * 3)
    template = spec.target.template
    assert template is not None
    problem = render_templates(spec, template, DATA)
    assert isinstance(problem, RenderProblem)
    assert (problem.reason, problem.entry) == (Reason.TEMPLATE_INVALID, "out2")


def test_a_text_is_compiled_once_also_when_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The webhook judges a binding anew for each pod that names it."""
    compiled: list[str] = []

    def refuse(text: str, *_: object) -> None:
        compiled.append(text)
        raise EntryError(Reason.TEMPLATE_INVALID, "refused")

    monkeypatch.setattr(language, "_compile", refuse)
    for _ in range(3):
        with pytest.raises(EntryError, match="refused"):
            compile_template("{{ asked_thrice }}", frozenset())
    assert compiled == ["{{ asked_thrice }}"]


def test_the_room_is_of_all_templates_together() -> None:
    spec = spec_with("{{ big }}", "{{ big }}", "{{ big }}")
    template = spec.target.template
    assert template is not None
    problem = render_templates(spec, template, DATA)
    assert isinstance(problem, RenderProblem)
    assert (problem.reason, problem.entry) == (LARGE, "out2")


def test_bytes_are_counted_and_not_characters() -> None:
    text = "ä" * (MAX_BYTES // 2 + 1)
    result = render(spec_with("{{ user }}", names=("user",)), {secret_ref("any"): secret(text)}, now=NOW)
    assert isinstance(result, tuple)
    assert [problem.reason for problem in result] == [LARGE]


# -- for all texts and values

VALUE = st.one_of(
    st.binary(max_size=20), st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace"))
)
PIECES = st.sampled_from(
    [
        *("{{ user }}", "{{ gone }}", "{{", "}}", "{%", "%}", "{#", "\n", "a", "ä", "\0", "\ud800"),
        *("{% for a in ", "{% endfor %}", "{% if ", "{% else %}", "{% endif %}", "{% set x = ", " %}", " }}"),
        *(
            "user",
            "password",
            "values",
            "x",
            "loop",
            "self",
            "[",
            "]",
            "(",
            ")",
            "{",
            "}",
            ",",
            ":",
            "'",
            '"',
        ),
        *(
            " | ",
            " ~ ",
            " + ",
            " - ",
            " * ",
            " / ",
            " // ",
            " % ",
            " ** ",
            " == ",
            " < ",
            " in ",
            " is ",
            " not ",
        ),
        *(*FILTERS, *TESTS, "1", "10", "1.5", "none", "true", ".", "index", "__class__", "\\", "range(9)"),
        *("{% macro a() %}", "{% include 'a' %}", "{% raw %}", "{% endraw %}", "-%}", "{%-", "1_0", "0x1"),
    ]
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=25).map("".join),
    st.lists(st.one_of(PIECES.map("{{{{ {} }}}}".format), st.text(max_size=5)), max_size=8).map("".join),
    st.tuples(PIECES, st.sampled_from(sorted(FILTERS)), PIECES).map(
        lambda parts: "{{{{ {} | {}({}) }}}}".format(*parts)
    ),
)


@given(text=TEXTS, user=VALUE, password=VALUE)
def test_rendering_gives_bytes_or_a_problem_and_never_anything_else(
    text: str, user: bytes, password: bytes
) -> None:
    data = {"user": user, "password": password}
    spec = spec_with(text, names=("user", "password", "gone"))
    template = spec.target.template
    assert template is not None
    refusal = refusal_of(spec)
    made = render_templates(spec, template, data)
    assert render_templates(spec, template, dict(reversed(data.items()))) == made, "again the same"
    if refusal is not None:
        assert made == refusal, "what is refused at admission is what is refused when it is rendered"
    elif isinstance(made, RenderProblem):
        assert made.reason in {UNDEFINED, FAILED, COSTLY, LARGE}
        assert made.entry == "out"


def refusal_of(spec: BindingSpec) -> RenderProblem | None:
    try:
        check_templates(spec)
    except SpecError as error:
        return RenderProblem(reason=error.reason, entry="out", message=error.problem)
    return None


@given(user=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_a_value_is_data_and_never_a_template(user: str) -> None:
    data = {"user": f"{user}{{{{ password }}}}{{% for a in b %}}".encode(), "password": b"x"}
    assert outcome("{{ user }}", data) == data["user"]
    assert outcome("{{ user | tojson | fromjson }}", data) == data["user"]
    assert outcome("{{ user | b64encode }}", data) == b64encode(data["user"])


# -- the second wall


def test_the_sandbox_calls_and_raises_to_powers_nothing_by_itself() -> None:
    """Should the list of the language ever let one through."""
    assert not SANDBOX.is_safe_callable(str)
    with pytest.raises(EntryError, match=r"there is no \*\*"):
        SANDBOX.call_binop(None, "**", 9, 9)
    assert SANDBOX.globals == {}
    assert SANDBOX.intercepted_binops == frozenset(SANDBOX.binop_table)
