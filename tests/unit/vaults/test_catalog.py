"""What lists show to those who look for objects: who is told of a change, and what each finds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vaults.stage import reader
from vaultbind.api.data_from import FindEntry
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.rendering.fingerprint import Fingerprint
from vaultbind.rendering.patterns import Pattern
from vaultbind.rendering.rewrite import MOST_EFFORT, EffortError, cost_of
from vaultbind.vaults.catalog import (
    MOST_COMPARED,
    Catalog,
    Listed,
    NoList,
    find_all,
    find_moved,
    next_catalog,
)
from vaultbind.vaults.look import Sighting

SECRET, CERTIFICATE, KEY = VaultObjectKind.SECRET, VaultObjectKind.CERTIFICATE, VaultObjectKind.KEY
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
APP, TAGGED = FindEntry(regexp="a.*"), FindEntry(tags=(("env", "prod"),))
FINDERS = {reader("app"): (APP,), reader("tagged"): (TAGGED,), reader("keys"): (FindEntry(kinds=(KEY,)),)}


def listed(
    name: str, *, tags: Mapping[str, str] | None = None, enabled: bool = True, managed: bool = False
) -> Listed:
    prints = Fingerprint(
        created=LONG_AGO, updated=LONG_AGO, enabled=enabled, tags=tuple(sorted((tags or {}).items()))
    )
    seen = Sighting(fingerprint=prints, enabled=enabled, not_before=None, expires_on=None, managed=managed)
    return Listed(name, seen)


def items(*objects: Listed) -> dict[str, Listed]:
    return {item.name.lower(): item for item in objects}


def everybody(kind: VaultObjectKind, name: str) -> bool:
    del kind, name
    return True


def told_of(
    kind: VaultObjectKind,
    before: Catalog | NoList | None,
    after: Catalog | NoList,
    finders: Mapping[ObjectKey, Sequence[FindEntry]],
) -> set[ObjectKey]:
    return set[ObjectKey]().union(*find_moved(kind, before, after, finders))


def newer(item: Listed) -> Listed:
    prints = replace(item.sighting.fingerprint, updated=datetime(2026, 1, 1, tzinfo=UTC))
    return item._replace(sighting=replace(item.sighting, fingerprint=prints))


A, B = listed("a"), listed("b", tags={"env": "prod"})
MOVES = {
    "nothing": ([A, B], set()),
    "another value": ([newer(A), newer(B)], set()),
    "one comes for the name": ([A, B, listed("ab")], {"app"}),
    "one comes for the tag": ([A, B, listed("c", tags={"env": "prod"})], {"tagged"}),
    "one comes for nobody": ([A, B, listed("c")], set()),
    "one comes for both": ([A, B, listed("ac", tags={"env": "prod"})], {"app", "tagged"}),
    "one goes": ([B], {"app"}),
    "all go": ([], {"app", "tagged"}),
    "a tag comes": ([listed("a", tags={"env": "prod"}), B], {"tagged"}),
    "a tag goes": ([A, listed("b")], {"tagged"}),
    "a tag that nobody asks for": ([listed("a", tags={"x": "y"}), B], set()),
    "disabled": ([listed("a", enabled=False), B], {"app"}),
    "a certificate's": ([listed("a", managed=True), B], {"app"}),
    "one comes disabled": ([A, B, listed("ab", enabled=False)], set()),
}


@pytest.mark.parametrize(("after", "told"), MOVES.values(), ids=MOVES)
def test_who_is_told(after: list[Listed], told: set[str]) -> None:
    before = Catalog(items=items(A, B))
    catalog = next_catalog(before, items(*after))
    assert told_of(SECRET, before, catalog, FINDERS) == {reader(name) for name in told}
    assert catalog.items == items(*after), "the newest is kept, whoever is told"


def test_the_stamp_stays_while_no_other_objects_can_fit() -> None:
    before = Catalog(items=items(A, B))
    assert next_catalog(before, items(newer(A), B)).stamp is before.stamp
    assert next_catalog(before, items(A)).stamp is not before.stamp
    assert next_catalog(NoList.FORBIDDEN, items(A, B)).stamp is not before.stamp
    assert next_catalog(None, items(A, B)).stamp is not before.stamp


def test_a_list_that_comes_or_goes_concerns_all_of_its_kind() -> None:
    catalog, both = Catalog(items={}), {reader("app"), reader("tagged")}
    assert told_of(SECRET, None, catalog, FINDERS) == both
    assert told_of(SECRET, catalog, NoList.FORBIDDEN, FINDERS) == both
    assert told_of(SECRET, NoList.FORBIDDEN, NoList.TOO_LONG, FINDERS) == both
    assert told_of(SECRET, NoList.FORBIDDEN, NoList.FORBIDDEN, FINDERS) == set()
    assert told_of(CERTIFICATE, None, catalog, FINDERS) == set()


def test_many_changes_are_told_to_all_of_the_kind() -> None:
    before = Catalog(items={})
    many = next_catalog(before, items(*(listed(f"x{number}") for number in range(MOST_COMPARED + 1))))
    assert told_of(SECRET, before, many, FINDERS) == {reader("app"), reader("tagged")}
    few = next_catalog(before, items(*(listed(f"x{number}") for number in range(MOST_COMPARED))))
    assert told_of(SECRET, before, few, FINDERS) == set()


def test_an_expression_that_costs_too_much_is_told_rather_than_tried() -> None:
    dear = FindEntry(regexp=r"\pL{9}.*")
    before = Catalog(items={})
    after = next_catalog(before, items(*(listed("x" * 120 + str(number)) for number in range(100))))
    assert told_of(SECRET, before, after, {reader("app"): (dear,)}) == {reader("app")}
    with pytest.raises(EffortError):
        find_all((dear,), {SECRET: after}, everybody, {})


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What each search costs that is made; none finds anything."""
    costs: list[int] = []

    def is_whole(pattern: Pattern, text: str) -> bool:
        costs.append(cost_of(pattern, text))
        return False

    monkeypatch.setattr(Pattern, "is_whole", is_whole)
    return costs


