"""The table of states (design, section 5), row by row, and what else a report says."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.bindings.objects import NOW, STAMP, content_of, existing_of, facts_of, metadata_of
from vaultbind.api.conditions import Condition, ConditionType, Reason, Status
from vaultbind.bindings.apply import Applied
from vaultbind.bindings.facts import Create, Decision, Facts, Keep, Patch, Recreate, Refuse
from vaultbind.bindings.plan import MAX_OBJECTS
from vaultbind.bindings.report import report, report_denial, report_suspended
from vaultbind.engine.report import Note, NoteType, Report
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.vaults.causes import Trouble
from vaultbind.vaults.policy import Denial

HOUR = timedelta(hours=1)
EXISTING = existing_of(metadata_of())
TROUBLE = Trouble(reason=Reason.TIMEOUT, message="too slow", retry_after=7.0)
CLUSTER = KubeError(KubeErrorKind.SERVER_ERROR, "create Secret: server error", retry_after=3.0)
WRITTEN = Applied(written=True)
FOREIGN = Refuse(reason=Reason.SECRET_NOT_OWNED, message="not ours")
WAITING = Refuse(reason=Reason.TARGET_NOT_FOUND, message="no target")
NEW = Create(body={}, revision=1)

Row = tuple[tuple[str, str], ...]
GOOD = (("Ready", "True Synced"), ("Synced", "True Synced"))


def failing(reason: Reason = Reason.TIMEOUT) -> Row:
    return (("Ready", f"False {reason.word}"), ("Synced", f"False {reason.word}"))


def stalled(reason: Reason) -> Row:
    return (*failing(reason), ("Stalled", f"True {reason.word}"))


def kept(reason: Reason = Reason.TIMEOUT) -> Row:
    return (("Ready", "True SecretKept"), ("Synced", f"False {reason.word}"))


def row_of(found: Report) -> Row:
    return tuple((item.type.value, f"{item.status.value} {item.reason.word}") for item in found.conditions)


def since(age: timedelta, status: str = "False", **fields: Any) -> dict[str, Any]:
    """A status whose Synced has been `status` for so long."""
    stamp = (NOW - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": "Synced", "status": status, "reason": "Timeout", "lastTransitionTime": stamp}
    return {"revision": 3, "secretName": "db", "conditions": [condition], **fields}


ROWS = [
    # -- right for this generation
    pytest.param(facts_of(in_sync=True, existing=EXISTING), Keep(), Applied(), GOOD, id="in sync"),
    pytest.param(facts_of(content=content_of(), status={}), NEW, WRITTEN, GOOD, id="just created"),
    pytest.param(
        facts_of(content=content_of(), existing=EXISTING), Keep(), Applied(), GOOD, id="compared and kept"
    ),
    # -- good Secret, vault failing
    pytest.param(
        facts_of(trouble=TROUBLE, existing=EXISTING), Keep(), Applied(), kept(), id="vault failing since now"
    ),
    pytest.param(
        facts_of(trouble=TROUBLE, existing=EXISTING, status=since(2 * HOUR, "True")),
        Keep(),
        Applied(),
        kept(),
        id="vault failing after long being good",
    ),
    pytest.param(
        facts_of(trouble=TROUBLE, existing=EXISTING, status=since(HOUR)),
        Keep(),
        Applied(),
        kept(),
        id="vault failing for just staleAfter",
    ),
    pytest.param(
        facts_of(trouble=TROUBLE, existing=EXISTING, status=since(HOUR + timedelta(seconds=1))),
        Keep(),
        Applied(),
        failing(),
        id="vault failing for longer",
    ),
    pytest.param(
        facts_of(in_sync=True, stale=True, existing=EXISTING),
        Keep(),
        Applied(),
        failing(Reason.UNREACHABLE),
        id="in sync with looks that are too old",
    ),
    pytest.param(
        facts_of(trouble=TROUBLE, stale=True, existing=EXISTING),
        Keep(),
        Applied(),
        failing(),
        id="the binding's own trouble with looks that are too old",
    ),
    pytest.param(
        facts_of(existing=EXISTING),
        Keep(),
        Applied(error=CLUSTER),
        kept(Reason.CLUSTER_ERROR),
        id="a change cannot be written",
    ),
    # -- never written, will retry
    pytest.param(facts_of(trouble=TROUBLE, status={}), Keep(), Applied(), failing(), id="never written"),
    pytest.param(
        facts_of(trouble=TROUBLE, existing=EXISTING, status={}),
        Keep(),
        Applied(),
        failing(),
        id="never written, though a Secret is there",
    ),
    pytest.param(facts_of(trouble=TROUBLE), Keep(), Applied(), failing(), id="written once, and gone"),
    pytest.param(
        facts_of(content=content_of(), status={}),
        NEW,
        Applied(error=CLUSTER),
        failing(Reason.CLUSTER_ERROR),
        id="cannot be created",
    ),
    pytest.param(facts_of(), WAITING, Applied(), failing(Reason.TARGET_NOT_FOUND), id="merge waits"),
    # -- InvalidSpec, SecretNotOwned, NotImplemented (see the denials below), KeyConflict
    pytest.param(facts_of(), FOREIGN, Applied(), stalled(Reason.SECRET_NOT_OWNED), id="not owned"),
    pytest.param(
        facts_of(),
        Refuse(reason=Reason.CONFLICT, message="taken"),
        Applied(),
        stalled(Reason.CONFLICT),
        id="key conflict",
    ),
    pytest.param(
        facts_of(trouble=Trouble(reason=Reason.INVALID_SPEC, message="bad key"), existing=EXISTING),
        Keep(),
        Applied(),
        stalled(Reason.INVALID_SPEC),
        id="what was read shows that the spec cannot be used",
    ),
]


@pytest.mark.parametrize(("facts", "decision", "applied", "row"), ROWS)
def test_states(facts: Facts, decision: Decision, applied: Applied, row: Row) -> None:
    assert row_of(report(facts, decision, applied, HOUR)) == row


def test_a_good_secret_is_not_trusted_at_all_where_staleness_is_forbidden() -> None:
    found = report(facts_of(trouble=TROUBLE, existing=EXISTING), Keep(), Applied(), timedelta(0))
    assert row_of(found) == failing()


DENIALS = [
    pytest.param(Reason.INVALID_SPEC, True, stalled(Reason.INVALID_SPEC), None, id="invalid"),
    pytest.param(Reason.NOT_IMPLEMENTED, True, stalled(Reason.NOT_IMPLEMENTED), None, id="not implemented"),
    pytest.param(Reason.ACCESS_DENIED, True, stalled(Reason.ACCESS_DENIED), None, id="access"),
    pytest.param(Reason.KEYVAULT_NOT_FOUND, False, failing(Reason.KEYVAULT_NOT_FOUND), None, id="no vault"),
    pytest.param(
        Reason.KEYVAULT_NOT_FOUND, True, kept(Reason.KEYVAULT_NOT_FOUND), 3601.0, id="no vault, but a Secret"
    ),
    pytest.param(
        Reason.KEYVAULT_NOT_READY, True, kept(Reason.KEYVAULT_NOT_READY), 3601.0, id="vault not usable"
    ),
]


@pytest.mark.parametrize(("reason", "has_secret", "row", "next_in"), DENIALS)
def test_denials(reason: Reason, has_secret: bool, row: Row, next_in: float | None) -> None:
    denial = Denial(reason=reason, message="why")
    found = report_denial(denial, {}, has_secret=has_secret, now=NOW, stale_after=HOUR)
    assert row_of(found) == row
    assert (found.retry, found.next_in) == (False, next_in)
    assert found.conditions[1].message == "why"


@pytest.mark.parametrize(
    ("minutes", "row", "next_in"),
    [
        (20, kept(Reason.KEYVAULT_NOT_FOUND), 2401.0),
        (60, kept(Reason.KEYVAULT_NOT_FOUND), 1.0),
        (61, failing(Reason.KEYVAULT_NOT_FOUND), None),
    ],
)
def test_a_kept_secret_is_judged_again_when_it_gets_too_old(
    minutes: int, row: Row, next_in: float | None
) -> None:
    denial = Denial(reason=Reason.KEYVAULT_NOT_FOUND, message="why")
    status = since(timedelta(minutes=minutes))
    found = report_denial(denial, status, has_secret=True, now=NOW, stale_after=HOUR)
    assert (row_of(found), found.next_in) == (row, next_in)


def ready(status: str, reason: str, message: str | None = "m") -> dict[str, Any]:
    shown = {} if message is None else {"message": message}
    return {"conditions": [{"type": "Ready", "status": status, "reason": reason, **shown}]}


SUSPENDED = [
    pytest.param({}, ("Unknown Suspended", "spec.suspend is true"), id="never ready"),
    pytest.param(ready("True", "Synced"), ("True Synced", "m"), id="ready stays ready"),
    pytest.param(ready("False", "Timeout"), ("False Timeout", "m"), id="not ready stays that"),
    pytest.param(ready("True", "Synced", None), ("True Synced", ""), id="without a message"),
    pytest.param(
        ready("True", "FromTheFuture"), ("True Suspended", "m"), id="a reason that is not known any more"
    ),
]


@pytest.mark.parametrize(("status", "shown"), SUSPENDED)
def test_suspended(status: dict[str, Any], shown: tuple[str, str]) -> None:
    found = report_suspended(status)
    assert row_of(found) == (("Ready", shown[0]), ("Synced", "Unknown Suspended"))
    assert found.conditions[0].message == shown[1]
    assert (found.retry, found.next_in, found.notes) == (False, None, ())


RETRIES = [
    pytest.param(facts_of(in_sync=True), Keep(), Applied(), (False, None), id="good"),
    pytest.param(facts_of(trouble=TROUBLE), Keep(), Applied(), (True, 7.0), id="at the vault's pace"),
    pytest.param(facts_of(), NEW, Applied(error=CLUSTER), (True, 3.0), id="at the cluster's pace"),
    pytest.param(facts_of(), FOREIGN, Applied(), (True, None), id="a foreign Secret may go"),
    pytest.param(facts_of(stale=True, in_sync=True), Keep(), Applied(), (True, None), id="stale"),
]


@pytest.mark.parametrize(("facts", "decision", "applied", "retry"), RETRIES)
def test_retries(
    facts: Facts, decision: Decision, applied: Applied, retry: tuple[bool, float | None]
) -> None:
    found = report(facts, decision, applied, HOUR)
    assert (found.retry, found.retry_after) == retry


# -- status fields --------------------------------------------------------------------------------------


def entry(name: str, expires: str | None = None) -> dict[str, Any]:
    base = {"kind": "secret", "name": name, "version": "1", "enabled": True}
    return base if expires is None else {**base, "expires": expires}


def with_objects(*entries: dict[str, Any], **changes: Any) -> Facts:
    return facts_of(content=replace(content_of(), objects=entries), **changes)


RECREATED = Recreate(
    body={}, uid="s1", resource_version="7", revision=4, note=Reason.RECREATED, detail="immutable"
)
PATCHED = Patch(body={}, revision=4, note=Reason.UPDATED, detail="keys password")
SHOWN = {"lastHandledRequest": None, "secretName": "db", "objects": [entry("db")], "objectCount": 1}

FIELDS = [
    pytest.param(facts_of(in_sync=True), Keep(), Applied(), {"lastHandledRequest": None}, id="nothing read"),
    pytest.param(
        facts_of(in_sync=True, request="now"), Keep(), Applied(), {"lastHandledRequest": "now"}, id="request"
    ),
    pytest.param(
        facts_of(trouble=TROUBLE, request="now"),
        Keep(),
        Applied(),
        {"lastHandledRequest": "now"},
        id="a request is handled by a look that fails, too",
    ),
    pytest.param(
        facts_of(request="now"), FOREIGN, Applied(), {"lastHandledRequest": "now"}, id="request refused"
    ),
    pytest.param(
        with_objects(entry("db"), status={}),
        NEW,
        WRITTEN,
        {**SHOWN, "revision": 1, "expires": None, "lastChanged": STAMP},
        id="created",
    ),
    pytest.param(
        with_objects(entry("db")),
        PATCHED,
        WRITTEN,
        {**SHOWN, "revision": 4, "expires": None, "lastChanged": STAMP},
        id="updated",
    ),
    pytest.param(
        with_objects(entry("db")),
        Patch(body={}, revision=3, note=Reason.REPAIRED),
        WRITTEN,
        {**SHOWN, "revision": 3, "expires": None},
        id="repaired: the content has not changed",
    ),
    pytest.param(
        with_objects(entry("db")), Keep(), Applied(), {**SHOWN, "revision": 3, "expires": None}, id="kept"
    ),
    pytest.param(
        with_objects(entry("db")),
        Keep(revision=4),
        Applied(),
        {**SHOWN, "revision": 4, "expires": None, "lastChanged": STAMP},
        id="kept, and the status has not heard of the last change",
    ),
    pytest.param(
        with_objects(entry("db"), status={}),
        Keep(),
        Applied(),
        {**SHOWN, "revision": 1, "expires": None},
        id="kept although the status was lost",
    ),
    pytest.param(
        with_objects(entry("db"), status={"revision": 4}),
        Recreate(body={}, uid="s1", resource_version="7", revision=4, note=Reason.RECREATED),
        WRITTEN,
        {**SHOWN, "revision": 4, "expires": None},
        id="recreated",
    ),
    pytest.param(
        with_objects(entry("a", "2027-01-02T00:00:00Z"), entry("b"), entry("c", "2027-01-01T00:00:00Z")),
        Keep(),
        Applied(),
        {
            "lastHandledRequest": None,
            "secretName": "db",
            "revision": 3,
            "expires": "2027-01-01T00:00:00Z",
            "objects": [entry("a", "2027-01-02T00:00:00Z"), entry("b"), entry("c", "2027-01-01T00:00:00Z")],
            "objectCount": 3,
        },
        id="the earliest expiry",
    ),
]


@pytest.mark.parametrize(("facts", "decision", "applied", "fields"), FIELDS)
def test_fields(facts: Facts, decision: Decision, applied: Applied, fields: dict[str, Any]) -> None:
    assert report(facts, decision, applied, HOUR).fields == fields


def test_a_long_list_of_objects_is_cut_and_counted() -> None:
    entries = [entry(f"s{number}") for number in range(MAX_OBJECTS + 6)]
    fields = report(with_objects(*entries), Keep(), Applied(), HOUR).fields
    assert fields["objects"] == entries[:MAX_OBJECTS]
    assert fields["objectCount"] == MAX_OBJECTS + 6


# -- Events ---------------------------------------------------------------------------------------------

NOTES = [
    pytest.param(Keep(), None, id="kept"),
    pytest.param(NEW, None, id="a first Secret is told by its status"),
    pytest.param(Patch(body={}, revision=3), None, id="only the mark moved"),
    pytest.param(PATCHED, (Reason.UPDATED, "Secret db updated: keys password"), id="updated"),
    pytest.param(
        Create(body={}, revision=3, note=Reason.REPAIRED, detail="it had been deleted"),
        (Reason.REPAIRED, "Secret db repaired: it had been deleted"),
        id="deleted by somebody",
    ),
    pytest.param(
        RECREATED,
        (Reason.RECREATED, "Secret db recreated: immutable"),
        id="recreated",
    ),
]


@pytest.mark.parametrize(("decision", "told"), NOTES)
def test_notes(decision: Decision, told: tuple[Reason, str] | None) -> None:
    found = report(facts_of(content=content_of()), decision, WRITTEN, HOUR).notes
    assert found == (() if told is None else (Note(type=NoteType.NORMAL, reason=told[0], message=told[1]),))


def version(name: str, text: str) -> dict[str, Any]:
    return {**entry(name), "version": text}


VERSIONS = {
    "one": (["a"], "; secret a v1 -> v2"),
    "as many as an Event names": (
        ["a", "b", "c"],
        "; secret a v1 -> v2, secret b v1 -> v2, secret c v1 -> v2",
    ),
    "more": (["a", "b", "c", "d"], "; secret a v1 -> v2, secret b v1 -> v2, secret c v1 -> v2 and 1 more"),
    "none": ([], ""),
}


@pytest.mark.parametrize(("names", "told"), VERSIONS.values(), ids=VERSIONS.keys())
def test_an_update_names_old_and_new_versions(names: list[str], told: str) -> None:
    same, new = version("same", "v1"), version("new", "v1")
    before = [same, *(version(name, "v1") for name in names)]
    facts = with_objects(same, *(version(name, "v2") for name in names), new, status={"objects": before})
    [note] = report(facts, PATCHED, WRITTEN, HOUR).notes
    assert note.message == f"Secret db updated: keys password{told}"
    [note] = report(facts, RECREATED, WRITTEN, HOUR).notes
    assert note.message == f"Secret db recreated: immutable{told}"


def test_what_failed_is_not_told_as_done() -> None:
    assert report(facts_of(content=content_of()), PATCHED, Applied(error=CLUSTER), HOUR).notes == ()


def test_messages_say_what_to_know() -> None:
    found = report(facts_of(trouble=TROUBLE, existing=EXISTING), Keep(), Applied(), HOUR)
    assert found.conditions == (
        Condition(
            type=ConditionType.READY,
            status=Status.TRUE,
            reason=Reason.SECRET_KEPT,
            message="the last good Secret is kept; Timeout",
        ),
        Condition(type=ConditionType.SYNCED, status=Status.FALSE, reason=Reason.TIMEOUT, message="too slow"),
    )
