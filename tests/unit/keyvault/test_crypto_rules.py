"""What the input of a key operation may look like: one row per rule and bound."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from vaultbind.keyvault.crypto_rules import (
    CipherInput,
    check_decryption,
    check_digest,
    check_encryption,
    check_random_count,
    check_unwrapping,
    check_wrapping,
    hash_message,
    parse_algorithm,
)
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm as E
from vaultbind.keyvault.types.crypto import KeyWrapAlgorithm as W
from vaultbind.keyvault.types.crypto import SignatureAlgorithm as S
from vaultbind.keyvault.types.jwk import JsonWebKey


def rsa(bits: int, kty: str = "RSA") -> JsonWebKey:
    return JsonWebKey(kid="k", kty=kty, n=b"\xff" * (bits // 8), e=b"\1\0\1")


def ec(curve: str) -> JsonWebKey:
    return JsonWebKey(kid="k", kty="EC-HSM", crv=curve, x=b"1", y=b"2")


OCT = JsonWebKey(kid="k", kty="oct-HSM")
IV, NONCE, TAG = b"i" * 16, b"n" * 12, b"t" * 16


def encrypt(algorithm: E, size: int, key: JsonWebKey | None = None, **more: Any) -> Callable[[], None]:
    return lambda: check_encryption(algorithm, CipherInput(data=b"s" * size, **more), key)


def decrypt(algorithm: E, size: int, key: JsonWebKey | None = None, **more: Any) -> Callable[[], None]:
    return lambda: check_decryption(algorithm, CipherInput(data=b"s" * size, **more), key)


def wrap(algorithm: W, size: int, key: JsonWebKey | None = None) -> Callable[[], None]:
    return lambda: check_wrapping(algorithm, b"s" * size, key)


def unwrap(algorithm: W, size: int, key: JsonWebKey | None = None) -> Callable[[], None]:
    return lambda: check_unwrapping(algorithm, b"s" * size, key)


def sign(algorithm: S, size: int, key: JsonWebKey | None = None) -> Callable[[], None]:
    return lambda: check_digest(algorithm, b"s" * size, key)


ALLOWED = [
    ("OAEP-256 fills 2048 bits", encrypt(E.RSA_OAEP_256, 190, rsa(2048))),
    ("OAEP-256 fills 3072 bits", encrypt(E.RSA_OAEP_256, 318, rsa(3072))),
    ("OAEP-256 fills 4096 bits of an HSM", encrypt(E.RSA_OAEP_256, 446, rsa(4096, "RSA-HSM"))),
    ("an unknown key is taken for the largest", encrypt(E.RSA_OAEP_256, 446)),
    ("OAEP", encrypt(E.RSA_OAEP, 214, rsa(2048))),
    ("RSA1_5", encrypt(E.RSA1_5, 245, rsa(2048))),
    ("nothing at all", encrypt(E.RSA_OAEP_256, 0, rsa(2048))),
    ("GCM", encrypt(E.A256GCM, 1000, OCT, aad=b"a")),
    ("CBC of whole blocks", encrypt(E.A128CBC, 32, OCT, iv=IV)),
    ("CBCPAD of any length", encrypt(E.A192CBCPAD, 33, iv=IV)),
    ("RSA decrypts its size", decrypt(E.RSA_OAEP_256, 256, rsa(2048))),
    ("RSA decrypts a known size", decrypt(E.RSA1_5, 384)),
    ("GCM decrypts", decrypt(E.A256GCM, 5, OCT, iv=NONCE, tag=TAG, aad=b"a")),
    ("CBC decrypts", decrypt(E.A256CBC, 32, iv=IV)),
    ("RSA wraps", wrap(W.RSA_OAEP_256, 32, rsa(2048))),
    ("AES wraps", wrap(W.A256KW, 16, OCT)),
    ("CKM wraps", wrap(W.CKM_AES_KEY_WRAP, 24, OCT)),
    ("CKM wraps any length", wrap(W.CKM_AES_KEY_WRAP_PAD, 1, OCT)),
    ("RSA unwraps", unwrap(W.RSA_OAEP, 512, rsa(4096))),
    ("AES unwraps", unwrap(W.A128KW, 24, OCT)),
    ("CKM unwraps with padding", unwrap(W.CKM_AES_KEY_WRAP_PAD, 16, OCT)),
    ("PS256", sign(S.PS256, 32, rsa(2048))),
    ("RS384", sign(S.RS384, 48, rsa(2048))),
    ("PS512", sign(S.PS512, 64, rsa(2048))),
    *(
        (f"{algorithm} on its curve", sign(algorithm, size, ec(curve)))
        for algorithm, size, curve in (
            (S.ES256, 32, "P-256"),
            (S.ES256K, 32, "P-256K"),
            (S.ES384, 48, "P-384"),
            (S.ES512, 64, "P-521"),
        )
    ),
    ("HS512", sign(S.HS512, 64, OCT)),
    ("one random byte", lambda: check_random_count(1)),
    ("many random bytes", lambda: check_random_count(128)),
]


@pytest.mark.parametrize("check", [row[1] for row in ALLOWED], ids=[row[0] for row in ALLOWED])
def test_allowed(check: Callable[[], None]) -> None:
    check()


REFUSED = [
    ("OAEP-256 beyond 2048 bits", encrypt(E.RSA_OAEP_256, 191, rsa(2048)), "190 bytes"),
    ("OAEP-256 beyond 4096 bits", encrypt(E.RSA_OAEP_256, 447, rsa(4096)), "446 bytes"),
    ("OAEP-256 beyond any key", encrypt(E.RSA_OAEP_256, 447), "446 bytes"),
    ("OAEP beyond", encrypt(E.RSA_OAEP, 215, rsa(2048)), "214 bytes"),
    ("RSA1_5 beyond", encrypt(E.RSA1_5, 246, rsa(2048)), "245 bytes"),
    ("RSA with an iv", encrypt(E.RSA_OAEP_256, 1, iv=IV), "neither iv"),
    ("RSA with aad", encrypt(E.RSA_OAEP_256, 1, aad=b""), "neither iv"),
    ("RSA of a curve", encrypt(E.RSA_OAEP_256, 1, ec("P-256")), "type RSA, not EC-HSM"),
    ("AES of RSA", encrypt(E.A256GCM, 1, rsa(2048)), "type oct, not RSA"),
    ("GCM with an iv", encrypt(E.A256GCM, 1, iv=NONCE), "takes no iv"),
    ("GCM encrypts with a tag", encrypt(E.A256GCM, 1, tag=TAG), "takes no tag"),
    ("CBC without iv", encrypt(E.A256CBC, 16), "iv of 16"),
    ("CBC with a short iv", encrypt(E.A256CBCPAD, 16, iv=NONCE), "iv of 16"),
    ("CBC with aad", encrypt(E.A256CBC, 16, iv=IV, aad=b""), "takes no aad"),
    ("CBC with a tag", encrypt(E.A256CBC, 16, iv=IV, tag=TAG), "takes no tag"),
    ("CBC of a part of a block", encrypt(E.A256CBC, 17, iv=IV), "A256CBCPAD"),
    ("RSA decrypts another size", decrypt(E.RSA_OAEP_256, 256, rsa(4096)), "512 bytes"),
    ("RSA decrypts an odd size", decrypt(E.RSA_OAEP_256, 255), "256 or 384 or 512"),
    ("RSA decrypts with a tag", decrypt(E.RSA_OAEP_256, 256, tag=TAG), "neither iv"),
    ("GCM decrypts without iv", decrypt(E.A256GCM, 1, tag=TAG), "12 bytes"),
    ("GCM decrypts without tag", decrypt(E.A256GCM, 1, iv=NONCE), "16 bytes"),
    ("GCM decrypts with a short tag", decrypt(E.A256GCM, 1, iv=NONCE, tag=TAG[:15]), "16 bytes"),
    ("GCM decrypts with a long iv", decrypt(E.A256GCM, 1, iv=IV, tag=TAG), "12 bytes"),
    ("CBC decrypts without iv", decrypt(E.A256CBC, 16), "iv of 16"),
    ("CBC decrypts nothing", decrypt(E.A256CBC, 0, iv=IV), "blocks of 16"),
    ("CBC decrypts a part of a block", decrypt(E.A256CBCPAD, 17, iv=IV), "blocks of 16"),
    ("RSA wraps too much", wrap(W.RSA_OAEP_256, 191, rsa(2048)), "190 bytes"),
    ("AES wraps too little", wrap(W.A256KW, 8), "16 bytes"),
    ("AES wraps an odd size", wrap(W.A256KW, 17), "steps of 8"),
    ("CKM wraps nothing", wrap(W.CKM_AES_KEY_WRAP_PAD, 0), "one byte"),
    ("AES wraps with RSA", wrap(W.A256KW, 16, rsa(2048)), "type oct"),
    ("RSA unwraps another size", unwrap(W.RSA_OAEP, 256, rsa(3072)), "384 bytes"),
    ("AES unwraps too little", unwrap(W.A256KW, 16), "24 bytes"),
    ("AES unwraps an odd size", unwrap(W.A256KW, 25), "steps of 8"),
    ("CKM unwraps too little", unwrap(W.CKM_AES_KEY_WRAP_PAD, 8), "16 bytes"),
    ("a short digest", sign(S.RS256, 31), "32 bytes"),
    ("a long digest", sign(S.ES512, 66), "64 bytes"),
    ("another curve", sign(S.ES256, 32, ec("P-256K")), "on P-256, not on P-256K"),
    ("ES of RSA", sign(S.ES256, 32, rsa(2048)), "type EC, not RSA"),
    ("PS of a curve", sign(S.PS256, 32, ec("P-256")), "type RSA"),
    ("HS of RSA", sign(S.HS256, 32, rsa(2048)), "type oct"),
    ("no random bytes", lambda: check_random_count(0), "1 to 128"),
    ("too many random bytes", lambda: check_random_count(129), "1 to 128"),
    ("an unknown algorithm", lambda: parse_algorithm(S, "RS1"), "PS256, PS384"),
]


@pytest.mark.parametrize(("check", "limit"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_with_the_limit(check: Callable[[], object], limit: str) -> None:
    with pytest.raises(KeyVaultError, match=limit) as caught:
        check()

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert "sss" not in str(caught.value)


def test_every_algorithm_has_a_rule() -> None:
    """A new member without a rule would be sent unchecked, or fail with something else."""
    for algorithm in E:
        with pytest.raises(KeyVaultError):
            check_decryption(algorithm, CipherInput(data=b"1"), None)
    for wrapping in W:
        with pytest.raises(KeyVaultError):
            check_unwrapping(wrapping, b"1", None)
    for signature in S:
        with pytest.raises(KeyVaultError):
            check_digest(signature, b"1", None)


def test_names_of_algorithms_are_taken_as_well() -> None:
    assert parse_algorithm(E, "RSA-OAEP-256") is E.RSA_OAEP_256


@pytest.mark.parametrize("algorithm", list(S))
def test_a_message_is_hashed_as_its_algorithm_says(algorithm: S) -> None:
    names = {"2": hashlib.sha256, "3": hashlib.sha384, "5": hashlib.sha512}

    assert hash_message(algorithm, b"message") == names[algorithm[2]](b"message").digest()


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (True, "RSA-OAEP-256 with 2048 bits takes at most 190 bytes: use envelope_encrypt for more"),
        (
            False,
            "takes at most 446 bytes even with the largest key (4096 bits): use envelope_encrypt for more",
        ),
    ],
    ids=["a key that is known", "a key's name"],
)
def test_too_large_a_plaintext_is_told_its_limit_and_the_way_out(known: bool, told: str) -> None:
    key = JsonWebKey(kty="RSA", n=b"\x80" + bytes(255), e=b"\x01\x00\x01") if known else None

    with pytest.raises(KeyVaultError) as caught:
        check_encryption(E.RSA_OAEP_256, CipherInput(data=bytes(447)), key)

    assert told in str(caught.value)
