"""Whose a Secret is."""

from typing import Any

import pytest

from vaultbind.bindings.ownership import Owner, Ownership, decide_ownership

OURS, ADOPTABLE, FOREIGN = Owner.OURS, Owner.ADOPTABLE, Owner.FOREIGN
LABEL = {"vaultbind.dev/managed": "true"}
NAME = {"vaultbind.dev/binding": "db"}


def owner(name: str = "db", uid: str = "u1", kind: str = "VaultBinding", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        **more,
    }


CASES = [
    pytest.param({"ownerReferences": [owner()]}, OURS, "", id="we control it"),
    pytest.param(
        {"ownerReferences": [owner("web", "u8", "Deployment", controller=False), owner()]},
        OURS,
        "",
        id="others own it, too",
    ),
    pytest.param({}, FOREIGN, "nobody that controls it", id="bare"),
    pytest.param({"labels": None, "annotations": None}, FOREIGN, "nobody that controls it", id="nulls"),
    pytest.param({"ownerReferences": [owner(uid="u9")]}, ADOPTABLE, "", id="a former binding of our name"),
    pytest.param(
        {"ownerReferences": [owner(uid="u9", apiVersion="vaultbind.dev/v1")]},
        ADOPTABLE,
        "",
        id="of a former version",
    ),
    pytest.param(
        {"ownerReferences": [owner(uid="u9", apiVersion="other.dev/v1alpha1")]},
        FOREIGN,
        "VaultBinding db",
        id="the same kind of another group",
    ),
    pytest.param(
        {"ownerReferences": [owner("web", "u9")], "labels": LABEL, "annotations": NAME},
        FOREIGN,
        "VaultBinding web",
        id="another binding, whatever the annotation says",
    ),
    pytest.param(
        {"ownerReferences": [owner("db", "u9", "Certificate")]}, FOREIGN, "Certificate db", id="another kind"
    ),
    pytest.param({"labels": LABEL, "annotations": NAME}, ADOPTABLE, "", id="a restored backup"),
    pytest.param({"annotations": NAME}, FOREIGN, "nobody that controls it", id="without our label"),
    pytest.param({"labels": LABEL}, FOREIGN, "nobody that controls it", id="without our annotation"),
    pytest.param(
        {"labels": LABEL, "annotations": {"vaultbind.dev/binding": "web"}},
        FOREIGN,
        "VaultBinding web by its annotation",
        id="another's backup",
    ),
    pytest.param(
        {"ownerReferences": [owner(controller=False)], "labels": LABEL, "annotations": NAME},
        ADOPTABLE,
        "",
        id="our reference lost its control",
    ),
    pytest.param({"annotations": {"vaultbind.dev/adopt": "db"}}, ADOPTABLE, "", id="handed over"),
    pytest.param(
        {"annotations": {"vaultbind.dev/adopt": "db"}, "ownerReferences": [owner("x", "u9", "Deployment")]},
        ADOPTABLE,
        "",
        id="handed over although owned",
    ),
    pytest.param(
        {"annotations": {"vaultbind.dev/adopt": "web"}},
        FOREIGN,
        "nobody that controls it",
        id="handed to another",
    ),
]


@pytest.mark.parametrize(("metadata", "relation", "other"), CASES)
def test_ownership(metadata: dict[str, Any], relation: Owner, other: str) -> None:
    assert decide_ownership(metadata, binding="db", uid="u1") == Ownership(owner=relation, other=other)


MINE = {**LABEL, "vaultbind.dev/binding-uid": "u1"}
OF_ANOTHER = {**LABEL, "vaultbind.dev/binding-uid": "u9"}
ORPHANS = [
    pytest.param({"labels": MINE, "annotations": NAME}, OURS, "", id="our uid in our label"),
    pytest.param({"labels": MINE}, OURS, "", id="the uid is enough"),
    pytest.param({"labels": MINE, "ownerReferences": [owner()]}, OURS, "", id="still controlled by us"),
    pytest.param(
        {"labels": MINE, "ownerReferences": [owner("web", "u8", "Deployment", controller=False)]},
        OURS,
        "",
        id="others own it, nobody controls it",
    ),
    pytest.param(
        {"labels": MINE, "annotations": NAME, "ownerReferences": [owner("x", "u9", "Deployment")]},
        FOREIGN,
        "Deployment x",
        id="somebody took control",
    ),
    pytest.param(
        {"labels": {"vaultbind.dev/binding-uid": "u1"}}, OURS, "", id="the uid without our other label"
    ),
    pytest.param(
        {"labels": OF_ANOTHER, "annotations": {"vaultbind.dev/binding": "web"}},
        FOREIGN,
        "VaultBinding web by its annotation",
        id="another binding's",
    ),
    pytest.param({"labels": OF_ANOTHER}, FOREIGN, "nobody that controls it", id="another uid, no name"),
    pytest.param(
        {"labels": OF_ANOTHER, "annotations": NAME},
        ADOPTABLE,
        "",
        id="a former binding of our name left it, or a backup",
    ),
    pytest.param(
        {"labels": OF_ANOTHER, "annotations": {"vaultbind.dev/binding": "web", "vaultbind.dev/adopt": "db"}},
        ADOPTABLE,
        "",
        id="handed over by another binding",
    ),
    pytest.param(
        {"labels": MINE, "annotations": {**NAME, "vaultbind.dev/adopt": "web"}},
        OURS,
        "",
        id="handed over to another binding, which has not come yet",
    ),
    pytest.param({}, FOREIGN, "nobody that controls it", id="bare"),
]


@pytest.mark.parametrize(("metadata", "relation", "other"), ORPHANS)
def test_ownership_by_label(metadata: dict[str, Any], relation: Owner, other: str) -> None:
    found = decide_ownership(metadata, binding="db", uid="u1", by_label=True)
    assert found == Ownership(owner=relation, other=other)


def test_a_label_alone_makes_no_owner_where_the_binding_controls_its_secret() -> None:
    assert decide_ownership({"labels": MINE}, binding="db", uid="u1").owner is FOREIGN
