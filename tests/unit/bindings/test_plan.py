"""Facts in, one decision out: which, with which body, told how."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.bindings.objects import (
    DIGEST,
    KEY,
    MERGE,
    MERGER,
    OTHER_DIGEST,
    OURS,
    UID,
    content_of,
    existing_of,
    facts_of,
    managed,
    mark_text,
    metadata_of,
    spec_of,
)
from vaultbind.api.conditions import Reason
from vaultbind.bindings.drift import Drift
from vaultbind.bindings.facts import Create, Decision, Facts, Keep, Patch, Recreate, Refuse
from vaultbind.bindings.plan import decide
from vaultbind.vaults.causes import Trouble

GUARD = {"uid": "s1", "resourceVersion": "7"}
SOURCE, MERGED_SOURCE = "vaultbind.dev/source", f"vaultbind.dev/source.{UID}"
OWNER = metadata_of()["ownerReferences"]


def b64(text: bytes) -> str:
    return base64.b64encode(text).decode()


def new_mark(revision: int, *keys: str, digest: str = OTHER_DIGEST, source: str = SOURCE) -> dict[str, Any]:
    """The change of annotations that writes a mark."""
    return {"annotations": {source: mark_text(*(keys or ("password",)), digest=digest, revision=revision)}}


def whole(revision: int, *, value: bytes = b"new", type: str = "Opaque") -> dict[str, Any]:
    """Body of a POST."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "db",
            "namespace": "shop",
            "labels": {"vaultbind.dev/managed": "true", "vaultbind.dev/binding-uid": UID},
            "annotations": {"vaultbind.dev/binding": "db", **new_mark(revision)["annotations"]},
            "ownerReferences": OWNER,
        },
        "type": type,
        "data": {"password": b64(value)},
    }


def ours(**changes: Any) -> Any:
    """The Secret as we wrote it, read."""
    return existing_of(metadata_of(), **changes)


def locked_by_us(**changes: Any) -> Any:
    """A Secret that we made immutable."""
    entry = managed(OURS, "password")
    entry["fieldsV1"]["f:immutable"] = {}
    return existing_of(metadata_of(fields=[entry]), immutable=True, **changes)


def merged(data: dict[str, bytes], *fields: dict[str, Any], marked: bool = True) -> Any:
    """Somebody's Secret that we merge into."""
    metadata = metadata_of(spec_of(MERGE), fields=list(fields))
    if not marked:
        del metadata["annotations"][MERGED_SOURCE]
    return existing_of(metadata, data, merge=True)


MERGING = spec_of(MERGE)
LOCKED = spec_of(immutable=True)
METADATA = "labels, annotations or owner"
STATUS = {"revision": 3, "secretName": "db"}
OBJECT = {"kind": "secret", "name": "db", "version": "1", "enabled": True}
TROUBLE = Trouble(reason=Reason.TIMEOUT, message="too slow")
UPDATED, REPAIRED, RECREATED = Reason.UPDATED, Reason.REPAIRED, Reason.RECREATED

