"""What somebody else did to a Secret of ours, seen in its metadata."""

from typing import Any

import pytest

from tests.unit.bindings.objects import (
    KEY,
    MERGE,
    MERGER,
    OURS,
    UID,
    managed,
    mark_text,
    metadata_of,
    spec_of,
)
from vaultbind.bindings.drift import Drift, decide_drift, is_metadata_drifted, stale_metadata_keys
from vaultbind.bindings.manifest import render_metadata
from vaultbind.bindings.mark import parse_mark

OWN = managed(OURS, "password", "user")
FINE = Drift()


def drift_of(fields: list[dict[str, Any]] | None, *, merge: bool = False, **changes: Any) -> Drift:
    """Drift of a Secret in which keys `password` and `user` are ours."""
    spec = spec_of(MERGE) if merge else spec_of()
    metadata = metadata_of(spec, "password", "user", **changes)
    metadata["managedFields"] = fields
    text = mark_text("password", "user")
    mark = parse_mark(text)
    assert mark is not None
    manager = MERGER if merge else OURS
    return decide_drift(metadata, render_metadata(KEY, UID, spec, text), mark, manager, exclusive=not merge)


OWNER_CASES = [
    pytest.param([OWN], FINE, id="as we wrote it"),
    pytest.param(
        [OWN, {**managed("status-writer", "x"), "subresource": "status"}], FINE, id="a subresource's writer"
    ),
    pytest.param(
        [OWN, managed("person", "password", operation="Apply")],
        FINE,
        id="the same value applied by another manager",
    ),
    pytest.param(
        [managed(OURS, "user"), managed("person", "password")],
        Drift(data=True, managers=("person",)),
        id="a value changed: the key has moved",
    ),
    pytest.param(
        [managed(OURS, "user"), managed("person", "password", operation="Apply")],
        Drift(data=True, managers=("person",)),
        id="a value applied by force",
    ),
    pytest.param(
        [OWN, managed("person", "extra")], Drift(data=True, managers=("person",)), id="a key was added"
    ),
    pytest.param([managed(OURS, "user")], Drift(data=True), id="a key was removed"),
    pytest.param(
        [managed(OURS, "user"), managed("zoe", "password"), managed("amy", "extra")],
        Drift(data=True, managers=("amy", "zoe")),
        id="several hands, in order",
    ),
    pytest.param(
        [managed("ancient-changes", "password", "user")],
        Drift(data=True, managers=("ancient-changes",)),
        id="old managers squashed, ours among them",
    ),
    pytest.param(
        [OWN, managed("ancient-changes", "extra")],
        Drift(data=True, managers=("ancient-changes",)),
        id="others squashed",
    ),
    pytest.param([], Drift(data=True), id="no managed fields"),
    pytest.param(None, Drift(data=True), id="none at all"),
    pytest.param([{}], Drift(data=True), id="emptied by somebody"),
]


@pytest.mark.parametrize(("fields", "drift"), OWNER_CASES)
def test_owned(fields: list[dict[str, Any]] | None, drift: Drift) -> None:
    assert drift_of(fields) == drift
    assert bool(drift_of(fields)) is bool(drift)


MERGED = managed(MERGER, "password", "user")
MERGE_CASES = [
    pytest.param([MERGED], FINE, id="alone"),
    pytest.param([MERGED, managed("helm", "extra")], Drift(managers=("helm",)), id="foreign keys are fine"),
    pytest.param(
        [managed(MERGER, "user"), managed("helm", "password")],
        Drift(data=True, managers=("helm",)),
        id="a key was taken from us",
    ),
    pytest.param(
        [managed(OURS, "password", "user")], Drift(data=True, managers=(OURS,)), id="not this binding"
    ),
]


@pytest.mark.parametrize(("fields", "drift"), MERGE_CASES)
def test_merged(fields: list[dict[str, Any]], drift: Drift) -> None:
    assert drift_of(fields, merge=True) == drift


WANTED = {
    "labels": {"team": "a"},
    "annotations": {"note": "b"},
    "ownerReferences": [{"uid": UID, "controller": True}],
}
METADATA_CASES = [
    pytest.param(WANTED, False, id="as wanted"),
    pytest.param({**WANTED, "labels": {"team": "a", "more": "x"}}, False, id="more labels"),
    pytest.param(
        {**WANTED, "ownerReferences": [{"uid": "x"}, *WANTED["ownerReferences"]]}, False, id="more owners"
    ),
    pytest.param({**WANTED, "labels": {"team": "b"}}, True, id="label changed"),
    pytest.param({**WANTED, "labels": None}, True, id="labels gone"),
    pytest.param({**WANTED, "annotations": {}}, True, id="annotation gone"),
    pytest.param({**WANTED, "ownerReferences": None}, True, id="owner gone"),
    pytest.param(
        {**WANTED, "ownerReferences": [{"uid": UID, "controller": False}]}, True, id="owner changed"
    ),
]


@pytest.mark.parametrize(("metadata", "drifted"), METADATA_CASES)
def test_metadata(metadata: dict[str, Any], drifted: bool) -> None:
    assert is_metadata_drifted(metadata, WANTED) is drifted


def test_a_merging_binding_wants_no_owner() -> None:
    assert not is_metadata_drifted({**WANTED, "ownerReferences": []}, {"labels": {}, "annotations": {}})


def test_metadata_drift_is_told_apart_from_data_drift() -> None:
    assert drift_of([OWN], labels={}) == Drift(metadata=True)
    assert bool(Drift(metadata=True))


STALE_CASES = [
    pytest.param([managed(OURS, labels=["team"], annotations=["note"])], [], [], id="all still wanted"),
    pytest.param([managed(OURS, labels=["team", "old"], annotations=["gone"])], ["old"], ["gone"], id="ours"),
    pytest.param([managed("person", labels=["old"])], [], [], id="somebody else's"),
    pytest.param([{**managed(OURS, labels=["old"]), "subresource": "status"}], [], [], id="of a subresource"),
    pytest.param([managed(OURS, labels=["never there"])], [], [], id="removed already"),
    pytest.param([managed(OURS), {"manager": OURS}], [], [], id="no fields"),
    pytest.param(
        [managed(OURS, labels=["old"]), managed(OURS, labels=["b"])], ["b", "old"], [], id="two entries"
    ),
    pytest.param(None, [], [], id="no managed fields"),
]


@pytest.mark.parametrize(("fields", "labels", "annotations"), STALE_CASES)
def test_stale_keys(fields: list[dict[str, Any]] | None, labels: list[str], annotations: list[str]) -> None:
    metadata = {
        "labels": {"team": "a", "old": "x", "b": "y"},
        "annotations": {"note": "b", "gone": "z"},
        "managedFields": fields,
    }
    assert stale_metadata_keys(metadata, WANTED, OURS) == {"labels": labels, "annotations": annotations}


def test_stale_keys_of_a_secret_without_labels() -> None:
    metadata = {"managedFields": [managed(OURS, labels=["old"], annotations=["gone"])]}
    assert stale_metadata_keys(metadata, WANTED, OURS) == {"labels": [], "annotations": []}
