"""Templates: what is refused before any value is read, and what fails with values."""

import pytest

from tests.unit.rendering.objects import NOW, secret, secret_ref
from tests.unit.rendering.templates import CANARY, Row, outcome, rows, spec_with
from vaultbind.api.conditions import Reason
from vaultbind.api.errors import SpecError
from vaultbind.rendering.problems import RenderProblem
from vaultbind.rendering.render import render
from vaultbind.rendering.templates.render import check_templates

# -- what is no template


@rows(
    ("an open expression", "\n{{", "line 2: unexpected 'end of template'"),
    ("an unknown tag", "{% foo %}", "line 1: Encountered unknown tag 'foo'"),
    ("an open block", "a\n\n{% if user %}", "line 3: Unexpected end of template"),
    (
        "a typing error",
        "{{ user }}\n{{ passwrd }}",
        "line 2: no key of data or dataFrom is called passwrd; there are big, bin, canary",
    ),
    (
        "the same behind is defined",
        "{{ nope is defined }}",
        "line 1: no key of data or dataFrom is called nope",
    ),
    (
        "a typing error in values",
        '{{ values["db-pass"] }}',
        "line 1: no key of data or dataFrom is called db-pass",
    ),
    ("the same by a dot", "{{ values.nope }}", "line 1: no key of data or dataFrom is called nope"),
    ("values of another name", "{{ values[0] }}", "line 1: no key of data or dataFrom is called 0"),
    (
        "an unknown filter",
        "{{ user | center(9) }}",
        "line 1: no filter is called center; there are b64decode",
    ),
    ("a filter of ours", "{{ [1] | _each(0) }}", "line 1: no filter is called _each"),
    ("an unknown test", "{{ user is callable }}", "line 1: no test is called callable; there are boolean"),
    ("a call", "{{ user.upper() }}", "line 1: templates call nothing; use a filter"),
    ("range", "{% for a in range(9) %}{% endfor %}", "line 1: templates call nothing"),
    ("a power", "{{ 9 ** 9 }}", "line 1: Pow is nothing that templates may use"),
    ("a slice", "{{ user[1:] }}", "line 1: Slice is nothing"),
    ("a macro", "{% macro a() %}{% endmacro %}", "line 1: Macro is nothing"),
    ("an include", "{% include user %}", "line 1: Include is nothing"),
    ("an import", "{% import user as u %}", "line 1: Import is nothing"),
    ("from import", "{% from user import u %}", "line 1: FromImport is nothing"),
    ("extends", "{% extends user %}", "line 1: Extends is nothing"),
    ("a block", "{% block a %}{% endblock %}", "line 1: Block is nothing"),
    ("a call block", "{% call user() %}{% endcall %}", "line 1: CallBlock is nothing"),
    ("a filter block", "{% filter upper %}{% endfilter %}", "line 1: FilterBlock is nothing"),
    ("a set block", "{% set a %}x{% endset %}", "line 1: AssignBlock is nothing"),
    ("autoescape", "{% autoescape true %}{% endautoescape %}", "line 1: Scope is nothing"),
    ("with", "{% with a = 1 %}{% endwith %}", "line 1: With is nothing"),
    ("attributes set", "{% set user.a = 1 %}", "line 1: NSRef is nothing"),
    ("a recursive loop", "{% for a in [1] recursive %}{% endfor %}", "line 1: loops are not recursive"),
    ("values set", "{% set values = 1 %}", "line 1: values cannot be set"),
    ("loop set", "{% for loop in [1] %}{% endfor %}", "line 1: loop cannot be set"),
    ("self", "{{ self }}", 'line 1: self is a word of Jinja; write values["self"]'),
    (
        "a long name",
        "{{ " + "x" * 60_000 + " }}",
        f"line 1: no key of data or dataFrom is called {'x' * 64}...",
    ),
    (
        "a long filter",
        "{{ user | " + "x" * 60_000 + " }}",
        f"line 1: no filter is called {'x' * 64}...; there",
    ),
    (
        "a name of two lines",
        '{{ values["a\nERROR"] }}',
        "line 1: no key of data or dataFrom is called a\\nERROR",
    ),
    ("half a pair", '{{ values["\\ud800"] }}', "line 1: no key of data or dataFrom is called \\ud800"),
    (
        "another form of a key",
        "{% set u\u017fer = 1 %}{{ user }}",
        "line 1: u\u017fer is no name here; write user",
    ),
    ("stars", "{{ user | replace(*[1]) }}", "line 1: arguments by *"),
    ("two stars", "{{ user | default(**{}) }}", "line 1: arguments by *"),
    ("too many parts", "{{ user }}" * 1000, "line 1: the binding's templates have more than 1000 parts"),
    ("too deep", "{{ " + "[" * 45 + "]" * 45 + " }}", "line 1: nested more than 40 levels deep"),
    ("far too deep", "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply"),
    ("a long number", "{{ " + "1" * 5000 + " }}", "a number has too many digits"),
    ("a long number in hexadecimal", "{{ 0x" + "f" * 60_000 + " }}", "a number has too many digits"),
    ("loops too deep", "{% for a in [1] %}" * 25 + "{% endfor %}" * 25, "nested too deeply"),
)
def test_refused_before_anything_is_read(row: Row) -> None:
    with pytest.raises(SpecError) as caught:
        check_templates(spec_with("fine", row.text))
    assert caught.value.reason is Reason.TEMPLATE_INVALID
    assert str(caught.value).startswith(f"spec.target.template.data[out1]: {row.told}")
    assert caught.value.__context__ is None or CANARY not in repr(caught.value.__context__)


def test_parts_of_all_templates_are_counted_together() -> None:
    half = "{{ user }}" * 400
    check_templates(spec_with(half, half))
    with pytest.raises(SpecError, match=r"data\[out2\]: line 1: the binding's templates have more than"):
        check_templates(spec_with(half, half, half))


