"""Key release: who gets a key, and that the right one arrives, wrapped."""

from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tests.unit.keyvault.simulation.desk import SECONDS, Desk
from tests.unit.keyvault.simulation.material import make
from vaultbind.keyvault.simulation.keymaterial import decode, encode, render_public
from vaultbind.keyvault.simulation.release import is_satisfied

AUTHORITY = "https://attest.test"
CONDITION = {"authority": f"{AUTHORITY}/", "allOf": [{"claim": "tee.kind", "equals": "sgx"}]}


def environment() -> rsa.RSAPrivateKey:
    key = make("RSA")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def attestation(**changes: Any) -> str:
    claims = {
        "iss": AUTHORITY,
        "exp": SECONDS + 60,
        "tee": {"kind": "sgx"},
        "x-ms-runtime": {"keys": [{"kty": "RSA", "kid": "env", **render_public(environment())}]},
        **changes,
    }
    return ".".join(encode(orjson.dumps(part)) for part in ({"alg": "RS256"}, claims, "signature"))


def desk_with_key(**body: Any) -> Desk:
    desk = Desk()
    policy = {"data": encode(orjson.dumps({"version": "1.0.0", "anyOf": [CONDITION]}))}
    asked = {"kty": "EC-HSM", "attributes": {"exportable": True}, "release_policy": policy, **body}
    assert desk.ask("POST", "/keys/k/create", asked)[0] == 200
    return desk


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("CKM_RSA_AES_KEY_WRAP", hashes.SHA1()),
        ("RSA_AES_KEY_WRAP_256", hashes.SHA256()),
        ("RSA_AES_KEY_WRAP_384", hashes.SHA384()),
        (None, hashes.SHA256()),
    ],
)
def test_a_released_key_can_be_unwrapped_by_the_environment(
    algorithm: str | None, digest: hashes.HashAlgorithm
) -> None:
    desk = desk_with_key()
    asked = {"target": attestation(), "enc": algorithm, "nonce": "n"}
    status, content = desk.ask("POST", "/keys/k/release", asked)
    assert status == 200
    payload = orjson.loads(decode(content["value"].split(".")[1]))
    assert payload["request"]["nonce"] == "n"
    released = payload["response"]["key"]["key"]
    wrapped = orjson.loads(decode(released["key_hsm"]))
    ciphertext = decode(wrapped["ciphertext"])
    scheme = padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)
    middle = environment().decrypt(ciphertext[:256], scheme)
    key = load_der_private_key(aes_key_unwrap_with_padding(middle, ciphertext[256:]), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert render_public(key)["x"] == released["x"]
    assert wrapped["header"]["kid"] == "env"


def test_the_answer_is_signed_by_the_vault() -> None:
    desk = desk_with_key()
    _, content = desk.ask("POST", "/keys/k/release", {"target": attestation()})
    signed, _, signature = content["value"].rpartition(".")
    public = desk.estate.vault("shop").keys.signer().public_key()
    public.verify(decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert orjson.loads(decode(signed.split(".")[0]))["alg"] == "RS256"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"iss": "https://other.test"}, (403, "Forbidden"), id="another authority"),
        pytest.param({"tee": {"kind": "none"}}, (403, "Forbidden"), id="another environment"),
        pytest.param({"exp": SECONDS}, (403, "Forbidden"), id="expired"),
        pytest.param({"exp": None}, (403, "Forbidden"), id="without end"),
        pytest.param({"x-ms-runtime": {}}, (400, "BadParameter"), id="no key to wrap with"),
    ],
)
def test_an_attestation_that_does_not_satisfy(changes: dict[str, Any], expected: tuple[int, str]) -> None:
    asked = {"target": attestation(**changes)}
    assert desk_with_key().refusal("POST", "/keys/k/release", asked) == expected


@pytest.mark.parametrize("target", ["", "a.b", "a.!!.c", f"a.{encode(b'[]')}.c", f"a.{encode(b'no')}.c"])
def test_what_is_no_attestation(target: str) -> None:
    assert desk_with_key().refusal("POST", "/keys/k/release", {"target": target}) == (400, "BadParameter")


def test_a_key_that_is_not_exportable_or_off_stays() -> None:
    desk = Desk()
    desk.ask("POST", "/keys/k/create", {"kty": "EC"})
    asked = {"target": attestation()}
    assert desk.refusal("POST", "/keys/k/release", asked) == (403, "Forbidden")
    off = desk_with_key(attributes={"exportable": True, "enabled": False})
    assert off.refusal("POST", "/keys/k/release", asked) == (403, "KeyDisabled")
    wrong = {"target": attestation(), "enc": "ROT13"}
    assert desk_with_key().refusal("POST", "/keys/k/release", wrong) == (400, "BadParameter")


def test_an_expired_key_can_still_be_released() -> None:
    desk = desk_with_key(attributes={"exportable": True, "exp": SECONDS - 1})
    assert desk.ask("POST", "/keys/k/release", {"target": attestation()})[0] == 200


CLAIMS = {"iss": AUTHORITY, "a": True, "n": 7, "x": {"y": "z"}, "x.w": "dotted"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"claim": "a", "equals": True}, True),
        ({"claim": "a", "equals": "true"}, True),
        ({"claim": "a", "equals": False}, False),
        ({"claim": "n", "equals": 7}, True),
        ({"claim": "n", "equals": "7"}, True),
        ({"claim": "x.y", "equals": "z"}, True),
        ({"claim": "x.w", "equals": "dotted"}, True),
        ({"claim": "missing", "equals": None}, False),
        ({"anyOf": [{"claim": "a", "equals": False}, {"claim": "n", "equals": 7}]}, True),
        ({"allOf": [{"claim": "a", "equals": False}, {"claim": "n", "equals": 7}]}, False),
        ({"allOf": []}, True),
        ({"anyOf": []}, False),
        ({"authority": AUTHORITY, "allOf": []}, True),
        ({"authority": "https://other.test", "allOf": []}, False),
        ({}, False),
        ("nonsense", False),
    ],
    ids=str,
)
def test_conditions(condition: Any, expected: bool) -> None:
    assert is_satisfied(condition, CLAIMS) is expected


def test_the_vault_signs_with_one_key_as_long_as_it_runs() -> None:
    estate = desk_with_key().estate
    keys = estate.vault("shop").keys
    assert estate.rsa_pool.patiently(keys.signer) is keys.signer()
