"""Conditions and the table of reasons."""

import re
from datetime import UTC, datetime

import pytest

from vaultbind.api.conditions import (
    Condition,
    ConditionType,
    Reason,
    Status,
    merge_conditions,
    parse_condition,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)
BEFORE = "2026-01-01T00:00:00Z"
READY = Condition(
    type=ConditionType.READY, status=Status.TRUE, reason=Reason.SYNCED, message="3 keys are in sync"
)


def stored(**changes: object) -> dict[str, object]:
    return {
        "type": "Ready",
        "status": "True",
        "reason": "Synced",
        "message": "3 keys are in sync",
        "observedGeneration": 4,
        "lastTransitionTime": BEFORE,
        **changes,
    }


def test_a_first_condition_starts_now() -> None:
    assert merge_conditions([], [READY], generation=4, now=NOW) == [
        stored(lastTransitionTime="2026-03-01T12:00:00Z")
    ]


@pytest.mark.parametrize(
    ("old", "moved"),
    [
        (stored(), False),
        (stored(reason="Forbidden", message="other"), False),
        (stored(observedGeneration=3), False),
        (stored(status="False"), True),
        (stored(status="Unknown"), True),
        (stored(lastTransitionTime=None), True),
        (stored(type="Synced"), True),
    ],
    ids=["same", "reason", "generation", "was false", "was unknown", "no time", "another type"],
)
def test_the_time_moves_only_where_the_status_flips(old: dict[str, object], moved: bool) -> None:
    (found,) = merge_conditions([old], [READY], generation=4, now=NOW)
    assert found == stored(lastTransitionTime="2026-03-01T12:00:00Z" if moved else BEFORE)


def test_conditions_stand_in_the_wanted_order_and_no_other_is_kept() -> None:
    synced = Condition(type=ConditionType.SYNCED, status=Status.FALSE, reason=Reason.TIMEOUT)
    old = [stored(type="Stalled"), stored(type="Synced", status="False"), stored()]
    found = merge_conditions(old, [READY, synced], generation=5, now=NOW)
    assert [(item["type"], item["observedGeneration"]) for item in found] == [("Ready", 5), ("Synced", 5)]
    assert [item["lastTransitionTime"] for item in found] == [BEFORE, BEFORE]


def test_a_condition_that_changes_nothing_is_equal_to_the_old_one() -> None:
    assert merge_conditions([stored()], [READY], generation=4, now=NOW) == [stored()]


@pytest.mark.parametrize("reason", Reason)
def test_a_condition_of_a_status_can_be_read(reason: Reason) -> None:
    told = Condition(type=ConditionType.EXPIRING, status=Status.UNKNOWN, reason=reason, message="why")
    (written,) = merge_conditions([], [told], generation=4, now=NOW)
    assert parse_condition(written) == told


@pytest.mark.parametrize("changes", [{"type": "Odd"}, {"status": "odd"}, {"reason": "Odd"}], ids=str)
def test_a_condition_of_another_version_of_ours_is_none(changes: dict[str, object]) -> None:
    assert parse_condition(stored(**changes)) is None


def test_each_reason_has_its_own_word_and_a_sentence() -> None:
    words = [reason.word for reason in Reason]
    assert len(set(words)) == len(words)
    for reason in Reason:
        assert re.fullmatch(r"([A-Z][a-z]*)+", reason.word), reason
        assert reason.sentence[-1] == "."
        assert reason.sentence.count(". ") == 0, "one sentence"


def test_no_two_reasons_collapsed_into_an_alias() -> None:
    assert len(Reason) == len(Reason.__members__)


def test_reasons_that_only_a_person_can_end() -> None:
    assert {reason.word for reason in Reason if reason.stalled} == {
        "KeyConflict",
        "InvalidSpec",
        "NotImplemented",
        "TemplateInvalid",
        "SecretNotOwned",
        "AccessDenied",
        "UrlNotAllowed",
        "AmbientIdentityNotAllowed",
        "InputInvalid",
        "OperationNotAllowed",
        "OperationRefused",
        "ResultTooLarge",
        "SignatureInvalid",
        "BackoffLimitExceeded",
        "DeadlineExceeded",
    }