CASES = [
    # -- nothing is written
    pytest.param(facts_of(trouble=TROUBLE, existing=ours()), Keep(), id="the vault fails: keep"),
    pytest.param(
        facts_of(
            trouble=TROUBLE,
            existing=existing_of(metadata_of(ownerReferences=[], labels={}, annotations={})),
        ),
        Keep(),
        id="the vault fails and the Secret is foreign: keep",
    ),
    pytest.param(facts_of(existing=ours(), in_sync=True), Keep(), id="in sync"),
    pytest.param(facts_of(existing=ours()), Keep(), id="nothing was read"),
    pytest.param(
        facts_of(existing=ours(data={"password": b"new"}), content=content_of(DIGEST)),
        Keep(revision=3),
        id="read, and all is as it should be",
    ),
    # -- create
    pytest.param(
        facts_of(status={}, content=content_of()), Create(body=whole(1), revision=1), id="first time"
    ),
    pytest.param(
        facts_of(content=content_of()),
        Create(body=whole(3), revision=3, note=REPAIRED, detail="it had been deleted"),
        id="deleted by somebody",
    ),
    pytest.param(
        facts_of(status={"revision": 3, "secretName": "former"}, content=content_of()),
        Create(body=whole(4), revision=4),
        id="the target has another name now",
    ),
    # -- patch
    pytest.param(
        facts_of(existing=ours(), content=content_of()),
        Patch(
            body={"metadata": {**GUARD, **new_mark(4)}, "data": {"password": b64(b"new")}},
            revision=4,
            note=UPDATED,
            detail="keys password",
        ),
        id="new value",
    ),
    pytest.param(
        facts_of(existing=ours(data={"password": b"new"}), content=content_of()),
        Patch(body={"metadata": {**GUARD, **new_mark(3)}}, revision=3, detail="labels, annotations or owner"),
        id="same value, new source: the mark moves alone, told to nobody",
    ),
    pytest.param(
        facts_of(
            existing=existing_of(metadata_of(None, "password", "old"), {"password": b"new", "old": b"x"}),
            content=content_of(),
        ),
        Patch(
            body={"metadata": {**GUARD, **new_mark(4)}, "data": {"old": None}},
            revision=4,
            note=UPDATED,
            detail="1 key",
        ),
        id="a key is no longer wanted",
    ),
    pytest.param(
        facts_of(
            existing=ours(data={"password": b"bent", "extra": b"x"}),
            content=content_of(DIGEST, password=b"old"),
            drift=Drift(data=True, managers=("kubectl", "person")),
        ),
        Patch(
            body={"metadata": GUARD, "data": {"password": b64(b"old"), "extra": None}},
            revision=3,
            note=REPAIRED,
            detail="keys extra, password, changed by kubectl, person",
        ),
        id="edited by hand: same revision, mark and all",
    ),
    pytest.param(
        facts_of(existing=existing_of(metadata_of(annotations={})), content=content_of()),
        Patch(
            body={
                "metadata": {
                    **GUARD,
                    "annotations": {"vaultbind.dev/binding": "db", **new_mark(4)["annotations"]},
                },
                "data": {"password": b64(b"new")},
            },
            revision=4,
            note=UPDATED,
            detail="keys password",
        ),
        id="the mark was removed: the status knows the revision",
    ),
    pytest.param(
        facts_of(
            status={},
            existing=existing_of(
                metadata_of(labels={}, annotations={"vaultbind.dev/adopt": "db"}, ownerReferences=[]),
                {"password": b"new", "theirs": b"x"},
            ),
            content=content_of(),
        ),
        Patch(
            body={
                "metadata": {
                    **GUARD,
                    "labels": whole(1)["metadata"]["labels"],
                    "annotations": {**whole(1)["metadata"]["annotations"], "vaultbind.dev/adopt": None},
                    "ownerReferences": OWNER,
                },
                "data": {"theirs": None},
            },
            revision=1,
            note=UPDATED,
            detail="keys theirs",
        ),
        id="handed over: it becomes ours as a whole",
    ),
    pytest.param(
        facts_of(
            existing=existing_of(
                metadata_of(
                    spec_of(labels={"team": "a"}),
                    fields=[managed(OURS, "password", labels=["team", "vaultbind.dev/managed"])],
                ),
                {"password": b"new"},
            ),
            content=content_of(),
        ),
        Patch(
            body={"metadata": {**GUARD, "labels": {"team": None}, **new_mark(3)}},
            revision=3,
            detail="labels, annotations or owner",
        ),
        id="a label is no longer wanted",
    ),
    # -- metadata only, without any value
    pytest.param(
        facts_of(
            existing=existing_of(metadata_of(ownerReferences=[]), {}),
            in_sync=True,
            drift=Drift(metadata=True),
        ),
        Patch(
            body={"metadata": {**GUARD, "ownerReferences": OWNER}},
            revision=3,
            note=REPAIRED,
            detail="labels, annotations or owner",
        ),
        id="the owner was removed",
    ),
    pytest.param(
        facts_of(
            existing=existing_of(metadata_of(annotations={SOURCE: "bent"})),
            in_sync=True,
            drift=Drift(metadata=True),
        ),
        Keep(),
        id="in sync without a mark cannot be: keep",
    ),
    pytest.param(
        facts_of(
            existing=existing_of(metadata_of(ownerReferences=[]), {"password": b"new"}),
            content=content_of(DIGEST),
        ),
        Patch(
            body={"metadata": {**GUARD, "ownerReferences": OWNER}},
            revision=3,
            note=REPAIRED,
            detail="labels, annotations or owner",
        ),
        id="the owner was removed, seen while the content was compared",
    ),
    # -- recreate
    pytest.param(
        facts_of(existing=ours(type="kubernetes.io/tls"), content=content_of()),
        Recreate(
            body=whole(4),
            uid="s1",
            resource_version="7",
            revision=4,
            note=RECREATED,
            detail="type was kubernetes.io/tls",
        ),
        id="another type, another value",
    ),
    pytest.param(
        facts_of(
            spec=spec_of(type="kubernetes.io/basic-auth"),
            existing=ours(data={"password": b"new"}),
            content=content_of(),
        ),
        Recreate(
            body=whole(3, type="kubernetes.io/basic-auth"),
            uid="s1",
            resource_version="7",
            revision=3,
            note=RECREATED,
            detail="type was Opaque",
        ),
        id="another type, same value",
    ),
    pytest.param(
        facts_of(existing=ours(immutable=True), content=content_of()),
        Recreate(
            body=whole(4), uid="s1", resource_version="7", revision=4, note=RECREATED, detail="immutable"
        ),
        id="immutable and another value",
    ),
    pytest.param(
        facts_of(existing=ours(data={"password": b"new"}, immutable=True), content=content_of()),
        Patch(body={"metadata": {**GUARD, **new_mark(3)}}, revision=3, detail="labels, annotations or owner"),
        id="immutable and the same value",
    ),
    pytest.param(
        facts_of(spec=LOCKED, status={}, content=content_of()),
        Create(body={**whole(1), "immutable": True}, revision=1),
        id="immutable: first time",
    ),
    pytest.param(
        facts_of(spec=LOCKED, existing=ours(immutable=True), content=content_of()),
        Recreate(
            body={**whole(4), "immutable": True},
            uid="s1",
            resource_version="7",
            revision=4,
            note=RECREATED,
            detail="immutable",
        ),
        id="immutable: another value",
    ),
    pytest.param(
        facts_of(spec=LOCKED, existing=ours(data={"password": b"new"}, immutable=True), content=content_of()),
        Patch(body={"metadata": {**GUARD, **new_mark(3)}}, revision=3, detail=METADATA),
        id="immutable: the same value, the mark moves without its being made anew",
    ),
    pytest.param(
        facts_of(spec=LOCKED, existing=ours(data={"password": b"new"}), content=content_of()),
        Patch(body={"metadata": {**GUARD, **new_mark(3)}, "immutable": True}, revision=3, detail="immutable"),
        id="immutable from now on: locked where it is",
    ),
    pytest.param(
        facts_of(spec=LOCKED, existing=ours(), content=content_of()),
        Patch(
            body={
                "metadata": {**GUARD, **new_mark(4)},
                "data": {"password": b64(b"new")},
                "immutable": True,
            },
            revision=4,
            note=UPDATED,
            detail="keys password",
        ),
        id="immutable from now on, and another value",
    ),
    pytest.param(
        facts_of(spec=LOCKED, existing=ours(data={"password": b"new"}), content=content_of(DIGEST)),
        Patch(body={"metadata": GUARD, "immutable": True}, revision=3, note=REPAIRED, detail="immutable"),
        id="immutable: somebody made it anew without",
    ),
    pytest.param(
        facts_of(existing=locked_by_us(data={"password": b"new"}), content=content_of()),
        Recreate(
            body=whole(3),
            uid="s1",
            resource_version="7",
            revision=3,
            note=RECREATED,
            detail="it was immutable",
        ),
        id="no longer immutable: set free, revision stays",
    ),
    pytest.param(
        facts_of(content=content_of(), status={**STATUS, "objects": [{**OBJECT, "version": "0"}]}),
        Create(body=whole(4), revision=4, note=REPAIRED, detail="it had been deleted"),
        id="gone while the vault moved on: other content",
    ),
    pytest.param(
        facts_of(content=content_of(), status={**STATUS, "objects": [OBJECT]}),
        Create(body=whole(3), revision=3, note=REPAIRED, detail="it had been deleted"),
        id="gone, of the same objects: the same content",
    ),
    pytest.param(
        facts_of(existing=ours(data={"password": b"new"}, type=None), content=content_of(DIGEST)),
        Keep(revision=3),
        id="a type that is not known is none to change",
    ),
    # -- merge
    pytest.param(
        facts_of(
            spec=MERGING,
            status={},
            existing=merged({"theirs": b"x"}, managed("helm", "theirs"), marked=False),
            content=content_of(),
        ),
        Patch(
            body={
                "metadata": {**GUARD, **new_mark(1, source=MERGED_SOURCE)},
                "data": {"password": b64(b"new")},
            },
            revision=1,
            note=UPDATED,
            detail="keys password",
        ),
        id="merge: add a key, leave the others",
    ),
    pytest.param(
        facts_of(
            spec=MERGING,
            existing=merged(
                {"password": b"new", "old": b"x", "theirs": b"y"},
                managed(MERGER, "password", "old"),
                managed("helm", "theirs"),
            ),
            content=content_of(),
        ),
        Patch(
            body={"metadata": {**GUARD, **new_mark(4, source=MERGED_SOURCE)}, "data": {"old": None}},
            revision=4,
            note=UPDATED,
            detail="1 key",
        ),
        id="merge: prune only our own key",
    ),
    pytest.param(
        facts_of(
            spec=MERGING,
            existing=merged(
                {"password": b"new"},
                managed(MERGER, "password"),
                managed("helm", "password", operation="Apply"),
            ),
            content=content_of(DIGEST),
        ),
        Keep(revision=3),
        id="merge: a key owned together is no conflict",
    ),
    pytest.param(
        facts_of(
            spec=MERGING,
            existing=replace(
                merged({"password": b"old"}, managed(MERGER, "password")), type="kubernetes.io/tls"
            ),
            content=content_of(),
        ),
        Patch(
            body={
                "metadata": {**GUARD, **new_mark(4, source=MERGED_SOURCE)},
                "data": {"password": b64(b"new")},
            },
            revision=4,
            note=UPDATED,
            detail="keys password",
        ),
        id="merge: another type is not ours to change",
    ),
]


