"""The Secret or ConfigMap of a result, and whose one is that exists."""

from typing import Any

import pytest

from tests.unit.cryptojobs.objects import OLD, URL, facts, spec
from vaultbind.cryptojobs.facts import Result
from vaultbind.cryptojobs.inputs import SECRET_DATA
from vaultbind.cryptojobs.outputs import (
    MOST_BYTES,
    Claimant,
    decide_claimant,
    is_too_large,
    render_data,
    render_output,
    render_replacement,
)

KEY_ID = f"{URL}/keys/k/{OLD}"
LABEL, NAME = "vaultbind.dev/cryptojob-uid", "vaultbind.dev/cryptojob"


def controller(kind: str = "CryptoJob", name: str = "sign-it") -> list[dict[str, Any]]:
    return [{"kind": kind, "name": name, "uid": "u-0", "controller": True}]


@pytest.mark.parametrize(
    ("metadata", "claimant"),
    [
        ({}, Claimant.FOREIGN),
        ({"labels": {LABEL: "u-1"}}, Claimant.THIS_JOB),
        ({"labels": {LABEL: "u-0"}}, Claimant.FOREIGN),
        ({"annotations": {NAME: "sign-it"}}, Claimant.FOREIGN),
        ({"labels": {LABEL: "u-0"}, "annotations": {NAME: "other"}}, Claimant.FOREIGN),
        ({"labels": {LABEL: "u-0"}, "annotations": {NAME: "sign-it"}}, Claimant.FORMER_SELF),
        (
            {
                "labels": {LABEL: "u-0"},
                "annotations": {NAME: "sign-it"},
                "ownerReferences": controller(),
            },
            Claimant.FORMER_SELF,
        ),
        (
            {
                "labels": {LABEL: "u-0"},
                "annotations": {NAME: "sign-it"},
                "ownerReferences": controller("VaultBinding"),
            },
            Claimant.FOREIGN,
        ),
        (
            {
                "labels": {LABEL: "u-0"},
                "annotations": {NAME: "sign-it"},
                "ownerReferences": controller(name="other"),
            },
            Claimant.FOREIGN,
        ),
    ],
)
def test_whose_an_output_is(metadata: dict[str, Any], claimant: Claimant) -> None:
    assert decide_claimant(metadata, job="sign-it", uid="u-1") is claimant


def test_data_of_a_public_result() -> None:
    result = Result(key_id=KEY_ID, algorithm="A256GCM", value="Yw==", iv=b"i", tag=b"t", aad=b"a")
    assert render_data(spec("Encrypt"), result, SECRET_DATA) == {
        "keyId": KEY_ID.encode(),
        "algorithm": b"A256GCM",
        "result": b"Yw==",
        "content": b"SecretData",
        "iv": b"aQ==",
        "tag": b"dA==",
        "aad": b"YQ==",
    }
    named = spec("Sign", output={"configMap": {"key": "sig"}})
    assert render_data(named, Result(key_id=KEY_ID, algorithm="ES256", value="Yw=="), "") == {
        "keyId": KEY_ID.encode(),
        "algorithm": b"ES256",
        "sig": b"Yw==",
    }


def test_data_of_a_secret_result_is_that_alone() -> None:
    of = spec("Decrypt", output={"secret": {"key": "plain"}})
    assert render_data(of, Result(key_id=KEY_ID, secret=b"\xff"), "") == {"plain": b"\xff"}
    whole = Result(key_id=KEY_ID, secret=b'{"a":"YQ=="}')
    assert render_data(of, whole, SECRET_DATA) == {"a": b"a"}
    assert render_data(of, Result(key_id=KEY_ID, secret=b"?"), SECRET_DATA) is None


def test_size() -> None:
    assert not is_too_large({"k": b"x" * (MOST_BYTES - 1)})
    assert is_too_large({"k": b"x" * MOST_BYTES})


def test_bodies() -> None:
    of = spec("Decrypt", output={"secret": {"name": "out"}})
    body = render_output(facts(of), {"result": b"\xff"}, Result(key_id=KEY_ID, algorithm="A256GCM"))
    assert (body["kind"], body["type"], body["data"]) == ("Secret", "Opaque", {"result": "/w=="})
    assert body["metadata"]["name"] == "out"
    assert body["metadata"]["namespace"] == "shop"
    assert body["metadata"]["labels"] == {LABEL: "u-1"}
    assert body["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    free = spec("Sign", output={"configMap": {"owner": "None"}})
    body = render_output(facts(free), {"result": b"Yw=="}, Result(key_id=KEY_ID, algorithm="ES256"))
    assert (body["kind"], body["data"]) == ("ConfigMap", {"result": "Yw=="})
    assert "type" not in body
    assert "ownerReferences" not in body["metadata"]


def test_a_replacement_is_guarded_and_leaves_nothing_old() -> None:
    of = spec("Sign", output={"configMap": {"owner": "None"}})
    body = render_output(facts(of), {"result": b"Yw=="}, Result(key_id=KEY_ID, algorithm="ES256"))
    found = {
        "metadata": {"uid": "o", "resourceVersion": "3"},
        "data": {"result": "old", "iv": "old"},
        "binaryData": {"rest": "AA=="},
    }
    patch = render_replacement(body, found)
    assert patch["data"] == {"result": "Yw==", "iv": None}
    assert patch["binaryData"] == {"rest": None}
    assert (patch["metadata"]["uid"], patch["metadata"]["resourceVersion"]) == ("o", "3")
    assert patch["metadata"]["ownerReferences"] == []
    clean = {"metadata": {"uid": "o", "resourceVersion": "3"}}
    assert "binaryData" not in render_replacement(body, clean)


def test_a_result_does_not_show() -> None:
    assert "hunter2" not in repr(Result(key_id=KEY_ID, secret=b"hunter2", aad=b"hunter2"))
