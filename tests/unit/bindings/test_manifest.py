"""The Secret that is asked for, and the patch that leads there."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.bindings.objects import KEY, MERGE, UID, spec_of
from vaultbind.api.binding import CreationPolicy
from vaultbind.bindings.manifest import (
    decode_data,
    encode,
    manager_of,
    mark_annotation,
    render_data_patch,
    render_metadata,
    render_metadata_patch,
    render_secret,
)

ORPHAN = spec_of(CreationPolicy.ORPHAN)
OWNER = {
    "apiVersion": "vaultbind.dev/v1alpha1",
    "kind": "VaultBinding",
    "name": "db",
    "uid": UID,
    "controller": True,
    "blockOwnerDeletion": False,
}


def test_metadata_of_an_owned_secret() -> None:
    spec = spec_of(labels={"team": "a"}, annotations={"note": "b"})
    assert render_metadata(KEY, UID, spec, "mark") == {
        "labels": {"team": "a", "vaultbind.dev/managed": "true", "vaultbind.dev/binding-uid": UID},
        "annotations": {"note": "b", "vaultbind.dev/source": "mark", "vaultbind.dev/binding": "db"},
        "ownerReferences": [OWNER],
    }
    assert manager_of(spec, UID) == "vaultbind"


def test_metadata_of_a_merged_secret_has_no_owner() -> None:
    spec = spec_of(MERGE, labels={"team": "a"})
    assert render_metadata(KEY, UID, spec, "mark") == {
        "labels": {"team": "a", "vaultbind.dev/managed": "true"},
        "annotations": {f"vaultbind.dev/source.{UID}": "mark"},
    }
    assert (manager_of(spec, UID), mark_annotation(spec, UID)) == (
        f"vaultbind-{UID}",
        f"vaultbind.dev/source.{UID}",
    )


def test_metadata_of_an_orphan_has_our_label_and_no_owner() -> None:
    owned, orphan = render_metadata(KEY, UID, spec_of(), "mark"), render_metadata(KEY, UID, ORPHAN, "mark")
    assert orphan == {**owned, "ownerReferences": []}
    assert manager_of(ORPHAN, UID) == "vaultbind"


def test_a_target_cannot_take_our_own_labels_and_annotations() -> None:
    spec = spec_of(
        labels={"vaultbind.dev/managed": "false", "vaultbind.dev/binding-uid": "x"},
        annotations={"vaultbind.dev/source": "x", "vaultbind.dev/binding": "x"},
    )
    assert render_metadata(KEY, UID, spec, "mark") == render_metadata(KEY, UID, spec_of(), "mark")


def test_the_body_of_a_new_secret() -> None:
    body = render_secret(KEY, spec_of(type="kubernetes.io/tls"), {"labels": {"a": "b"}}, {"k": b"\x00\xff"})
    assert body == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "shop", "labels": {"a": "b"}},
        "type": "kubernetes.io/tls",
        "data": {"k": "AP8="},
    }
    assert render_secret(KEY, spec_of(immutable=True), {}, {})["immutable"] is True


WANTED = {"labels": {"l": "1"}, "annotations": {"a": "1"}, "ownerReferences": [OWNER]}
GUARD = {"uid": "s1", "resourceVersion": "7"}
HAVE = {**GUARD, **WANTED}
ADOPT = "vaultbind.dev/adopt"
OTHER = {"kind": "Deployment", "name": "web", "uid": "d1"}

PATCHES = [
    pytest.param({}, {}, {}, id="nothing to do"),
    pytest.param({"labels": None}, {}, {"labels": {"l": "1"}}, id="label missing"),
    pytest.param({"labels": {"l": "2", "x": "y"}}, {}, {"labels": {"l": "1"}}, id="label changed"),
    pytest.param({"annotations": {}}, {}, {"annotations": {"a": "1"}}, id="annotation missing"),
    pytest.param({}, {"labels": ["old"]}, {"labels": {"old": None}}, id="stale label"),
    pytest.param({}, {"annotations": ["old"]}, {"annotations": {"old": None}}, id="stale annotation"),
    pytest.param(
        {"annotations": {"a": "1", ADOPT: "db"}}, {}, {"annotations": {ADOPT: None}}, id="adoption done"
    ),
    pytest.param({"ownerReferences": None}, {}, {"ownerReferences": [OWNER]}, id="owner missing"),
    pytest.param(
        {"ownerReferences": [OTHER]}, {}, {"ownerReferences": [OTHER, OWNER]}, id="others own it, too"
    ),
    pytest.param(
        {"ownerReferences": [{**OTHER, "controller": True}]},
        {},
        {"ownerReferences": [OWNER]},
        id="the controller is replaced",
    ),
    pytest.param(
        {"ownerReferences": [{**OWNER, "controller": False}, OTHER]},
        {},
        {"ownerReferences": [OTHER, OWNER]},
        id="our own reference is mended, not doubled",
    ),
]


@pytest.mark.parametrize(("changes", "stale", "patch"), PATCHES)
def test_metadata_patch(changes: dict[str, Any], stale: dict[str, list[str]], patch: dict[str, Any]) -> None:
    assert render_metadata_patch({**HAVE, **changes}, WANTED, stale) == {**GUARD, **patch}


ORPHANED = {"labels": {"vaultbind.dev/binding-uid": UID}, "annotations": {}, "ownerReferences": []}
REFERENCES = [
    pytest.param(None, None, id="none"),
    pytest.param([], None, id="an empty list"),
    pytest.param([OTHER], None, id="somebody owns it without control"),
    pytest.param([OWNER], [], id="it was ours under Owner"),
    pytest.param([OTHER, OWNER], [OTHER], id="others stay"),
    pytest.param([{**OTHER, "controller": True}], [], id="adopted: the controller goes"),
    pytest.param([{**OWNER, "controller": False}], [], id="our reference goes, control or not"),
]


@pytest.mark.parametrize(("present", "references"), REFERENCES)
def test_references_of_an_orphan(present: Any, references: list[dict[str, Any]] | None) -> None:
    have = {**GUARD, **ORPHANED, "ownerReferences": present}
    expected = {} if references is None else {"ownerReferences": references}
    assert render_metadata_patch(have, ORPHANED, {}) == {**GUARD, **expected}


def test_an_adopted_orphan_loses_the_annotation() -> None:
    have = {**GUARD, **ORPHANED, "annotations": {ADOPT: "db"}}
    assert render_metadata_patch(have, ORPHANED, {})["annotations"] == {ADOPT: None}


def test_a_merging_binding_leaves_owners_and_adoption_alone() -> None:
    wanted = {"labels": {"l": "1"}, "annotations": {"a": "1"}}
    have = {**HAVE, "annotations": {"a": "1", ADOPT: "x"}, "ownerReferences": [OTHER]}
    assert render_metadata_patch(have, wanted, {}) == GUARD


BYTES = st.dictionaries(st.sampled_from("abcd"), st.binary(max_size=3))


@given(have=BYTES, wanted=BYTES)
def test_a_data_patch_leads_to_what_is_wanted_and_touches_nothing_else(
    have: dict[str, bytes], wanted: dict[str, bytes]
) -> None:
    pruned = frozenset(have) - frozenset(wanted)
    patch = render_data_patch(have, wanted, pruned)
    after = {key: encode(value) for key, value in have.items()}
    for key, value in patch.items():
        assert after.get(key) != value, f"{key} needs no change"
        if value is None:
            del after[key]
        else:
            after[key] = value
    assert decode_data({"data": after}) == wanted


def test_only_keys_that_are_there_are_pruned() -> None:
    assert render_data_patch({"a": b"1"}, {}, frozenset({"a", "b"})) == {"a": None}
    assert render_data_patch({"a": b"1"}, {}, frozenset()) == {}


@given(st.binary())
def test_values_travel_unchanged(value: bytes) -> None:
    assert base64.b64decode(encode(value)) == value
    assert decode_data({"data": {"k": encode(value)}}) == {"k": value}


@pytest.mark.parametrize("secret", [{}, {"data": None}, {"data": {}}])
def test_a_secret_without_data_has_none(secret: dict[str, Any]) -> None:
    assert decode_data(secret) == {}
