"""`dataFrom.find`: which objects fit, what is rendered of them, and that membership moves the digest."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rendering.objects import NOW, certificate_ref, key_ref, secret, secret_ref, spec_of
from vaultbind.api.binding import BindingSpec, CertificateSource, PublicKeySource, SecretSource
from vaultbind.api.conditions import Reason
from vaultbind.api.data_from import FindEntry, Rewrite
from vaultbind.api.errors import SpecError
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.rendering.checked import parse_for_pods
from vaultbind.rendering.digest import digest_input
from vaultbind.rendering.find import has_name, has_tags, kinds_to_list
from vaultbind.rendering.from_keys import name_found
from vaultbind.rendering.problems import EntryError, RenderProblem
from vaultbind.rendering.render import Rendered, render
from vaultbind.rendering.rewrite import Effort, EffortError, check_rewrites
from vaultbind.rendering.wanted import found_sources, read_as, wanted

SECRET, CERTIFICATE, KEY = VaultObjectKind.SECRET, VaultObjectKind.CERTIFICATE, VaultObjectKind.KEY
ENV = (("env", "prod"),)

FITS = {
    "any name": ("", (), "a", (), True),
    "whole": ("app-.*", (), "app-a", (), True),
    "not only a part": ("app", (), "app-a", (), False),
    "not behind": ("app-.*", (), "my-app-a", (), False),
    "alternatives as a whole": ("a|app-a", (), "app-a", (), True),
    "case counts": ("app-.*", (), "App-a", (), False),
    "unless it does not": ("(?i)app-.*", (), "App-a", (), True),
    "a tag": ("", ENV, "a", (("env", "prod"), ("team", "x")), True),
    "another value": ("", ENV, "a", (("env", "test"),), False),
    "no tag": ("", ENV, "a", (), False),
    "a value's case counts": ("", ENV, "a", (("env", "Prod"),), False),
    "all tags": ("", (("env", "prod"), ("team", "x")), "a", ENV, False),
    "an empty value": ("", (("env", ""),), "a", (("env", ""),), True),
    "name and tags": ("a", ENV, "a", ENV, True),
    "tags but no name": ("b", ENV, "a", ENV, False),
    "name but no tags": ("a", ENV, "a", (), False),
}


@pytest.mark.parametrize(("regexp", "tags", "name", "has", "fits"), FITS.values(), ids=FITS)
def test_what_fits(
    regexp: str, tags: tuple[tuple[str, str], ...], name: str, has: tuple[tuple[str, str], ...], fits: bool
) -> None:
    entry = FindEntry(regexp=regexp, tags=tags)
    assert (has_tags(entry, has) and has_name(entry, name, Effort())) is fits


TAGS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)


@given(wants=TAGS, has=TAGS)
def test_tags_fit_where_all_of_them_are_there(wants: dict[str, str], has: dict[str, str]) -> None:
    entry = FindEntry(tags=tuple(sorted(wants.items())))
    assert has_tags(entry, has.items()) == (wants.items() <= has.items())


def test_a_search_is_paid_for_before_it_is_made() -> None:
    effort = Effort(left=1_500)
    assert has_name(FindEntry(regexp="a"), "a", effort)
    with pytest.raises(EffortError):
        has_name(FindEntry(regexp="a"), "a", effort)
    assert has_name(FindEntry(tags=ENV), "a", Effort(left=0)), "any name costs nothing"


@pytest.mark.parametrize(
    ("kinds", "listed"),
    [((SECRET,), {SECRET}), ((KEY,), {KEY}), ((CERTIFICATE,), {CERTIFICATE, SECRET})],
)
def test_certificates_are_read_by_their_secrets(
    kinds: tuple[VaultObjectKind, ...], listed: set[VaultObjectKind]
) -> None:
    assert kinds_to_list([FindEntry(kinds=kinds)]) == listed


def found(*refs: VaultObjectRef, optional: bool = False, rewrite: tuple[Rewrite, ...] = ()) -> BindingSpec:
    entry = FindEntry(regexp=".*", optional=optional, rewrite=rewrite, found=refs)
    return replace(spec_of(), data_from=(entry,))


def test_what_is_found_is_wanted_as_an_entry_of_its_kind() -> None:
    refs = (secret_ref("a"), certificate_ref("b"), key_ref("c"))
    spec = found(*refs)
    assert found_sources(spec.finds[0]) == (
        SecretSource(name="a"),
        CertificateSource(name="b"),
        PublicKeySource(name="c"),
    )
    assert wanted(spec) == tuple(map(read_as, refs)) == (secret_ref("a"), secret_ref("b"), key_ref("c"))


def test_each_object_is_a_key_and_its_name_may_be_told() -> None:
    refs = (secret_ref("a"), secret_ref("b"))
    made = render(found(*refs), {refs[0]: secret("1"), refs[1]: secret("2")}, now=NOW)
    assert isinstance(made, Rendered)
    assert made.data == {"a": b"1", "b": b"2"}
    assert made.told == {"a", "b"}


def test_one_that_went_since_the_list_is_left_out() -> None:
    refs = (secret_ref("a"), secret_ref("b"))
    made = render(found(*refs), {refs[0]: None, refs[1]: secret("2")}, now=NOW)
    assert isinstance(made, Rendered)
    assert made.data == {"b": b"2"}


@pytest.mark.parametrize("refs", [(), (secret_ref("a"),)], ids=["none listed", "all gone"])
def test_nothing_found(refs: tuple[VaultObjectRef, ...]) -> None:
    values = dict.fromkeys(refs)
    problem = RenderProblem(
        reason=Reason.OBJECT_NOT_FOUND, entry="dataFrom[0].find", message="no object that may be read fits"
    )
    assert render(found(*refs), values, now=NOW) == (problem,)
    made = render(found(*refs, optional=True), values, now=NOW)
    assert isinstance(made, Rendered)
    assert (made.data, made.missing) == ({}, ("dataFrom[0].find",))


def test_one_object_that_cannot_be_used_holds_back_all() -> None:
    refs = (secret_ref("a"), secret_ref("b"))
    spec = found(*refs, optional=True)
    problems = render(spec, {refs[0]: secret("1", enabled=False), refs[1]: secret("2")}, now=NOW)
    assert not isinstance(problems, Rendered)
    assert [(item.reason, item.message) for item in problems] == [
        (Reason.OBJECT_DISABLED, "secret a is disabled in the vault")
    ]


STRIP = (Rewrite(regexp="[0-9]", replacement=""),)
COLLISIONS = {
    "by rewrite": (("a1", "a2"), STRIP, Reason.DUPLICATE_KEY, "objects a1 and a2 both get key a;"),
    "two kinds": (("a", "a"), (), Reason.DUPLICATE_KEY, "objects of two kinds are named a;"),
    "no name": (("1",), STRIP, Reason.INVALID_KEY_NAME, "object 1 gets a name that no key"),
    "a bad name": (
        ("a",),
        (Rewrite(regexp="a", replacement="/"),),
        Reason.INVALID_KEY_NAME,
        "object a gets a name that no key",
    ),
}


@pytest.mark.parametrize(("names", "rewrites", "reason", "message"), COLLISIONS.values(), ids=COLLISIONS)
def test_names_that_are_no_keys(
    names: tuple[str, ...], rewrites: tuple[Rewrite, ...], reason: Reason, message: str
) -> None:
    with pytest.raises(EntryError) as caught:
        name_found([(name, b"") for name in names], rewrites)
    assert caught.value.reason is reason
    assert str(caught.value).startswith(message)


def test_what_is_found_is_a_part_of_the_digest() -> None:
    one, two = found(secret_ref("a")), found(secret_ref("a"), secret_ref("b"))
    assert digest_input(one) != digest_input(two)
    assert digest_input(one)["dataFrom"] == [{"find": {"regexp": ".*", "found": [["secret", "a", ""]]}}]


def test_an_expression_of_find_is_checked_and_counted_as_those_of_rewrite() -> None:
    spec = replace(spec_of(), data_from=(FindEntry(tags=ENV), FindEntry(regexp="(")))
    with pytest.raises(SpecError, match=r"no regular expression") as caught:
        check_rewrites(spec)
    assert caught.value.path == "spec.dataFrom[1].find.name.regexp"
    large = tuple(FindEntry(regexp=rf"{letter}\pL{{5}}") for letter in "abcdef")
    with pytest.raises(SpecError, match=r"is too large, with those before it"):
        check_rewrites(replace(spec_of(), data_from=large))


def test_pods_are_refused() -> None:
    spec = {"vaultRef": {"name": "shop"}, "dataFrom": [{"find": {"tags": {"env": "prod"}}}]}
    with pytest.raises(SpecError, match="find is not implemented for pods yet") as caught:
        parse_for_pods({"metadata": {"name": "app", "namespace": "n"}, "spec": spec})
    assert caught.value.reason is Reason.NOT_IMPLEMENTED
