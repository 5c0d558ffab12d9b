"""What is told of a KeyVault's objects, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaultbind.api.conditions import Reason
from vaultbind.engine.report import Report
from vaultbind.expiry.facts import VaultFacts
from vaultbind.expiry.plan import adopt, decide
from vaultbind.expiry.report import MOST_NOTES, report
from vaultbind.keyvault import ObjectKind, ObjectProperties, SecretProperties
from vaultbind.keyvault.rotation.state import MonitorState
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BORN = NOW - 100 * DAY
A = VaultKey(ObjectKind.SECRET, "a")


def secret(name: str = "a", left: float | None = None, **fields: Any) -> SecretProperties:
    """A secret that expires in `left` days."""
    expires = None if left is None else NOW + left * DAY
    return SecretProperties(id="", name=name, expires_on=expires, **{"created_on": BORN, **fields})


def facts_of(*objects: ObjectProperties, **fields: Any) -> VaultFacts:
    values = {
        "vault": "shop.vault.azure.net",
        "watched": True,
        "whole": True,
        "warn_before": (30 * DAY, 7 * DAY, DAY),
        "told_until": None,
        "now": NOW,
        "looked": NOW,
    }
    return VaultFacts(objects=objects, **{**values, **fields})


def judged(facts: VaultFacts, state: MonitorState | None = None) -> tuple[Report, MonitorState]:
    judgement = decide(facts, state or MonitorState())
    return report(facts, judgement), judgement.state


def told(result: Report) -> list[str]:
    return [f"{note.reason.word}: {note.message}" for note in result.notes]


STATES = {
    "nothing is there": ((), "False Valid", "no watched object needs attention", (0, 0, 0)),
    "no expiry": ((secret(),), "False Valid", "no watched object needs attention", (1, 0, 0)),
    "far": ((secret(left=31),), "False Valid", "no watched object needs attention", (1, 0, 0)),
    "soon": (
        (secret(left=30), secret("b")),
        "True ExpiresSoon",
        "1 within 30d of their expiry, the first is secret a at 2026-12-24T12:00:00Z",
        (2, 0, 1),
    ),
    "expired": (
        (secret(left=3), secret("b", left=-1), secret("c", left=-2)),
        "True Expired",
        "2 expired, 1 within 30d of their expiry, the first is secret c at 2026-11-22T12:00:00Z",
        (3, 2, 1),
    ),
    "not valid yet": (
        (secret(not_before=NOW + DAY),),
        "True NotYetValid",
        "1 not valid yet",
        (1, 0, 0),
    ),
    "disabled": ((secret(left=-1, enabled=False),), "False Valid", "no watched object", (1, 0, 0)),
}


@pytest.mark.parametrize(("objects", "condition", "message", "counts"), STATES.values(), ids=STATES.keys())
def test_what_the_status_says(
    objects: tuple[ObjectProperties, ...], condition: str, message: str, counts: tuple[int, int, int]
) -> None:
    found, _ = judged(facts_of(*objects))
    shown = found.conditions[0]
    assert f"{shown.status.value} {shown.reason.word}" == condition
    assert shown.message.startswith(message)
    assert (found.fields["objects"], found.fields["expired"], found.fields["expiring"]) == counts


def test_each_crossing_is_told_once() -> None:
    state = MonitorState()
    steps = {
        31: [],
        29: ["ExpiresSoon: secret a expires at 2026-12-25T12:00:00Z, within 30d"],
        8: [],
        7: ["ExpiresSoon: secret a expires at 2026-12-25T12:00:00Z, within 7d"],
        0.5: ["ExpiresSoon: secret a expires at 2026-12-25T12:00:00Z, within 1d"],
        0: ["Expired: secret a expired at 2026-12-25T12:00:00Z; renew it in the vault"],
        -30: [],
    }
    end = NOW + 31 * DAY
    for left, expected in steps.items():
        facts = facts_of(secret(left=31), now=end - left * DAY)
        result, state = judged(facts, state)
        assert told(result) == expected, left


RESTARTS = {
    "nothing was told ever": (None, BORN, ["ExpiresSoon"]),
    "told since": (NOW - DAY, BORN, []),
    "told before it crossed": (NOW - 5 * DAY, BORN, ["ExpiresSoon"]),
    "a version that came later": (NOW - DAY, NOW - timedelta(hours=1), ["ExpiresSoon"]),
}


@pytest.mark.parametrize(("until", "born", "expected"), RESTARTS.values(), ids=RESTARTS.keys())
def test_a_new_process_knows_from_the_status_what_was_told(
    until: datetime | None, born: datetime, expected: list[str]
) -> None:
    """The object crossed 30 days two days ago."""
    facts = facts_of(secret(left=28, created_on=born), told_until=until)
    result, _ = judged(facts)
    assert [note.reason.word for note in result.notes] == expected
    assert result.fields.get("expiryToldUntil") == (
        "2026-11-24T12:00:00Z" if expected else until and until.strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def test_a_status_that_was_not_taken_makes_nobody_hear_it_twice() -> None:
    _, state = judged(facts_of(secret(left=28)))
    again, _ = judged(facts_of(secret(left=28), told_until=None), state)
    assert told(again) == []
    assert again.fields["expiryToldUntil"] == "2026-11-24T12:00:00Z", "the status still has to hear of it"


def test_a_new_version_is_told_and_its_expiry_is_new() -> None:
    _, state = judged(facts_of(secret(left=5)))
    renewed, state = judged(facts_of(secret(left=20, created_on=NOW)), state)
    assert told(renewed) == [
        "ExpiresSoon: secret a expires at 2026-12-14T12:00:00Z, within 30d",
        "Rotated: secret a has a new version",
    ]
    assert told(judged(facts_of(secret(left=20, created_on=NOW)), state)[0]) == []


def test_a_new_version_of_a_bound_object_is_told_by_its_bindings() -> None:
    _, state = judged(facts_of(secret(), whole=False))
    result, _ = judged(facts_of(secret(created_on=NOW), whole=False), state)
    assert told(result) == []


def test_many_are_told_by_their_number() -> None:
    result, _ = judged(facts_of(*(secret(f"s-{number:02}", left=-1) for number in range(25))))
    assert len(result.notes) == MOST_NOTES + 1
    assert result.notes[-1].message == (
        "and 15 more objects; the metric vaultbind_object_expiry_timestamp_seconds shows them"
    )
    assert {note.reason for note in result.notes} == {Reason.EXPIRED}


def test_a_keyvault_that_watches_nothing_counts_only() -> None:
    result, _ = judged(facts_of(secret(left=-1), watched=False))
    gone = ("expired", "expiring", "ending", "soonest", "eventsSentUntil")
    assert result == Report(fields={"objects": 1, **dict.fromkeys(gone)})


LATE = NOW - 10 * DAY
"""Until when all was told before this process came."""
LEARNED = {
    "told before this process": (5, NOW - DAY, []),
    "passed since": (5, LATE, ["ExpiresSoon: secret a expires at 2026-11-29T12:00:00Z, within 7d"]),
    "never told anything": (5, None, ["ExpiresSoon: secret a expires at 2026-11-29T12:00:00Z, within 7d"]),
    "over for long": (-12, LATE, []),
    "far": (100, LATE, []),
}


@pytest.mark.parametrize(("left", "told_until", "notes"), LEARNED.values(), ids=LEARNED.keys())
def test_an_end_that_is_learned_late(left: int, told_until: datetime | None, notes: list[str]) -> None:
    """As if it had been known from the start on, although something else was told in between."""
    _, state = judged(facts_of(secret(left=300), told_until=told_until))
    state = replace(state, told_until=NOW)
    facts = facts_of(secret(left=left), learned=frozenset({A}), told_until=NOW)
    result, state = judged(facts, adopt(state, facts, frozenset(), told_until))
    assert told(result) == notes
    result, _ = judged(facts, adopt(state, facts, facts.learned, told_until))
    assert told(result) == [], "once"


def test_an_end_that_was_known_and_moves_is_told_again() -> None:
    """Somebody has moved the date: that is another one."""
    first = facts_of(secret(left=5), learned=frozenset({A}), told_until=NOW - DAY)
    _, state = judged(first)
    second = facts_of(secret(left=6), learned=frozenset({A}))
    assert adopt(state, second, first.learned, NOW) is state
    assert len(told(judged(second, state)[0])) == 1
