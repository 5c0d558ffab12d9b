"""`dataFrom[].rewrite`: what expressions make of names, what is refused, and that no name takes long."""

import re
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rendering.objects import spec_of
from vaultbind.api.binding import TlsEntry
from vaultbind.api.conditions import Reason
from vaultbind.api.data_from import ExtractEntry, Rewrite
from vaultbind.api.errors import SpecError
from vaultbind.rendering.from_keys import name_keys
from vaultbind.rendering.patterns import compile_pattern
from vaultbind.rendering.problems import EntryError
from vaultbind.rendering.rewrite import LONGEST_NAME, EffortError, check_rewrites, rewrite_names


def steps(*pairs: tuple[str, str]) -> tuple[Rewrite, ...]:
    return tuple(Rewrite(regexp=regexp, replacement=replacement) for regexp, replacement in pairs)


MADE = [
    ("a prefix", [("^", "db-")], "user", "db-user"),
    ("a suffix", [("$", ".txt")], "user", "user.txt"),
    ("all that is found", [("[^a-z]", "_")], "a b/c", "a_b_c"),
    ("nothing found", [("x", "y")], "user", "user"),
    ("taken away", [("-", "")], "a-b-c", "abc"),
    ("one after another", [("a", "b"), ("b", "c")], "ab", "cc"),
    ("a group", [("^tls[.](.*)$", "server.$1")], "tls.crt", "server.crt"),
    ("a braced group", [("(a)", "${1}_x")], "a", "a_x"),
    ("two groups", [("(.*)-(.*)", "$2-$1")], "a-b", "b-a"),
    ("the whole match", [("b+", "<$0>")], "abba", "a<bb>a"),
    ("a named group", [("(?P<n>b+)", "${n}$n")], "abba", "abbbba"),
    ("a group that took no part", [("(x)?b", "[$1]")], "b", "[]"),
    ("a dollar", [("a", "$$1")], "a", "$1"),
    ("a lone dollar", [("a", "$-$")], "a", "$-$"),
    ("no backslash", [("(a)", "\\1")], "a", "\\1"),
    ("empty matches as in Go", [("a*", "-")], "baac", "-b-c-"),
    ("without case", [("(?i)USER", "u")], "User", "u"),
    ("letters of more than one byte", [("ä(.)", "$1")], "zäöß", "zöß"),
]


@pytest.mark.parametrize(("pairs", "name", "made"), [row[1:] for row in MADE], ids=[row[0] for row in MADE])
def test_names(pairs: list[tuple[str, str]], name: str, made: str) -> None:
    assert rewrite_names([name], steps(*pairs)) == [made]


