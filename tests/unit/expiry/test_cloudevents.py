"""Events as they are sent: their types, their ids, what they hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vaultbind.api.refs import ObjectKey
from vaultbind.expiry.cloudevents import Entry, Versions, is_rotation_doubtful, render_cloudevent, type_of
from vaultbind.keyvault import CertificateProperties, KeyProperties, ObjectProperties, SecretProperties
from vaultbind.keyvault.rotation.judgement import Event, Telling

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECRET = SecretProperties(id="", name="db", created_on=NOW - DAY, expires_on=NOW + DAY)
TYPES = {
    "secret.nearexpiry": (SECRET, Event.NEAR_EXPIRY),
    "secret.expired": (SECRET, Event.EXPIRED),
    "secret.rotated": (SECRET, Event.ROTATED),
    "key.nearexpiry": (KeyProperties(id="", name="k"), Event.NEAR_EXPIRY),
    "key.rotated": (KeyProperties(id="", name="k"), Event.ROTATED),
    "certificate.expired": (CertificateProperties(id="", name="w"), Event.EXPIRED),
    "certificate.renewed": (CertificateProperties(id="", name="w"), Event.ROTATED),
}


def entry_of(telling: Telling, namespace: str = "shop") -> Entry:
    return Entry(
        keyvault=ObjectKey("KeyVault", namespace, "main"),
        vault="shop.vault.azure.net",
        telling=telling,
        time=NOW,
    )


NEAR = Telling(event=Event.NEAR_EXPIRY, properties=SECRET, threshold=7 * DAY, days_until_expiry=6)


@pytest.mark.parametrize(("word", "case"), TYPES.items(), ids=TYPES.keys())
def test_types(word: str, case: tuple[ObjectProperties, Event]) -> None:
    properties, event = case
    assert type_of(Telling(event=event, properties=properties)) == f"vaultbind.dev.{word}"


OTHERS = {
    "another threshold": replace(NEAR, threshold=DAY),
    "the expiry": replace(NEAR, event=Event.EXPIRED, threshold=timedelta(0)),
    "another version": replace(NEAR, properties=replace(SECRET, created_on=NOW)),
    "another expiry": replace(NEAR, properties=replace(SECRET, expires_on=NOW + 2 * DAY)),
    "another object": replace(NEAR, properties=replace(SECRET, name="db2")),
    "another kind": replace(NEAR, properties=KeyProperties(id="", name="db", created_on=NOW - DAY)),
}


@pytest.mark.parametrize("telling", OTHERS.values(), ids=OTHERS.keys())
def test_an_id_names_one_occurrence(telling: Telling) -> None:
    assert entry_of(telling).id != entry_of(NEAR).id


def test_an_id_is_the_same_whoever_tells_it_and_when() -> None:
    later = replace(entry_of(replace(NEAR, days_until_expiry=5), "other"), time=NOW + DAY)
    upper = replace(NEAR, properties=replace(SECRET, name="DB", tags={"a": "b"}, updated_on=NOW))
    assert later.id == entry_of(NEAR).id == entry_of(upper).id


def test_a_rotation_is_one_whatever_its_expiry() -> None:
    told = Telling(event=Event.ROTATED, properties=SECRET)
    edited = Telling(event=Event.ROTATED, properties=replace(SECRET, expires_on=None))
    assert entry_of(told).id == entry_of(edited).id


def test_what_is_not_known_is_left_out() -> None:
    bare = Telling(event=Event.ROTATED, properties=SecretProperties(id="", name="db"))
    assert render_cloudevent(entry_of(bare))["data"] == {
        "keyVault": {"kind": "KeyVault", "namespace": "shop", "name": "main"},
        "vault": "shop.vault.azure.net",
        "kind": "secret",
        "name": "db",
    }
    data = render_cloudevent(entry_of(bare), Versions(current="2", previous="1"))["data"]
    assert (data["version"], data["previousVersion"]) == ("2", "1")
    assert render_cloudevent(entry_of(replace(NEAR, days_until_expiry=0)))["data"]["daysUntilExpiry"] == 0


DOUBTS = {
    "before": (NOW - DAY, NOW, False),
    "shortly before, by another clock": (NOW - timedelta(minutes=4), NOW, True),
    "after": (NOW + DAY, NOW, True),
    "the sink was never told": (NOW, None, False),
    "no time": (None, NOW, False),
}


@pytest.mark.parametrize(("created", "until", "doubtful"), DOUBTS.values(), ids=DOUBTS.keys())
def test_what_a_new_process_doubts(created: datetime | None, until: datetime | None, doubtful: bool) -> None:
    assert is_rotation_doubtful(created, until) is doubtful