def test_rendering_refuses_what_nobody_has_checked() -> None:
    """An agent of another version than the webhook's, say."""
    result = render(spec_with("{% x %}", names=("user",)), {secret_ref("any"): secret("a")}, now=NOW)
    assert isinstance(result, tuple)
    assert [(problem.reason, problem.entry) for problem in result] == [(Reason.TEMPLATE_INVALID, "out")]


# -- what fails with values

UNDEFINED, FAILED = Reason.TEMPLATE_UNDEFINED, Reason.TEMPLATE_FAILED
GENERAL = "this cannot be done with these values"


@pytest.mark.parametrize(
    ("text", "reason", "told"),
    [
        ("\n{{ gone }}", UNDEFINED, "line 2: gone is not there"),
        ("{% if gone %}{% endif %}", UNDEFINED, "line 1: gone is not there"),
        ("{% for a in gone %}{% endfor %}", UNDEFINED, "line 1: gone is not there"),
        ("{{ gone | upper }}", UNDEFINED, "line 1: gone is not there"),
        ("{{ gone.a }}", UNDEFINED, "line 1: gone is not there"),
        ("{{ gone == 1 }}", UNDEFINED, "line 1: gone is not there"),
        ("{{ gone + 1 }}", UNDEFINED, "line 1: gone is not there"),
        ("{{ [gone] | tojson }}", UNDEFINED, "line 1: gone is not there"),
        ("{{ values['gone'] }}", UNDEFINED, "line 1: there is no gone"),
        ("{{ values.gone }}", UNDEFINED, "line 1: there is no gone"),
        ("{{ values[user] }}", UNDEFINED, "line 1: there is no such attribute or item"),
        ("{{ user.upper }}", UNDEFINED, "line 1: there is no upper"),
        ("{{ user.__class__ }}", UNDEFINED, "line 1: there is no __class__"),
        ("{{ [].append }}", UNDEFINED, "line 1: there is no append"),
        ("{% for a in [1] %}{{ loop._length }}{% endfor %}", UNDEFINED, "line 1: there is no _length"),
        ("{% for a in [1] %}{{ loop.nextitem }}{% endfor %}", UNDEFINED, "line 1: a first or last item"),
        ("{{ (config | fromjson)[user] }}", UNDEFINED, "line 1: there is no such attribute or item"),
        ("{{ [1][1] }}{{ [1][user] }}", UNDEFINED, "line 1: there is no such attribute or item"),
        ("{{ (user if false) | tojson }}", FAILED, "line 1: there is nothing here to make JSON of"),
        ("{{ (user if false).a }}", UNDEFINED, "line 1: there is no a"),
        ("{{ bin }}", FAILED, "line 1: the value of key bin is no UTF-8 text; bin | b64encode makes it one"),
        ("{{ bin == user }}", FAILED, "line 1: the value of key bin is no UTF-8 text"),
        ("{{ [bin] | tojson }}", FAILED, "line 1: the value of key bin is no UTF-8 text"),
        ("{{ bin ~ user }}", FAILED, "line 1: the value of key bin is no UTF-8 text"),
        ("{{ none }}", FAILED, "line 1: null cannot be put out; use default('', true) or tojson"),
        ("{{ [1] }}", FAILED, "line 1: a list or map cannot be put out; use tojson or join"),
        ("{{ user | fromjson }}", FAILED, "line 1: fromjson was given what is no JSON"),
        ("{{ '[NaN]' | fromjson }}", FAILED, "line 1: fromjson was given what is no JSON"),
        ("{{ '[1e999]' | fromjson }}", FAILED, "line 1: fromjson was given what is no JSON"),
        ("{{ canary | b64decode }}", FAILED, "line 1: b64decode was given what is no base64"),
        ("{{ '/w==' | b64decode }}", FAILED, "line 1: b64decode makes bytes of this that are no UTF-8 text"),
        ("{{ user | items }}", FAILED, "line 1: items was given what is no map"),
        ("{% for c in user %}{% endfor %}", FAILED, "line 1: a loop needs a list or a map"),
        ("{{ user | indent(1000) }}", FAILED, "line 1: the width is not a whole number from 0 to 64"),
        ("{{ user * 1000000000 }}", FAILED, "line 1: * is for numbers"),
        ("{{ '%1000000000s' % user }}", FAILED, "line 1: % is for numbers"),
        ("{{ user + 1 }}", FAILED, "line 1: + is for numbers, or for two texts; ~ makes text of both sides"),
        ("{{ 9223372036854775807 + 1 }}", FAILED, "line 1: a number is too large"),
        ("{{ 4611686018427387904 * 2 }}", FAILED, "line 1: a number is too large"),
        ("{{ 1 / 0 }}", FAILED, f"line 1: {GENERAL}"),
        ("{{ -canary }}", FAILED, f"line 1: {GENERAL}"),
        ("{{ canary < 1 }}", FAILED, f"line 1: {GENERAL}"),
        ("{{ user | upper(canary) }}", FAILED, f"line 1: {GENERAL}"),
        ("\n{% set a, b = [canary] %}", FAILED, f"line 2: {GENERAL}"),
        ("{{ '\\ud800' }}", FAILED, "half of a surrogate pair cannot be put out"),
        ("{{ '\\ud800' | urlencode }}", FAILED, f"line 1: {GENERAL}"),
    ],
)
def test_failed(text: str, reason: Reason, told: str) -> None:
    problem = outcome(text)
    assert isinstance(problem, RenderProblem)
    assert (problem.reason, problem.entry) == (reason, "out")
    assert problem.message.startswith(told)
    assert CANARY not in repr(problem)