REFUSED = [
    ("no expression", "(", "", "regexp: is no regular expression of RE2: missing ): ("),
    ("a look-ahead", "(?=a)", "", "regexp: is no regular expression of RE2: invalid perl operator: (?="),
    ("a back-reference", r"(a)\1", "", r"regexp: is no regular expression of RE2: invalid escape"),
    ("a huge repetition", "((a{100}){100}){100}", "", "regexp: is no regular expression of RE2: invalid rep"),
    ("no text", "\ud800", "", "regexp: is no Unicode text"),
    ("a group that there is not", "(a)", "$2", "replacement: has a reference to group 2, which"),
    ("letters behind a group", "(a)", "$1_x", "replacement: has a reference to group 1_x, which"),
    ("an unknown name", "(?P<n>a)", "${m}", "replacement: has a reference to group m, which"),
    ("a number without end", "(a)", "$" + "1" * 200, "replacement: has a reference to group 111"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("regexp", "replacement", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_refused(regexp: str, replacement: str, message: str) -> None:
    entries = (TlsEntry(name="t", rewrite=steps(("a", "b"), (regexp, replacement))),)
    spec = replace(spec_of(), data_from=(ExtractEntry(name="e", rewrite=steps(("a", "b"))), *entries))
    with pytest.raises(SpecError) as caught:
        check_rewrites(spec)
    assert str(caught.value).startswith(f"spec.dataFrom[1].rewrite[1].{message}")
    assert caught.value.reason is Reason.INVALID_SPEC


def test_the_same_mistake_is_told_again() -> None:
    spec = replace(spec_of(), data_from=(TlsEntry(name="t", rewrite=steps(("(", ""))),))
    for _ in range(2):
        with pytest.raises(SpecError, match="missing"):
            check_rewrites(spec)


def test_the_expressions_of_a_binding_have_one_size() -> None:
    """A binding may have 512, each of them compiled in the loop."""
    same = ExtractEntry(name="e", rewrite=steps(*[(r"\pL{6}", "")] * 16))
    check_rewrites(replace(spec_of(), data_from=(same,) * 32))
    others = ExtractEntry(name="f", rewrite=steps((r"\pL{6}a", ""), (r"\pL{6}b", "")))
    with pytest.raises(SpecError) as caught:
        check_rewrites(replace(spec_of(), data_from=(same, others)))
    assert str(caught.value).startswith("spec.dataFrom[1].rewrite[1].regexp: is too large, with those before")


def test_names_that_are_too_long_or_no_text() -> None:
    most = "a" * LONGEST_NAME
    assert rewrite_names([most, most + "a", "\ud800"], steps(("x", "y"))) == [most, None, None]
    assert rewrite_names(["a" * 253], steps(("^(.*)$", "$1" * 128))) == [None]
    assert rewrite_names([most], steps(("$", "b"), ("b", ""))) == [None], "too long on the way"


SECONDS = 10.0
"""Of the processor, which may be a slow one: each takes one at most, and without a limit minutes."""


def test_no_expression_takes_long() -> None:
    """For minutes in Python's own engine."""
    started = time.process_time()
    names = [f"{'x' * 1000}{number}" for number in range(100)]
    evil = steps(("(x+x+)+y", ""), ("^(([a-z])+.)+[A-Z]([a-z])+$", ""), ("(.*)(.*)(.*)(.*)(.*)[^x]z", ""))
    assert rewrite_names(names, evil) == names
    assert time.process_time() - started < SECONDS


LONG = ["n0123" * 200] * 5
COSTLY = {
    "a large expression over the rest of a name, once per match": (LONG, ("([0-9n]{1,30}){1,30}z|.", "x")),
    "the same in letters of four bytes": (["\U00010000" * 1000], ("(.{0,100}){3}z|.", "x")),
    "many matches": (LONG * 100, ("n", "m")),
    "many parts of nothing": (LONG, ("()", "$1" * 128)),
}


@pytest.mark.parametrize(("names", "pair"), COSTLY.values(), ids=COSTLY.keys())
def test_what_costs_too_much_is_refused_in_time(names: list[str], pair: tuple[str, str]) -> None:
    """RE2 is linear for one search; a search per letter, each with thousands of steps per letter, is not."""
    started = time.process_time()
    with pytest.raises(EffortError):
        rewrite_names(names, steps(pair))
    assert time.process_time() - started < SECONDS
    with pytest.raises(EntryError, match="the `rewrite` of s takes too long over") as caught:
        name_keys({f"{place}{name}"[:1000]: b"" for place, name in enumerate(names)}, steps(pair), shown="s")
    assert caught.value.reason is Reason.INVALID_SPEC


def test_many_ordinary_names_cost_little() -> None:
    names = [f"app_database_{number:04}_url" for number in range(1024)]
    ordinary = steps(("^app_", ""), ("_", "-"), ("(.*)-([a-z]+)$", "${2}.$1"), ("^", "x-"))
    assert rewrite_names(names, ordinary)[0] == "x-url.database-0000"


@settings(max_examples=100)
@given(
    st.text("ab-", max_size=8),
    st.sampled_from(["a", "b+", "(a)(b)?", "^a", "-$", "[ab]"]),
    st.text("xy", max_size=3),
)
def test_simple_expressions_do_what_pythons_do(name: str, regexp: str, replacement: str) -> None:
    assert rewrite_names([name], steps((regexp, replacement))) == [re.sub(regexp, replacement, name)]


def test_the_whole_name_can_be_asked_for() -> None:
    assert compile_pattern("a|ab").is_whole("ab")
    assert not compile_pattern("a").is_whole("ab")


def test_keys_are_named_in_order() -> None:
    assert list(name_keys({"b": b"1", "a": b"2"}, steps(("^", "x")), shown="s").items()) == [
        ("xb", b"1"),
        ("xa", b"2"),
    ]


@pytest.mark.parametrize(
    ("names", "pairs", "reason", "message"),
    [
        (["hush1", "x", "hush2", "hush3"], [("[0-9]", "")], Reason.DUPLICATE_KEY,
         "s gives 2 of 4 entries a key that another one has, first entry 3 that of entry 1; change"),
        (["hush"], [("hush", "")], Reason.INVALID_KEY_NAME, "s gives 1 of 1 entries a name"),
        (["a", "hush" * 300], [("a", "b")], Reason.INVALID_KEY_NAME, "first entry 2;"),
        (["a", "hush"], [("hush", "/")], Reason.INVALID_KEY_NAME, "first entry 2;"),
    ],
)  # fmt: skip
def test_names_that_no_secret_may_have(
    names: list[str], pairs: list[tuple[str, str]], reason: Reason, message: str
) -> None:
    with pytest.raises(EntryError, match=re.escape(message)) as caught:
        name_keys(dict.fromkeys(names, b""), steps(*pairs), shown="s")
    assert caught.value.reason is reason
    assert "hush" not in str(caught.value)


def test_a_bad_name_may_be_rewritten_to_a_good_one() -> None:
    assert name_keys({"a b": b"1"}, steps((" ", "-")), shown="s") == {"a-b": b"1"}


def test_who_has_no_expression_does_not_load_the_engine() -> None:
    code = (
        "import sys, vaultbind.rendering.render, vaultbind.rendering.checked; sys.exit('re2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
