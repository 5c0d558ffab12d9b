"""Every place of a schema has a test that names it, and that test is there and speaks of it."""

import pytest

from tests.unit.api.reach import own, words_of
from tests.unit.api.schema import KINDS, REFUSALS, ROOT, is_refused, places
from tests.unit.api.schema_coverage import TESTS

each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_every_field_is_refused_or_exercised_by_a_test(kind: str) -> None:
    wanted = {path for path in places(kind) if not is_refused(kind, path)}
    assert wanted - set(TESTS[kind]) == set(), "fields that no test is named for"
    assert set(TESTS[kind]) - wanted == set(), "rows for fields that do not exist, or that are refused"


@each_kind
def test_the_tests_that_the_table_names_speak_of_the_field(kind: str) -> None:
    """Of it and of each that it stands in: a row whose test lost the field, or is gone itself, is found."""
    silent = {
        path: missing for path, test in TESTS[kind].items() if (missing := segments(path) - words_of(test))
    }
    assert silent == {}


SAID_OTHERWISE = {
    "spec.algorithm": "the matrix makes names of sizes, and asserts that it has all of them",
    **dict.fromkeys(
        [f"spec.{parameter}.decode" for parameter in ("signature", "iv", "aad", "tag")],
        "read as spec.input.decode is, by the same lines, and that one is set to each value",
    ),
}
"""Fields with values that no flow sets, or none in so many words, and why."""


@each_kind
def test_each_value_of_an_enum_is_set_by_a_flow(kind: str) -> None:
    """Some flow says the value and all names on the way to its field; which one, the table need not tell."""
    said = [words_of(test) for test in flows()]
    refused = {refusal.path: refusal.values for refusal in REFUSALS[kind]}
    wanted = [
        (path, segments(path) | {value})
        for path, place in places(kind, "spec").items()
        if path not in SAID_OTHERWISE and not is_refused(kind, path)
        for value in set(place.get("enum", ())) - refused.get(path, set())
    ]
    assert [(path, words) for path, words in wanted if not any(words <= test for test in said)] == []


def test_what_is_said_otherwise_is_a_field_with_an_enum() -> None:
    fields = {path for kind in KINDS for path, place in places(kind).items() if "enum" in place}
    assert set(SAID_OTHERWISE) - fields == set()


def flows() -> list[str]:
    """Every test of a flow, as `path::name`."""
    paths = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests/flow").glob("test_*.py"))]
    return [f"{path}::{name}" for path in paths for name in own(path) if name.startswith("test_")]


def segments(path: str) -> set[str]:
    """Names on the way to a place, below `spec` or `status`."""
    return set(path.replace("[]", "").split(".")[1:])
