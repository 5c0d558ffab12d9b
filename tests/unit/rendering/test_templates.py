"""Templates: what they make, and who loads Jinja."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.unit.rendering.objects import rendered, secret, secret_ref, spec_of
from tests.unit.rendering.templates import Row, outcome, rows, spec_with
from vaultbind.api.binding import Keep, SecretSource, Target, Template, TlsEntry
from vaultbind.api.errors import SpecError
from vaultbind.rendering.digest import digest_input
from vaultbind.rendering.templates.filters import FILTERS, TESTS
from vaultbind.rendering.templates.render import check_templates

# -- what comes out


@rows(
    ("text alone", "plain ä\n", "plain ä\n"),
    ("a key", "{{ user }}", "ann"),
    ("the last line end stays", "{{ user }}\n", "ann\n"),
    ("a url", "pg://{{ user }}:{{ password | urlencode }}@h", "pg://ann:p%40ss%20w%2Frd@h"),
    ("a key that is no name", '{{ values["db-password"] }}', "dash"),
    ("a key by a dot", "{{ values.user }}", "ann"),
    ("a key called values", '{{ values["values"] }}', "all"),
    ("a key called self", '{{ values["self"] }}', "own"),
    ("a key called loop", "{{ loop }}{% for a in [1] %}{{ loop.index }}{% endfor %}", "outside1"),
    ("a missing key with a default", "{{ gone | default('no') }}", "no"),
    ("a missing key with no default's text", "[{{ gone | default }}]", "[]"),
    ("an empty text with a default", "{{ '' | default('no', true) }}{{ '' | default('x') }}", "no"),
    (
        "whether a key is there",
        "{{ gone is defined }} {{ user is defined }} {{ gone is undefined }}",
        "false true true",
    ),
    ("if", "{% if gone is defined %}a{% elif user == 'ann' %}b{% else %}c{% endif %}", "b"),
    ("if without else", "[{{ user if 1 > 2 }}]", "[]"),
    ("lines of statements leave nothing", "{% if true %}\n  {% set a = 1 %}\nx\n{% endif %}\n", "x\n"),
    ("comments", "a{# {{ nothing }} #}b", "ab"),
    ("raw", "{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    (
        "a loop",
        "{% for p in (config | fromjson).ports %}{{ loop.index }}/{{ loop.length }}={{ p }};{% endfor %}",
        "1/3=1;2/3=2;3/3=3;",
    ),
    (
        "a loop with a condition",
        "{% for p in [1, 2, 3] if p > 1 %}{{ p }}{{ ',' if not loop.last }}{% endfor %}",
        "2,3",
    ),
    ("a loop over nothing", "{% for p in [] %}{{ p }}{% else %}none{% endfor %}", "none"),
    ("a loop over a map", "{% for k, v in {'a': 1, 'b': 2} | items %}{{ k }}{{ v }}{% endfor %}", "a1b2"),
    ("a loop over a map's keys", "{% for k in {'a': 1} %}{{ k }}{% endfor %}", "a"),
    ("neighbours", "{% for k in ['a', 'b'] if loop is undefined or true %}{{ k }}{% endfor %}", "ab"),
    ("the item before", "{% for k in ['a', 'b'] %}{{ loop.previtem | default('-') }}{% endfor %}", "-a"),
    ("unpacked", "{% set a, b = [1, 2] %}{{ b }}{{ a }}", "21"),
    (
        "json",
        "{{ {'user': user, 'n': [1, true, none, 1.5]} | tojson }}",
        '{"user": "ann", "n": [1, true, null, 1.5]}',
    ),
    ("json of a quote", "{{ 'a\"ä</' | tojson }}", '"a\\"ä</"'),
    ("json with an indent", "{{ {'a': 1} | tojson(2) }}", '{\n  "a": 1\n}'),
    ("from json", "{{ (config | fromjson).host }}{{ (config | fromjson)['ports'][-1] }}", "h3"),
    ("words of json", "{{ (config | fromjson).on }} {{ false }} {{ 1.5 }} {{ 3 }}", "true false 1.5 3"),
    ("base64", "{{ user | b64encode }} {{ 'YW5u' | b64decode }} {{ bin | b64encode }}", "YW5u ann //4="),
    ("quoted for a shell", "{{ password | quote }} {{ user | quote }}", "'p@ss w/rd' ann"),
    ("indented", "{{ lines | indent(2) }}", "a\n\n  b"),
    (
        "indented from the first line",
        "{{ lines | indent(2, true) }}|{{ lines | indent(width=1) }}",
        "  a\n\n  b|a\n\n b",
    ),
    ("case and space", "{{ ' Ab ' | trim | upper }}{{ 'Ab' | lower }}", "ABab"),
    ("replaced", "{{ password | replace('s', '$$') }}", "p@$$$$ w/rd"),
    ("joined", "{{ [user, 1, true] | join(', ') }}{{ ['a', 'b'] | join }}", "ann, 1, trueab"),
    ("length", "{{ user | length }}{{ [1] | length }}{{ {} | length }}", "310"),
    ("~ makes text", "{{ user ~ 1 ~ true }}", "ann1true"),
    ("+ of texts", "{{ user + '!' }}", "ann!"),
    ("numbers", "{{ 1 + 2 * 3 - 4 // 2 }} {{ 7 % 4 }} {{ 3 / 2 }} {{ -1 }} {{ +1 }}", "5 3 1.5 -1 1"),
    ("comparisons", "{{ 'a' in user }} {{ 1 in [1] }} {{ user != 'x' and not 1 >= 2 }}", "true true true"),
    (
        "tests",
        "{{ user is string }} {{ 1 is number }} {{ {} is mapping }} {{ none is none }} {{ true is boolean }}",
        "true true true true true",
    ),
    ("an escape that Python warns of", r"{{ '\d' }}", r"\d"),
)
def test_made(row: Row) -> None:
    assert outcome(row.text) == row.told.encode()


def test_every_filter_and_test_is_in_a_row_above() -> None:
    (mark,) = test_made.pytestmark  # type: ignore[attr-defined] # which parametrize sets
    texts = " ".join(row.text for row in mark.args[1])
    assert [name for name in FILTERS if f"| {name}" not in texts] == []
    assert [name for name in TESTS if f" is {name}" not in texts] == []


def test_the_order_of_keys_in_a_spec_is_nothing_that_templates_see() -> None:
    assert outcome("{{ values | tojson }}", {"user": b"1", "canary": b"2"}) == b'{"canary": "2", "user": "1"}'


def test_templates_share_nothing_and_all_see_the_sources() -> None:
    spec = spec_with("{% set x = 1 %}{{ user }}", "{{ user }}", names=("user",))
    data = rendered(spec, {secret_ref("any"): secret("ann")}).data
    assert data == {"out": b"ann", "out1": b"ann"}
    with pytest.raises(SpecError, match="called x"):
        check_templates(spec_with("{% set x = 1 %}", "{{ x }}"))


def test_what_is_kept() -> None:
    spec = spec_with("new", keep=Keep.ALL, names=("out", "user"))
    data = rendered(spec, {secret_ref("any"): secret("ann")}).data
    assert data == {"out": b"new", "user": b"ann"}, "the template's key stands before an entry's"


def test_keys_of_a_certificate_are_names() -> None:
    target = Target(name="app", type="Opaque", template=Template(data={"a": '{{ values["ca.crt"] }}'}))
    spec = replace(spec_of(), data_from=(TlsEntry(name="web"),), target=target)
    check_templates(spec)
    with pytest.raises(SpecError, match="called user"):
        check_templates(replace(spec, target=replace(target, template=Template(data={"a": "{{ user }}"}))))


# -- the digest, and who loads Jinja


def test_a_template_moves_the_digest_and_no_template_does_not() -> None:
    plain = spec_of(("a", SecretSource(name="a")))
    assert "template" not in digest_input(plain)["target"]
    shown = [
        digest_input(spec)["target"]["template"] for spec in (spec_with("a"), spec_with("a", keep=Keep.ALL))
    ]
    assert shown == [{"data": {"out": "a"}}, {"data": {"out": "a"}, "keep": "All"}]


WITHOUT_TEMPLATES = (
    "vaultbind.app.operator",
    "vaultbind.cli.main",
    "vaultbind.injection.broker",
    "vaultbind.injection.direct",
    "vaultbind.injection.reviews",
    "vaultbind.keyvault",
)


def test_who_has_no_template_does_not_load_jinja() -> None:
    code = f"import sys, {', '.join(WITHOUT_TEMPLATES)}; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
