from typing import Any

import pytest

from vaultbind.api.refs import ObjectKey
from vaultbind.kube import objects

BINDING: dict[str, Any] = {
    "apiVersion": "vaultbind.dev/v1alpha1",
    "kind": "VaultBinding",
    "metadata": {
        "name": "db",
        "namespace": "shop",
        "uid": "u-1",
        "resourceVersion": "7",
        "generation": 3,
        "labels": {"a": "b"},
        "annotations": {"c": "d"},
    },
}


def test_accessors_of_a_full_object() -> None:
    assert objects.key_of(BINDING) == ObjectKey("VaultBinding", "shop", "db")
    assert objects.uid_of(BINDING) == "u-1"
    assert objects.resource_version_of(BINDING) == "7"
    assert objects.generation_of(BINDING) == 3
    assert objects.labels_of(BINDING) == {"a": "b"}
    assert objects.annotations_of(BINDING) == {"c": "d"}
    assert not objects.is_deleting(BINDING)


@pytest.mark.parametrize("empty", [{}, {"metadata": None}, {"metadata": {}}, {"metadata": {"labels": None}}])
def test_absent_parts_read_as_empty(empty: dict[str, Any]) -> None:
    assert objects.key_of(empty) == ObjectKey("", "", "")
    assert objects.uid_of(empty) == ""
    assert objects.resource_version_of(empty) == ""
    assert objects.generation_of(empty) == 0
    assert objects.labels_of(empty) == {}
    assert objects.annotations_of(empty) == {}
    assert objects.owners_of(empty) == ()
    assert objects.controller_of(empty) is None
    assert not objects.is_controlled_by(empty, "")


def test_the_kind_of_metadata_only_objects_is_named_by_the_caller() -> None:
    partial = {"kind": "PartialObjectMetadata", "metadata": {"name": "x", "namespace": "y"}}

    assert objects.key_of(partial, "Secret") == ObjectKey("Secret", "y", "x")


def test_is_deleting() -> None:
    assert objects.is_deleting({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})


def test_owner_reference_controls_but_does_not_block() -> None:
    reference = objects.render_owner_reference(BINDING)

    assert reference == {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": "VaultBinding",
        "name": "db",
        "uid": "u-1",
        "controller": True,
        "blockOwnerDeletion": False,
    }


def test_owner_reference_needs_a_full_object() -> None:
    with pytest.raises(KeyError):
        objects.render_owner_reference({"metadata": {"name": "x", "uid": "y"}})


@pytest.mark.parametrize(
    ("owners", "controlled"),
    [
        pytest.param([], False, id="nobody"),
        pytest.param([{"uid": "u-1"}], False, id="an owner that does not control"),
        pytest.param([{"uid": "u-1", "controller": False}], False, id="says so"),
        pytest.param([{"uid": "u-1", "controller": "true"}], False, id="a word is no boolean"),
        pytest.param([{"uid": "u-2", "controller": True}], False, id="another"),
        pytest.param([{"uid": "u-2"}, {"uid": "u-1", "controller": True}], True, id="ours"),
    ],
)
def test_is_controlled_by(owners: list[dict[str, Any]], controlled: bool) -> None:
    assert controlled is objects.is_controlled_by({"metadata": {"ownerReferences": owners}}, "u-1")
