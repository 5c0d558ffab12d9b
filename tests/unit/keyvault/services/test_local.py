"""Public keys used here: the service's rules hold, results are the vault's, and nothing falls through."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from tests.unit.keyvault.fakes import VAULT, VERSION, CannedTransport, FakeClock, answer, canned, make_client
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.services.local import LocalPublicKey
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from vaultbind.keyvault.types.jwk import JsonWebKey

KID = f"{VAULT}/keys/k/{VERSION}"
OPERATIONS = ["encrypt", "verify", "wrapKey"]
CURVES: dict[SignatureAlgorithm, ec.EllipticCurve] = {
    SignatureAlgorithm.ES256: ec.SECP256R1(),
    SignatureAlgorithm.ES256K: ec.SECP256K1(),
    SignatureAlgorithm.ES384: ec.SECP384R1(),
    SignatureAlgorithm.ES512: ec.SECP521R1(),
}
Kind = KeyVaultErrorKind


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def bundle(key: Any, operations: list[str] | None = None, **attributes: object) -> dict[str, Any]:
    jwk = json.loads(JsonWebKey.from_key(key).to_json())
    jwk |= {"kid": KID, "key_ops": OPERATIONS if operations is None else operations}
    if jwk.get("crv") == "secp256k1":
        jwk["crv"] = "P-256K"
    return {"key": jwk, "attributes": attributes}


async def opened(
    given: dict[str, Any], clock: FakeClock | None = None, **more: Any
) -> tuple[LocalPublicKey, CannedTransport]:
    transport = canned(answer(given))
    key = await make_client(transport, clock=clock or FakeClock()).keys.open_public_key("k", **more)
    return key, transport


PADDINGS: dict[str, padding.AsymmetricPadding] = {
    "RSA-OAEP-256": padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None),
    "RSA-OAEP": padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),
    "RSA1_5": padding.PKCS1v15(),
}


@pytest.mark.parametrize("algorithm", PADDINGS)
async def test_what_is_encrypted_here_the_private_half_decrypts(
    private: rsa.RSAPrivateKey, algorithm: str
) -> None:
    key, transport = await opened(bundle(private))

    encrypted = key.encrypt(EncryptionAlgorithm(algorithm), b"plain")
    wrapped = key.wrap_key(KeyWrapAlgorithm(algorithm), b"k" * 32)

    assert private.decrypt(encrypted.ciphertext, PADDINGS[algorithm]) == b"plain"
    assert private.decrypt(wrapped.encrypted_key, PADDINGS[algorithm]) == b"k" * 32
    assert encrypted.key_id == wrapped.key_id == KID
    assert len(transport.requests) == 2, "the challenge and the key"


@pytest.mark.parametrize("name", ["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"])
async def test_rsa_signatures(private: rsa.RSAPrivateKey, name: str) -> None:
    key, transport = await opened(bundle(private))
    algorithm = SignatureAlgorithm(name)
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[name[2:]]
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    signature = private.sign(b"m", pss if name.startswith("PS") else padding.PKCS1v15(), digest)

    assert key.verify(algorithm, message=b"m", signature=signature)
    assert key.verify(algorithm, hashlib.new(digest.name, b"m").digest(), signature=signature)
    assert not key.verify(algorithm, message=b"n", signature=signature)
    assert not key.verify(algorithm, message=b"m", signature=b"")
    assert len(transport.requests) == 2


@pytest.mark.parametrize("algorithm", CURVES)
async def test_signatures_of_curves(algorithm: SignatureAlgorithm) -> None:
    private = ec.generate_private_key(CURVES[algorithm])
    key, _ = await opened(bundle(private))
    hashed = {"ES256": hashes.SHA256(), "ES256K": hashes.SHA256(), "ES384": hashes.SHA384()}
    der = private.sign(b"m", ec.ECDSA(hashed.get(algorithm.value, hashes.SHA512())))
    size = (private.curve.key_size + 7) // 8
    signature = b"".join(number.to_bytes(size) for number in utils.decode_dss_signature(der))

    found = key.verify(algorithm, message=b"m", signature=signature)

    assert (found.is_valid, found.key_id, found.algorithm) == (True, KID, algorithm)
    assert not key.verify(algorithm, message=b"n", signature=signature)
    assert not key.verify(algorithm, message=b"m", signature=signature[:-1])
    assert not key.verify(algorithm, message=b"m", signature=bytes(2 * size))
    assert not key.verify(algorithm, message=b"m", signature=der), "DER is not what the service makes"


NOW = int(FakeClock().time())
STATES: list[tuple[str, dict[str, Any], list[str], Kind | None, Kind | None, str]] = [
    ("in its time", {"nbf": NOW, "exp": NOW + 1}, OPERATIONS, None, None, ""),
    ("disabled", {"enabled": False}, OPERATIONS, Kind.DISABLED, Kind.DISABLED, "KeyDisabled"),
    ("not yet valid", {"nbf": NOW + 1}, OPERATIONS, Kind.OPERATION_FORBIDDEN, None, "KeyNotYetValid"),
    ("expired", {"exp": NOW}, OPERATIONS, Kind.OPERATION_FORBIDDEN, None, "KeyExpired"),
    (
        "for something else",
        {},
        ["sign"],
        Kind.OPERATION_FORBIDDEN,
        Kind.OPERATION_FORBIDDEN,
        "KeyOperationForbidden",
    ),
    ("for nothing", {}, [], Kind.OPERATION_FORBIDDEN, Kind.OPERATION_FORBIDDEN, "KeyOperationForbidden"),
]


@pytest.mark.parametrize(
    ("attributes", "operations", "making", "verifying", "code"),
    [row[1:] for row in STATES],
    ids=[row[0] for row in STATES],
)
async def test_a_key_is_used_as_the_service_would_use_it(
    private: rsa.RSAPrivateKey,
    attributes: dict[str, Any],
    operations: list[str],
    making: Kind | None,
    verifying: Kind | None,
    code: str,
) -> None:
    key, transport = await opened(bundle(private, operations, **attributes))

    attempts: list[tuple[Callable[[], object], Kind | None]] = [
        (lambda: key.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"1"), making),
        (lambda: key.wrap_key(KeyWrapAlgorithm.RSA_OAEP_256, b"1"), making),
        (lambda: key.verify(SignatureAlgorithm.RS256, message=b"1", signature=b""), verifying),
    ]
    for attempt, kind in attempts:
        if kind is None:
            attempt()
            continue
        with pytest.raises(KeyVaultError) as caught:
            attempt()
        assert (caught.value.kind, caught.value.code, caught.value.object_name) == (kind, code, "k")
    assert len(transport.requests) == 2, "a refusal sends nothing"


async def test_a_key_is_believed_for_a_while(private: rsa.RSAPrivateKey) -> None:
    clock = FakeClock()
    key, _ = await opened(bundle(private), clock, max_age=60)

    clock.now += 60
    key.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"1")
    clock.now += 0.1
    with pytest.raises(KeyVaultError, match="60 s ago") as caught:
        key.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"1")

    assert caught.value.code == "KeyNotFresh"


async def test_the_cache_is_not_asked(private: rsa.RSAPrivateKey) -> None:
    transport = canned(answer(bundle(private)), answer(bundle(private, enabled=False)))
    keys = make_client(transport, cache=CacheConfig()).keys
    await keys.get_key("k")

    key = await keys.open_public_key("k")

    assert not key.key.properties.enabled


async def test_a_symmetric_key_is_used_in_the_vault_only() -> None:
    jwk = {"kid": KID, "kty": "oct-HSM", "key_ops": ["encrypt", "wrapKey"]}

    with pytest.raises(KeyVaultError, match="public part") as caught:
        await opened({"key": jwk})

    assert caught.value.kind is Kind.VALIDATION


MISTAKES: list[tuple[str, Callable[[LocalPublicKey], object], str]] = [
    ("a long block", lambda key: key.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"1" * 191), "190"),
    ("AES", lambda key: key.encrypt(EncryptionAlgorithm.A256GCM, b"1"), "type oct"),
    ("AES wrap", lambda key: key.wrap_key(KeyWrapAlgorithm.A256KW, b"1" * 16), "type oct"),
    ("a curve", lambda key: key.verify(SignatureAlgorithm.ES256, b"1" * 32, signature=b""), "type EC"),
    ("a digest", lambda key: key.verify(SignatureAlgorithm.RS256, b"1", signature=b""), "32 bytes"),
    ("no digest", lambda key: key.verify(SignatureAlgorithm.RS256, signature=b""), "either a digest"),
]


@pytest.mark.parametrize(("call", "message"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
async def test_mistakes(
    private: rsa.RSAPrivateKey, call: Callable[[LocalPublicKey], object], message: str
) -> None:
    key, _ = await opened(bundle(private))

    with pytest.raises(KeyVaultError, match=message) as caught:
        call(key)

    assert caught.value.kind is Kind.VALIDATION


async def test_a_failure_is_an_error_and_no_request(private: rsa.RSAPrivateKey) -> None:
    broken = bundle(private)
    broken["key"]["n"] = base64.urlsafe_b64encode(b"\x80" + bytes(255)).decode().rstrip("=")
    key, transport = await opened(broken)

    with pytest.raises(KeyVaultError) as caught:
        key.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"hunter2")

    assert caught.value.kind is Kind.PROTOCOL
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None
    assert len(transport.requests) == 2
