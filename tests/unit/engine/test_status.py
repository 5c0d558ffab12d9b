"""The status patch and the Events that follow from it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.objects import BAD, EARLIER, FINE, NOW, STAMP, condition, thing
from vaultbind.api.conditions import Condition, ConditionType, Reason, Status
from vaultbind.engine.report import NoteType, Report
from vaultbind.engine.status import decide_notes, render_status_patch

GUARD = {"uid": "u1", "resourceVersion": "1"}
READY_FINE = condition(ConditionType.READY, Status.TRUE, Reason.SYNCED)
READY_BAD = condition(ConditionType.READY, Status.FALSE, Reason.TIMEOUT, "too slow")
SUSPENDED = condition(status=Status.UNKNOWN, reason=Reason.SUSPENDED)


def written(*conditions: Condition, since: str = EARLIER, generation: int = 1) -> list[dict[str, Any]]:
    """Conditions as a status has them."""
    return [
        {
            "type": item.type.value,
            "status": item.status.value,
            "reason": item.reason.word,
            "message": item.message,
            "observedGeneration": generation,
            "lastTransitionTime": since,
        }
        for item in conditions
    ]


def told(*conditions: Condition, **fields: Any) -> dict[str, Any]:
    """Status of an object that was reported on before."""
    return {"observedGeneration": 1, "conditions": written(*conditions), **fields}


def patch_of(obj: dict[str, Any], report: Report) -> dict[str, Any] | None:
    return render_status_patch(obj, report, NOW)


def test_a_first_report_is_written_whole_and_guarded() -> None:
    patch = patch_of(thing(), Report(conditions=(FINE,), fields={"revision": 1, "expires": None}))
    status = {"observedGeneration": 1, "conditions": written(FINE, since=STAMP), "revision": 1}
    assert patch == {"metadata": GUARD, "status": status}


def test_nothing_new_is_not_written() -> None:
    obj = thing(status=told(FINE, revision=3))
    assert patch_of(obj, Report(conditions=(FINE,), fields={"revision": 3, "expires": None})) is None


def test_no_conditions_leave_the_status_alone() -> None:
    assert patch_of(thing(), Report(fields={"revision": 1}, retry=True)) is None


CHANGES = [
    pytest.param(Report(conditions=(FINE,), fields={"revision": 4}), {"revision": 4}, id="a field"),
    pytest.param(
        Report(conditions=(FINE,), fields={"revision": None}), {"revision": None}, id="field removed"
    ),
    pytest.param(
        Report(conditions=(condition(message="other"),)),
        {"conditions": written(condition(message="other"))},
        id="another message: the time stays",
    ),
    pytest.param(
        Report(conditions=(condition(reason=Reason.SECRET_KEPT),)),
        {"conditions": written(condition(reason=Reason.SECRET_KEPT))},
        id="another reason: the time stays",
    ),
    pytest.param(
        Report(conditions=(BAD,)), {"conditions": written(BAD, since=STAMP)}, id="a flip moves the time"
    ),
    pytest.param(
        Report(conditions=(FINE, READY_FINE)),
        {"conditions": [*written(FINE), *written(READY_FINE, since=STAMP)]},
        id="a new type has a new time",
    ),
    pytest.param(
        Report(conditions=(READY_FINE,)),
        {"conditions": written(READY_FINE, since=STAMP)},
        id="a type that is not reported goes",
    ),
]


@pytest.mark.parametrize(("report", "changed"), CHANGES)
def test_only_what_changes_is_written(report: Report, changed: dict[str, Any]) -> None:
    assert patch_of(thing(status=told(FINE, revision=3)), report) == {"metadata": GUARD, "status": changed}


def test_a_new_generation_is_written_although_all_else_is_the_same() -> None:
    patch = patch_of(thing(generation=2, status=told(FINE)), Report(conditions=(FINE,)))
    conditions = written(FINE, generation=2)
    assert patch == {"metadata": GUARD, "status": {"observedGeneration": 2, "conditions": conditions}}


def expiring(status: Status, reason: Reason, message: str = "m") -> Condition:
    return condition(ConditionType.EXPIRING, status, reason, message)


VALID = expiring(Status.FALSE, Reason.VALID)
SOON = expiring(Status.TRUE, Reason.EXPIRES_SOON, "within 30d")
SOONER = expiring(Status.TRUE, Reason.EXPIRES_SOON, "within 7d")
EXPIRED = expiring(Status.TRUE, Reason.EXPIRED, "over")
STALLED = condition(ConditionType.STALLED, Status.TRUE, Reason.INVALID_SPEC)
WARNING, NORMAL = NoteType.WARNING, NoteType.NORMAL
OTHER_BAD = condition(status=Status.FALSE, reason=Reason.FORBIDDEN, message="no")

NOTES = [
    pytest.param([], [FINE], [], id="a first success is not told"),
    pytest.param([], [BAD], [(WARNING, Reason.TIMEOUT)], id="a first failure is"),
    pytest.param([FINE], [FINE], [], id="still fine"),
    pytest.param([BAD], [BAD], [], id="still the same trouble"),
    pytest.param(
        [BAD],
        [condition(status=Status.FALSE, reason=Reason.TIMEOUT, message="slower")],
        [],
        id="same trouble in other words",
    ),
    pytest.param([FINE], [BAD], [(WARNING, Reason.TIMEOUT)], id="turned bad"),
    pytest.param([BAD], [OTHER_BAD], [(WARNING, Reason.FORBIDDEN)], id="another trouble"),
    pytest.param([BAD], [FINE], [(NORMAL, Reason.SYNCED)], id="recovered"),
    pytest.param([BAD], [SUSPENDED], [], id="suspended is not told"),
    pytest.param([SUSPENDED], [FINE], [], id="nor its end"),
    pytest.param([READY_FINE], [READY_BAD], [(WARNING, Reason.TIMEOUT)], id="Ready where there is no Synced"),
    pytest.param([READY_FINE, FINE], [READY_BAD, BAD], [(WARNING, Reason.TIMEOUT)], id="not both"),
    pytest.param([], [STALLED], [], id="Stalled says nothing more"),
    pytest.param([FINE], [FINE, VALID], [], id="valid"),
    pytest.param([FINE, VALID], [FINE, SOON], [(WARNING, Reason.EXPIRES_SOON)], id="expires soon"),
    pytest.param([FINE, SOON], [FINE, SOON], [], id="the same threshold"),
    pytest.param([FINE, SOON], [FINE, SOONER], [(WARNING, Reason.EXPIRES_SOON)], id="the next threshold"),
    pytest.param([FINE, SOONER], [FINE, EXPIRED], [(WARNING, Reason.EXPIRED)], id="expired"),
    pytest.param([FINE, EXPIRED], [FINE, VALID], [(NORMAL, Reason.VALID)], id="renewed"),
]


@pytest.mark.parametrize(("before", "now", "notes"), NOTES)
def test_notes(before: list[Condition], now: list[Condition], notes: list[tuple[NoteType, Reason]]) -> None:
    found = decide_notes(thing(status=told(*before)), Report(conditions=tuple(now)))
    assert [(note.type, note.reason) for note in found] == notes
    messages = {item.message for item in now}
    assert all(note.message in messages for note in found)


def test_an_object_without_status_has_no_former_conditions() -> None:
    assert decide_notes(thing(), Report(conditions=(FINE,))) == ()
    assert len(decide_notes(thing(), Report(conditions=(BAD,)))) == 1


CONDITIONS = st.lists(
    st.sampled_from([FINE, BAD, OTHER_BAD, SUSPENDED, READY_FINE, READY_BAD, VALID, SOON, SOONER, EXPIRED]),
    unique_by=lambda item: item.type,
    min_size=1,
)


@given(before=CONDITIONS, now=CONDITIONS)
def test_what_changes_nothing_is_not_told(before: list[Condition], now: list[Condition]) -> None:
    obj, report = thing(status=told(*before)), Report(conditions=tuple(now))
    if patch_of(obj, report) is None:
        assert decide_notes(obj, report) == ()


@given(before=CONDITIONS, now=CONDITIONS)
def test_a_report_is_written_once(before: list[Condition], now: list[Condition]) -> None:
    obj, report = thing(status=told(*before)), Report(conditions=tuple(now), fields={"a": 1})
    patch = patch_of(obj, report)
    assert patch is not None
    after = {**obj, "status": {**obj["status"], **patch["status"]}}
    assert patch_of(after, report) is None