@pytest.mark.parametrize(("facts", "decision"), CASES)
def test_decision(facts: Facts, decision: Decision) -> None:
    assert decide(facts) == decision


REFUSALS = [
    pytest.param(
        facts_of(existing=existing_of({**GUARD, "name": "db"}), content=content_of()),
        Reason.SECRET_NOT_OWNED,
        ["Secret db", "nobody that controls it", "vaultbind.dev/adopt: db"],
        id="somebody else's Secret",
    ),
    pytest.param(
        facts_of(
            existing=existing_of(
                metadata_of(ownerReferences=[{**OWNER[0], "name": "web", "uid": "other"}]),
            ),
            in_sync=True,
        ),
        Reason.SECRET_NOT_OWNED,
        ["VaultBinding web"],
        id="another binding's Secret, even if it looks in sync",
    ),
    pytest.param(
        facts_of(spec=MERGING, content=content_of()),
        Reason.TARGET_NOT_FOUND,
        ["Secret db does not exist"],
        id="merge: no target",
    ),
    pytest.param(
        facts_of(
            spec=MERGING,
            existing=merged(
                {"password": b"theirs", "user": b"x"},
                managed("helm", "password", "user"),
                managed("argocd", "password", operation="Apply"),
            ),
            content=content_of(password=b"new", user=b"y"),
        ),
        Reason.CONFLICT,
        ["key password of Secret db", "argocd, helm"],
        id="merge: the key is another manager's",
    ),
]