COMING = [listed(f"x-{number:03}-" + "x" * 100) for number in range(MOST_COMPARED)]
DEAR = {reader(f"dear-{n}"): (FindEntry(regexp=rf"(?:[ab]{{0,20}}){{0,20}}z{n}"),) for n in range(20)}


def test_all_together_cost_what_one_binding_may(spent: list[int]) -> None:
    before, plain = Catalog(items={}), {reader("plain"): (APP,)}
    after = next_catalog(before, items(*COMING))
    assert told_of(SECRET, before, after, {**DEAR, **plain}) == DEAR.keys(), "each has its share"
    assert MOST_EFFORT / 2 < sum(spent) <= MOST_EFFORT
    assert len(list(find_moved(SECRET, before, after, {**DEAR, **plain}))) == 21, "a turn after each"


def test_what_many_look_for_is_compared_once(spent: list[int]) -> None:
    before = Catalog(items={})
    after = next_catalog(before, items(*COMING))
    same = (FindEntry(regexp="a.*", optional=True), FindEntry(regexp="a.*", kinds=(KEY, SECRET)))
    assert told_of(SECRET, before, after, {reader(f"r{n}"): same for n in range(50)}) == set()
    assert len(spent) == MOST_COMPARED


def test_what_may_not_be_read_costs_no_effort_and_is_asked_after_the_tags() -> None:
    asked: list[str] = []

    def may_read(kind: VaultObjectKind, name: str) -> bool:
        asked.append(name)
        return everybody(kind, name) and name == "ab"

    wants = FindEntry(regexp=r"\pL{9}.*|ab", tags=TAGGED.tags)
    others = [listed(f"{n:03}" + "x" * 100, tags={"env": "prod"}) for n in range(200)]
    catalog = Catalog(items=items(A, listed("ab", tags={"env": "prod"}), *others))
    assert find_all((wants,), {SECRET: catalog}, may_read, {}) == ((VaultObjectRef(SECRET, "ab"),),)
    assert sorted(asked) == sorted(["ab", *(other.name for other in others)])
    with pytest.raises(EffortError):
        find_all((wants,), {SECRET: catalog}, everybody, {})


OBJECTS = st.dictionaries(
    st.sampled_from(["a", "ab", "b", "c"]),
    st.builds(
        lambda tags, enabled, managed: (tags, enabled, managed),
        st.sampled_from([{}, {"env": "prod"}, {"env": "test"}]),
        st.booleans(),
        st.booleans(),
    ),
)


def catalog_of(objects: Mapping[str, tuple[Mapping[str, str], bool, bool]]) -> dict[str, Listed]:
    return items(
        *(
            listed(name, tags=tags, enabled=enabled, managed=managed)
            for name, (tags, enabled, managed) in objects.items()
        )
    )


@given(first=OBJECTS, second=OBJECTS)
def test_just_those_are_told_who_find_something_else(
    first: Mapping[str, tuple[Mapping[str, str], bool, bool]],
    second: Mapping[str, tuple[Mapping[str, str], bool, bool]],
) -> None:
    before = Catalog(items=catalog_of(first))
    after = next_catalog(before, catalog_of(second))
    told = told_of(SECRET, before, after, FINDERS)
    for name, entry in (("app", APP), ("tagged", TAGGED)):
        had, has = (find_all((entry,), {SECRET: it}, everybody, {}) for it in (before, after))
        assert (reader(name) in told) == (had != has)


def test_what_is_found_is_in_order_and_readable() -> None:
    catalogs = {
        SECRET: Catalog(items=items(listed("Ab"), listed("ad"), listed("ac"), listed("x"))),
        KEY: Catalog(items=items(listed("k"), listed("hidden"))),
    }
    entries = (FindEntry(regexp="(?i)a.*"), FindEntry(kinds=(SECRET, KEY), regexp="x|k|hidden"))
    found = find_all(entries, catalogs, lambda kind, name: (kind, name) != (KEY, "hidden"), {})
    assert found == (
        (VaultObjectRef(SECRET, "Ab"), VaultObjectRef(SECRET, "ac"), VaultObjectRef(SECRET, "ad")),
        (VaultObjectRef(SECRET, "x"), VaultObjectRef(KEY, "k")),
    )


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (listed("gone", tags={"env": "prod"}), ["b", "gone"]),
        (listed("gone"), ["b"]),
        (listed("gone", tags={"env": "prod"}, enabled=False), ["b"]),
        (listed("b", tags={"env": "prod"}), ["b"]),
    ],
    ids=["fits still", "has another tag", "is disabled", "is listed, too"],
)
def test_what_a_list_lacks_is_found_by_what_a_get_showed(there: Listed, found: list[str]) -> None:
    ref = VaultObjectRef(SECRET, there.name)
    (names,) = find_all((TAGGED,), {SECRET: Catalog(items=items(A, B))}, everybody, {ref: there})
    assert [name for _, name, _ in names] == found
