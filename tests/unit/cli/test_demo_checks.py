"""What the demo takes for right: each way of being wrong is noticed, and no value is told."""

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from vaultbind.cli.demo.checks import (
    check_condition,
    check_data,
    check_in_sync,
    check_public_key,
    check_tls,
    decode_data,
    parse_property,
)
from vaultbind.keyvault.simulation.issuing import Chain, issue_chain

NOW = 1_900_000_000
ISSUED = issue_chain(["a.test"], not_before=NOW, not_after=NOW + 86_400)
OTHER = issue_chain(["a.test"], not_before=NOW, not_after=NOW + 86_400)
LEAF, (BETWEEN,), ROOT = ISSUED.leaf, ISSUED.intermediates, ISSUED.root


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(item.public_bytes(Encoding.PEM) for item in certificates)


def key_of(chain: Chain) -> bytes:
    return chain.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


GOOD = {"tls.crt": pem(LEAF, BETWEEN), "tls.key": key_of(ISSUED), "ca.crt": pem(ROOT)}


def test_a_good_tls_secret_has_no_problem_with_and_without_its_root() -> None:
    der = LEAF.public_bytes(Encoding.DER)
    assert check_tls(GOOD, der, 2) == ()
    assert check_tls({key: GOOD[key] for key in ("tls.crt", "tls.key")}, der, 2) == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param({"tls.crt": pem(BETWEEN, LEAF)}, "not the vault's leaf", id="turned"),
        pytest.param({"tls.crt": pem(LEAF)}, "holds 1 certificates, not 2", id="leaf alone"),
        pytest.param({"tls.crt": pem(LEAF, BETWEEN, ROOT)}, "holds 3 certificates", id="with the root"),
        pytest.param(
            {"tls.crt": pem(LEAF, OTHER.intermediates[0])}, "certificate 1 of the chain", id="other issuer"
        ),
        pytest.param({"ca.crt": pem(OTHER.root)}, "certificate 2 of the chain", id="other root"),
        pytest.param(
            {"tls.crt": pem(OTHER.leaf, *OTHER.intermediates)}, "not the vault's leaf", id="other chain"
        ),
        pytest.param({"tls.key": key_of(OTHER)}, "tls.key is not the key", id="other key"),
        pytest.param({"tls.key": b"nonsense"}, "cannot be parsed", id="no key"),
        pytest.param({"tls.crt": b""}, "cannot be parsed", id="empty"),
    ],
)
def test_each_wrong_tls_secret_is_noticed(change: dict[str, bytes], word: str) -> None:
    problems = check_tls(GOOD | change, LEAF.public_bytes(Encoding.DER), 2)
    assert any(word in problem for problem in problems), problems


def test_a_missing_part_of_a_tls_secret_is_named() -> None:
    assert check_tls({"tls.crt": GOOD["tls.crt"]}, b"", 2) == ("key tls.key is missing",)


def test_a_public_key_is_compared_as_a_key() -> None:
    wanted, other = (ec.generate_private_key(ec.SECP256R1()).public_key() for _ in range(2))
    text = wanted.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert check_public_key(text, wanted) == ()
    assert check_public_key(text.replace(b"\n", b"\r\n"), wanted) == ()
    assert check_public_key(text, other) == ("the PEM is another key than the vault's",)
    assert check_public_key(b"nonsense", wanted) == ("the PEM cannot be parsed as a public key",)
    assert check_public_key(None, wanted) == ("the key with the PEM is missing",)


def test_data_is_compared_by_keys_and_values_and_no_value_is_told() -> None:
    found = {"same": b"hunter1", "wrong": b"hunter2", "foreign": b"hunter3"}
    wanted = {"same": b"hunter1", "wrong": b"hunter4", "missing": b"hunter5"}
    assert check_data(wanted, wanted) == ()
    problems = check_data(found, wanted)
    assert problems == (
        "key missing is missing",
        "key foreign should not be there",
        "key wrong holds something else than the vault",
    )


def binding(*conditions: tuple[str, str, str, int]) -> dict[str, Any]:
    rows = [
        {"type": kind, "status": status, "reason": reason, "observedGeneration": generation, "message": "m"}
        for kind, status, reason, generation in conditions
    ]
    return {
        "kind": "VaultBinding",
        "metadata": {"name": "app", "generation": 2},
        "status": {"conditions": rows},
    }


@pytest.mark.parametrize(
    ("conditions", "problems"),
    [
        pytest.param([("Ready", "True", "Synced", 2), ("Synced", "True", "Synced", 2)], (), id="good"),
        pytest.param(
            [("Ready", "True", "SecretKept", 2), ("Synced", "False", "Throttled", 2)],
            ("VaultBinding app has Ready True SecretKept: m",),
            id="kept",
        ),
        pytest.param(
            [("Ready", "True", "Synced", 2), ("Synced", "False", "Throttled", 2)],
            ("VaultBinding app has Synced False Throttled: m",),
            id="not in sync",
        ),
        pytest.param(
            [("Ready", "True", "Synced", 1), ("Synced", "True", "Synced", 1)],
            ("VaultBinding app has no condition Ready yet",),
            id="of an older generation",
        ),
        pytest.param([], ("VaultBinding app has no condition Ready yet",), id="none"),
    ],
)
def test_a_binding_in_sync(conditions: list[tuple[str, str, str, int]], problems: tuple[str, ...]) -> None:
    assert check_in_sync(binding(*conditions)) == problems


def test_a_condition_must_have_status_and_reason() -> None:
    obj = binding(("Synced", "False", "ObjectNotFound", 2))
    assert check_condition(obj, "Synced", "False", "ObjectNotFound") == ()
    assert check_condition(obj, "Synced", "True", "ObjectNotFound") != ()
    assert check_condition(obj, "Synced", "False", "Forbidden") != ()


def test_data_is_decoded_and_a_secret_without_any_has_none() -> None:
    assert decode_data({"data": {"a": base64.b64encode(b"1").decode()}}) == {"a": b"1"}
    assert decode_data({"data": None}) == decode_data({}) == {}


def test_a_property_is_taken_out_of_json() -> None:
    assert parse_property('{"a": "x", "b": 1}', "a") == b"x"
    with pytest.raises(KeyError):
        parse_property("{}", "a")
