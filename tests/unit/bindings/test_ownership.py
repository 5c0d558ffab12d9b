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
        "nobody that controls it",
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
