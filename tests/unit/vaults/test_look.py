"""How a look is done cheapest, and what it remembers."""

from datetime import UTC, datetime, timedelta

import pytest

from vaultbind.api.keyvault import Detection
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.keyvault import CertificateProperties, SecretProperties
from vaultbind.vaults.look import (
    RELIST_AFTER_LOOKS,
    KindPlan,
    Known,
    Sighting,
    decide_detection,
    page_budget,
    sighting_of,
    split_refs,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
AUTO, LIST, GET = Detection.AUTO, Detection.LIST, Detection.GET


def ref(name: str, version: str = "", kind: VaultObjectKind = VaultObjectKind.SECRET) -> VaultObjectRef:
    return VaultObjectRef(kind, name, version)


def seen(**fields: object) -> Sighting:
    values = {"name": "a", "id": "https://v/secrets/a", "enabled": True, "updated_on": NOW, **fields}
    return sighting_of(SecretProperties(**values))  # type: ignore[arg-type]


PLANS = {
    "nothing known": (AUTO, KindPlan(), 1, LIST),
    "fewer pages than objects": (AUTO, KindPlan(pages=3), 4, LIST),
    "as many pages as objects": (AUTO, KindPlan(pages=4), 4, LIST),
    "more pages than objects": (AUTO, KindPlan(pages=5), 4, GET),
    "more pages, but long ago": (AUTO, KindPlan(pages=5, looks_by_get=RELIST_AFTER_LOOKS), 4, LIST),
    "forbidden": (AUTO, KindPlan(forbidden=True), 100, GET),
    "forbidden just before the retry": (
        AUTO,
        KindPlan(forbidden=True, looks_by_get=RELIST_AFTER_LOOKS - 1),
        100,
        GET,
    ),
    "forbidden long ago": (AUTO, KindPlan(forbidden=True, looks_by_get=RELIST_AFTER_LOOKS), 100, LIST),
    "too long for a list that was asked for": (LIST, KindPlan(overlong=True, looks_by_get=1), 1, GET),
    "too long, but long ago": (LIST, KindPlan(overlong=True, looks_by_get=RELIST_AFTER_LOOKS), 1, LIST),
    "lists were asked for": (LIST, KindPlan(pages=100, forbidden=True), 1, LIST),
    "gets were asked for": (GET, KindPlan(pages=1, looks_by_get=1000), 100, GET),
}


@pytest.mark.parametrize(("detection", "plan", "wanted", "expected"), PLANS.values(), ids=PLANS.keys())
def test_detection(detection: Detection, plan: KindPlan, wanted: int, expected: Detection) -> None:
    assert decide_detection(detection, plan, wanted) is expected


def test_gets_find_nothing_so_a_list_is_tried_unless_it_is_switched_off() -> None:
    assert decide_detection(AUTO, KindPlan(forbidden=True), 1, sought=True) is LIST
    assert decide_detection(AUTO, KindPlan(overlong=True), 1, sought=True) is GET
    assert decide_detection(GET, KindPlan(), 1, sought=True) is GET


@pytest.mark.parametrize(
    ("detection", "wanted", "budget"), [(AUTO, 7, 7), (AUTO, 0, 1), (LIST, 7, None), (GET, 7, 7)]
)
def test_a_list_may_cost_as_many_pages_as_gets_would(
    detection: Detection, wanted: int, budget: int | None
) -> None:
    assert page_budget(detection, wanted) == budget


def test_refs_are_split_by_what_lists_can_show() -> None:
    key, certificate = VaultObjectKind.KEY, VaultObjectKind.CERTIFICATE
    latest, pinned = split_refs(
        [ref("a"), ref("b"), ref("a", "1"), ref("k", "", key), ref("c", "2", certificate)]
    )
    assert latest == {VaultObjectKind.SECRET: {ref("a"), ref("b")}, key: {ref("k", "", key)}}
    assert pinned == {ref("a", "1"), ref("c", "2", certificate)}


CHANGES = {
    "nothing": ({}, False),
    "new version": ({"updated_on": NOW + timedelta(seconds=1)}, True),
    "older after a restore": ({"updated_on": NOW - DAY}, True),
    "created anew": ({"created_on": NOW}, True),
    "disabled": ({"enabled": False}, True),
    "content type": ({"content_type": "text/plain"}, True),
    "tags": ({"tags": {"a": "b"}}, True),
    "expiry alone, which moves updated in a real vault": ({"expires_on": NOW}, False),
}


@pytest.mark.parametrize(("fields", "changed"), CHANGES.values(), ids=CHANGES.keys())
def test_what_counts_as_a_change(fields: dict[str, object], changed: bool) -> None:
    known = Known()
    assert not known.note(ref("a"), seen()), "a first sighting is no change"
    assert known.note(ref("a"), seen(**fields)) is changed
    assert not known.note(ref("a"), seen(**fields))
    assert known.sightings[ref("a")] == seen(**fields)


def test_vanishing_and_coming_back_are_changes() -> None:
    known = Known()
    known.note(ref("a"), seen())
    assert known.note(ref("a"), None)
    assert not known.note(ref("a"), None)
    assert known.note(ref("a"), seen())


def test_a_disabled_object_that_vanishes_is_a_change() -> None:
    known = Known()
    known.note(ref("a"), seen(enabled=False))
    assert known.note(ref("a"), None)


def test_a_first_absence_is_no_change() -> None:
    known = Known()
    assert not known.note(ref("a"), None)
    assert known.note(ref("a"), seen())


def test_unsettled_objects_are_told_once() -> None:
    known = Known(unsettled={ref("a")})
    assert known.take_unsettled(ref("a"))
    assert not known.take_unsettled(ref("a"))
    assert not known.take_unsettled(ref("b"))


def test_what_nobody_wants_is_forgotten() -> None:
    known = Known()
    for name in "ab":
        known.note(ref(name), seen())
        known.unsettled.add(ref(name))
    known.keep_only(frozenset({ref("b")}))
    assert set(known.sightings) == {ref("b")}
    assert known.unsettled == {ref("b")}


WEB = VaultObjectRef(VaultObjectKind.CERTIFICATE, "web")
END = datetime(2027, 1, 1, tzinfo=UTC)


def shown(thumbprint: bytes = b"1") -> Sighting:
    """A certificate as a list shows it: without its own end, with an attribute that is later."""
    properties = CertificateProperties(
        id="", name="web", x509_thumbprint=thumbprint, expires_on=END + timedelta(days=300)
    )
    return sighting_of(properties)


def test_an_end_that_was_learned_holds_while_the_certificate_is_the_same() -> None:
    known = Known()
    known.note(WEB, shown())
    known.learn_end(WEB, shown(), END)
    assert not known.note(WEB, shown())
    sighting = known.sightings[WEB]
    assert sighting is not None
    assert sighting.ends == END
    assert known.note(WEB, shown(b"2"))
    sighting = known.sightings[WEB]
    assert sighting is not None
    assert sighting.ends == END + timedelta(days=300)
    known.learn_end(WEB, shown(), END)
    assert known.sightings[WEB] == shown(b"2"), "what was read of another version tells nothing"


def test_only_certificates_have_an_end_of_their_own() -> None:
    known = Known()
    known.note(ref("a"), seen())
    known.learn_end(ref("a"), seen(), END)
    known.learn_end(ref("b"), seen(), END)
    assert known.sightings == {ref("a"): seen()}
    managed = seen(managed=True)
    known.note(ref("a"), managed)
    known.learn_end(ref("a"), managed, END)
    sighting = known.sightings[ref("a")]
    assert sighting is not None
    assert sighting.ends == END
