"""What is told of an object, when, and never twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.rotation.judgement import (
    EXPIRY,
    Event,
    Validity,
    decide_validity,
    judge,
    judge_object,
    mark_of,
)
from vaultbind.keyvault.rotation.state import MonitorState, ObjectKey, Seen
from vaultbind.keyvault.types.certificate import CertificateProperties
from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties
from vaultbind.keyvault.types.key import KeyProperties
from vaultbind.keyvault.types.secret import SecretProperties

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MADE = NOW - 90 * DAY
KEY = ObjectKey(ObjectKind.SECRET, "db")


def secret(left: timedelta | None = None, **more: Any) -> SecretProperties:
    """A secret that expires `left` after NOW."""
    expires = NOW + left if left is not None else None
    return SecretProperties(**{"id": "i", "name": "DB", "created_on": MADE, "expires_on": expires, **more})


def seen(left: timedelta | None = None, told: timedelta | None = None, **more: Any) -> Seen:
    expires = NOW + left if left is not None else None
    return Seen(**{"mark": MADE.isoformat(), "expires": expires, "told": told, **more})


NEAR, OVER, NEW = Event.NEAR_EXPIRY, Event.EXPIRED, Event.ROTATED
Row = tuple[str, ObjectProperties, Seen | None, list[tuple[Event, timedelta | None, int | None]]]
ROWS: list[Row] = [
    ("no expiry", secret(), None, []),
    ("far away", secret(31 * DAY), None, []),
    ("exactly a threshold", secret(30 * DAY), None, [(NEAR, 30 * DAY, 30)]),
    ("within the first", secret(30 * DAY - HOUR), None, [(NEAR, 30 * DAY, 29)]),
    ("told before", secret(20 * DAY), seen(20 * DAY, 30 * DAY), []),
    ("the next one", secret(7 * DAY), seen(7 * DAY, 30 * DAY), [(NEAR, 7 * DAY, 7)]),
    ("two at once: the most urgent", secret(5 * DAY), None, [(NEAR, 7 * DAY, 5)]),
    ("all but the expiry", secret(HOUR), seen(HOUR, 30 * DAY), [(NEAR, DAY, 0)]),
    ("expired this moment", secret(0 * DAY), seen(0 * DAY, DAY), [(OVER, EXPIRY, 0)]),
    ("expired at first sight", secret(-5 * DAY), None, [(OVER, EXPIRY, 0)]),
    ("expiry told before", secret(-5 * DAY), seen(-5 * DAY, EXPIRY), []),
    ("a later date is another expiry", secret(6 * DAY), seen(HOUR, DAY), [(NEAR, 7 * DAY, 6)]),
    ("disabled", secret(HOUR, enabled=False), seen(HOUR), []),
    ("a new version", secret(), seen(mark="before"), [(NEW, None, None)]),
    ("a new version that expires soon", secret(DAY), seen(mark="x"), [(NEW, None, None), (NEAR, DAY, 1)]),
    ("a new version while disabled", secret(enabled=False), seen(mark="x"), [(NEW, None, None)]),
    ("nothing new", secret(), seen(), []),
]


@pytest.mark.parametrize(
    ("properties", "known", "told"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_tellings(properties: ObjectProperties, known: Seen | None, told: list[Any]) -> None:
    tellings, now_known = judge_object(properties, known, NOW)

    assert [(item.event, item.threshold, item.days_until_expiry) for item in tellings] == told
    assert judge_object(properties, now_known, NOW)[0] == [], "never twice"


def test_the_previous_version_is_told_where_it_is_known() -> None:
    (telling,), known = judge_object(secret(version="2"), seen(mark="x", version="1"), NOW)

    assert (telling.previous_version, known.version) == ("1", "2")


def test_a_version_that_was_learned_is_remembered_though_lists_do_not_tell_it() -> None:
    assert judge_object(secret(), seen(version="1"), NOW)[1].version == "1"


def test_a_disabled_object_is_told_when_it_is_enabled() -> None:
    _, known = judge_object(secret(DAY, enabled=False), None, NOW)
    tellings, _ = judge_object(secret(DAY), known, NOW)

    assert [item.event for item in tellings] == [NEAR]


FIRST_SIGHTS = [
    ("told before by somebody with the same mark of time", 5 * DAY, NOW - HOUR, []),
    ("the crossing came after", 7 * DAY - HOUR, NOW - 2 * HOUR, [7 * DAY]),
    ("an earlier threshold was told", DAY, NOW - 5 * DAY, [DAY]),
    ("expired and told", -2 * DAY, NOW - DAY, []),
    ("never told anything", 5 * DAY, None, [7 * DAY]),
    ("created after the last telling", 5 * DAY, MADE - HOUR, [7 * DAY]),
]


@pytest.mark.parametrize(
    ("left", "told_until", "told"), [row[1:] for row in FIRST_SIGHTS], ids=[row[0] for row in FIRST_SIGHTS]
)
def test_one_time_is_enough_to_tell_no_crossing_twice(
    left: timedelta, told_until: datetime | None, told: list[timedelta]
) -> None:
    judgement = judge([secret(left)], MonitorState(told_until=told_until), NOW)

    assert [item.threshold for item in judgement.tellings] == told
    assert judgement.state.told_until == (NOW if told else told_until)


def test_a_short_lived_object_that_is_new_is_told_though_its_crossing_has_passed_before() -> None:
    item = secret(5 * DAY, created_on=NOW - HOUR)

    assert len(judge([item], MonitorState(told_until=NOW - 2 * HOUR), NOW).tellings) == 1
    assert len(judge([item], MonitorState(told_until=NOW - HOUR), NOW).tellings) == 0


def test_an_object_without_a_creation_time_is_told_at_first_sight() -> None:
    judgement = judge([secret(DAY, created_on=None)], MonitorState(told_until=NOW), NOW)

    assert len(judgement.tellings) == 1


def test_a_rotation_alone_does_not_move_the_time() -> None:
    judgement = judge([secret()], MonitorState(objects={KEY: seen(mark="x")}), NOW)

    assert [item.event for item in judgement.tellings] == [NEW]
    assert judgement.state.told_until is None


def test_what_is_gone_is_forgotten_and_what_was_not_listed_is_kept() -> None:
    other = ObjectKey(ObjectKind.KEY, "k")
    state = MonitorState(objects={KEY: seen(), other: seen()})

    assert judge([], state, NOW).state.objects == {}
    assert judge([], state, NOW, kinds=[ObjectKind.SECRET]).state.objects.keys() == {other}


@given(st.lists(st.floats(0, 400), max_size=30), st.booleans())
def test_each_crossing_is_told_once_however_often_one_looks(looks: list[float], by_time_only: bool) -> None:
    item = secret(100 * DAY)
    state = MonitorState()
    told = []
    for days in sorted(looks):
        judgement = judge([item], state, NOW + days * DAY)
        told += [telling.threshold for telling in judgement.tellings]
        text = judgement.state.to_json()
        state = MonitorState.from_json(text)
        assert state == judgement.state
        if by_time_only:
            state = MonitorState(told_until=state.told_until)

    assert told == sorted(set(told), key=lambda limit: limit or EXPIRY, reverse=True), "no repetition"
    last = max(looks, default=0.0)
    passed = [limit for limit in (30 * DAY, 7 * DAY, DAY, EXPIRY) if last * DAY >= 100 * DAY - limit]
    assert (told[-1] if told else None) == (min(passed) if passed else None), "the most urgent one is told"


VALIDITIES = [
    ("valid", secret(31 * DAY), Validity.VALID),
    ("without an end", secret(), Validity.VALID),
    ("soon", secret(30 * DAY), Validity.EXPIRES_SOON),
    ("expired", secret(EXPIRY), Validity.EXPIRED),
    ("not yet", secret(not_before=NOW + HOUR), Validity.NOT_YET_VALID),
    ("from now on", secret(not_before=NOW), Validity.VALID),
    ("never", secret(-DAY, not_before=NOW + HOUR), Validity.EXPIRED),
    ("disabled", secret(-DAY, enabled=False), Validity.DISABLED),
]


@pytest.mark.parametrize(
    ("properties", "validity"), [row[1:] for row in VALIDITIES], ids=[row[0] for row in VALIDITIES]
)
def test_validity(properties: ObjectProperties, validity: Validity) -> None:
    assert decide_validity(properties, NOW) is validity


def test_marks() -> None:
    certificate = CertificateProperties(id="i", name="n", created_on=MADE, x509_thumbprint=b"\1\2")
    pending = replace(certificate, x509_thumbprint=None)
    key = KeyProperties(id="i", name="n")

    assert [mark_of(item) for item in (certificate, pending, key)] == ["0102", MADE.isoformat(), ""]


def test_json() -> None:
    objects = {
        KEY: seen(DAY, 7 * DAY, version="1"),
        ObjectKey(ObjectKind.CERTIFICATE, "c"): Seen(mark="m"),
    }
    state = MonitorState(told_until=NOW, objects=objects)

    assert MonitorState.from_json(state.to_json()) == state


BROKEN = [
    "",
    "null",
    "[]",
    "{}",
    '{"objects":[],"toldUntil":null}',
    '{"objects":{"x/y":{}}}',
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_state_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(KeyVaultError) as caught:
        MonitorState.from_json(text)

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert caught.value.__cause__ is caught.value.__context__ is None