@pytest.mark.parametrize(("facts", "reason", "words"), REFUSALS)
def test_refusal(facts: Facts, reason: Reason, words: list[str]) -> None:
    decision = decide(facts)
    assert isinstance(decision, Refuse)
    assert decision.reason is reason
    assert [word for word in words if word not in decision.message] == []
    assert decision.note is None


@pytest.mark.parametrize(("facts", "decision"), CASES)
def test_neither_facts_nor_decision_show_a_value(facts: Facts, decision: Decision) -> None:
    shown = repr(decide(facts)) + repr(facts)
    for value in (b"new", b"old", b"bent"):
        assert b64(value) not in shown
        assert repr(value) not in shown


@pytest.mark.parametrize(("facts", "decision"), CASES)
def test_every_change_is_guarded(facts: Facts, decision: Decision) -> None:
    decided = decide(facts)
    if isinstance(decided, Patch):
        assert GUARD.items() <= decided.body["metadata"].items()
    if isinstance(decided, Recreate):
        assert (decided.uid, decided.resource_version) == ("s1", "7")


def test_the_key_is_named_after_the_binding() -> None:
    decision = decide(facts_of(status={}, content=content_of()))
    assert isinstance(decision, Create)
    assert decision.body["metadata"]["annotations"]["vaultbind.dev/binding"] == KEY.name
