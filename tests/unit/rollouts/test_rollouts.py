"""Which workloads are restarted, and what is told of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaultbind.api.conditions import Reason
from vaultbind.api.pod_values import OLDEST_SECONDS
from vaultbind.api.refs import ObjectKey
from vaultbind.kube.resources import DEPLOYMENTS
from vaultbind.rollouts.facts import Restarted, RolloutFacts, Workload
from vaultbind.rollouts.pace import RestartPace
from vaultbind.rollouts.plan import decide, decide_hold, is_behind
from vaultbind.rollouts.report import RETRY_SECONDS, report_done, report_refused, report_seen

BEHIND = {
    "a binding that was never seen to": ({}, 1, False),
    "rollout added to an old binding": ({"revision": 7}, 7, False),
    "nothing has changed": ({"rolloutRevision": 7}, 7, False),
    "content has changed": ({"rolloutRevision": 7}, 8, True),
    "content has changed twice": ({"rolloutRevision": 7}, 9, True),
    "the Secret was made anew and counts from one": ({"rolloutRevision": 7}, 1, False),
}


@pytest.mark.parametrize(("status", "revision", "expected"), BEHIND.values(), ids=BEHIND.keys())
def test_workloads_are_behind_only_after_a_change(
    status: dict[str, Any], revision: int, expected: bool
) -> None:
    assert is_behind(status, revision) is expected


def workload(name: str, revision: str = "") -> Workload:
    return Workload(
        resource=DEPLOYMENTS, namespace="shop", name=name, uid=f"uid-{name}", revision=revision, about={}
    )


def facts_of(*workloads: Workload, missing: tuple[str, ...] = ()) -> RolloutFacts:
    key = ObjectKey("VaultBinding", "shop", "db")
    return RolloutFacts(key=key, uid="u", revision=8, workloads=workloads, missing=missing)


def test_what_names_the_revision_already_is_left_alone() -> None:
    fresh, old, never = workload("a", "8"), workload("b", "7"), workload("c")
    assert decide(facts_of(fresh, old, never)) == (old, never)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOLDS: dict[str, tuple[bool, float | None, float]] = {
    "pods without injection": (False, 0.0, 0.0),
    "seen just now": (True, 0.0, OLDEST_SECONDS + 1),
    "seen a while ago": (True, -4.0, OLDEST_SECONDS - 3),
    "seen long ago": (True, -60.0, 0.0),
    "nobody knows when": (True, None, 0.0),
    "seen by a clock ahead of ours": (True, 3600.0, OLDEST_SECONDS + 1),
}


@pytest.mark.parametrize(("injected", "seen", "expected"), HOLDS.values(), ids=HOLDS)
def test_injected_pods_are_restarted_once_the_broker_has_forgotten(
    injected: bool, seen: float | None, expected: float
) -> None:
    changed = None if seen is None else NOW + timedelta(seconds=seen)
    behind = (workload("a"), replace(workload("b"), is_injected=injected))
    assert decide_hold(behind, changed, NOW) == expected


def test_the_status_moves_when_all_is_done() -> None:
    report = report_done(facts_of(missing=("Deployment gone",)), Restarted(done=(workload("a"),)))
    assert report.fields == {"rolloutRevision": 8}
    assert [(note.reason, note.message) for note in report.notes] == [
        (Reason.RESTARTED, "Deployment a restarted for revision 8"),
        (Reason.RESTART_FAILED, "Deployment gone is not there"),
    ]
    assert report.next_in is None


UNFINISHED = {
    "the pace says wait": (Restarted(done=(workload("a"),), wait=12.5), 12.5),
    "the cluster refused": (Restarted(done=(workload("a"),), refused="forbidden"), None),
}


@pytest.mark.parametrize(("restarted", "next_in"), UNFINISHED.values(), ids=UNFINISHED.keys())
def test_the_status_stays_while_something_is_left(restarted: Restarted, next_in: float | None) -> None:
    report = report_done(facts_of(missing=("Deployment gone",)), restarted)
    assert report.fields == {}
    assert report.next_in == next_in
    assert [note.reason for note in report.notes] == [Reason.RESTARTED], "what is missing is told at the end"


def test_a_refusal_is_told_once_and_tried_again() -> None:
    first, second = report_refused("forbidden", told=False), report_refused("forbidden", told=True)
    assert [note.message for note in first.notes] == ["workloads cannot be restarted: forbidden"]
    assert second.notes == ()
    assert first.next_in == second.next_in == RETRY_SECONDS
    assert first.fields == second.fields == {}


def test_without_rollouts_the_status_forgets_them() -> None:
    assert report_seen(None).fields == {"rolloutRevision": None}
    assert report_seen(3).fields == {"rolloutRevision": 3}


def test_so_many_in_a_minute() -> None:
    pace = RestartPace(2)
    assert pace.wait(0.0) == 0.0
    pace.note(0.0)
    pace.note(10.0)
    assert pace.wait(20.0) == 40.0
    assert pace.wait(59.9) == pytest.approx(0.1)
    assert pace.wait(60.0) == 0.0
    pace.note(60.0)
    assert pace.wait(61.0) == 9.0
