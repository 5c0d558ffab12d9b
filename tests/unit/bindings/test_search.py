"""What a binding's `find` entries find, why not, and which absences are doubtful."""

from dataclasses import replace

import pytest

from tests.unit.rendering.objects import certificate_ref, key_ref, secret_ref, spec_of
from tests.unit.vaults.test_catalog import everybody, items, listed
from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.data_from import ExtractEntry, FindEntry
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.bindings.search import MOST_FOUND, explain_missing, find_doubtful, search, told_before
from vaultbind.vaults.catalog import Catalog, NoList
from vaultbind.vaults.causes import Trouble

SECRET, CERTIFICATE, KEY = VaultObjectKind.SECRET, VaultObjectKind.CERTIFICATE, VaultObjectKind.KEY


def spec(*entries: FindEntry | ExtractEntry) -> BindingSpec:
    return replace(spec_of(), data_from=entries)


def secrets(*names: str) -> dict[VaultObjectKind, Catalog]:
    return {SECRET: Catalog(items=items(*map(listed, names)))}


def test_each_find_gets_what_it_finds_and_others_stay() -> None:
    wants = spec(FindEntry(regexp="a"), ExtractEntry(name="x"), FindEntry(regexp="."))
    found = search(wants, secrets("a", "b"), everybody, {})
    assert isinstance(found, BindingSpec)
    assert found.data_from == (
        replace(wants.finds[0], found=(secret_ref("a"),)),
        ExtractEntry(name="x"),
        replace(wants.finds[1], found=(secret_ref("a"), secret_ref("b"))),
    )


@pytest.mark.parametrize("more", [0, 1])
def test_the_limit_is_one_of_objects_that_differ(more: int) -> None:
    names = [f"a{number:03}" for number in range(MOST_FOUND + more)]
    twice = spec(FindEntry(regexp=".*"), FindEntry(regexp="a.*"))
    found = search(twice, secrets(*names), everybody, {})
    if more:
        assert isinstance(found, Trouble)
        assert found.reason is Reason.TOO_MANY_OBJECTS
        assert found.message.startswith("101 objects fit dataFrom.find, a binding may find 100:")
    else:
        assert isinstance(found, BindingSpec)


def test_an_expression_that_costs_too_much() -> None:
    names = ("x" * 120 + str(number) for number in range(100))
    found = search(spec(FindEntry(regexp=r"\pL{9}.*")), secrets(*names), everybody, {})
    assert isinstance(found, Trouble)
    assert found.reason is Reason.INVALID_SPEC
    assert found.message.startswith("a regexp of dataFrom.find takes too long over the names in the vault:")
    assert not any(map(str.isdigit, found.message)), "how many there are is not told"


WHY = {
    NoList.FORBIDDEN: (Reason.LIST_NEEDED, "grant the identity keys/list on the whole vault"),
    NoList.SWITCHED_OFF: (Reason.LIST_NEEDED, "set detection: Auto there"),
    NoList.TOO_LONG: (Reason.LIST_TOO_LONG, "split the vault"),
}


@pytest.mark.parametrize("why", NoList)
def test_why_there_is_no_list(why: NoList) -> None:
    trouble = explain_missing({SECRET, KEY}, {**secrets(), KEY: why})
    reason, step = WHY[why]
    assert trouble is not None
    assert trouble.reason is reason
    assert step in trouble.message
    assert explain_missing({SECRET}, {**secrets(), KEY: why}) is None


def test_a_list_that_has_not_come_is_waited_for() -> None:
    trouble = explain_missing({SECRET}, {})
    assert trouble is not None
    assert trouble.reason is Reason.VAULT_ERROR


DOUBTFUL = {
    "listed": (FindEntry(), secret_ref("a"), set()),
    "listed in another case": (FindEntry(), secret_ref("A"), set()),
    "not listed": (FindEntry(regexp="b|c"), secret_ref("b"), {secret_ref("b")}),
    "of another name": (FindEntry(regexp="c"), secret_ref("b"), set()),
    "of another kind": (FindEntry(), key_ref("b"), set()),
    "not to be read": (FindEntry(), secret_ref("secret"), set()),
    "a certificate by its secret": (FindEntry(kinds=(CERTIFICATE,)), secret_ref("b"), {certificate_ref("b")}),
    "a certificate that is listed": (FindEntry(kinds=(CERTIFICATE,)), secret_ref("web"), set()),
    "whatever its tags": (FindEntry(tags=(("x", "y"),)), secret_ref("b"), {secret_ref("b")}),
    "a pinned version": (FindEntry(), secret_ref("b", "1"), set()),
}


@pytest.mark.parametrize(("entry", "before", "doubtful"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_is_asked_for_before_it_goes(
    entry: FindEntry, before: VaultObjectRef, doubtful: set[VaultObjectRef]
) -> None:
    catalogs = {**secrets("a"), CERTIFICATE: Catalog(items=items(listed("web")))}
    found = find_doubtful(spec(entry), {before}, catalogs, lambda _, name: name != "secret")
    assert found == doubtful


def test_a_status_tells_what_was_read() -> None:
    objects = [{"kind": "secret", "name": "a", "version": "1"}, {"kind": "key", "name": "b"}]
    assert told_before({"objects": objects}) == {secret_ref("a"), key_ref("b")}
    assert told_before({}) == frozenset()
