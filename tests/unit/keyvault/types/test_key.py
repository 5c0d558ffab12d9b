"""Public keys in their usual forms, compared with those of the `cryptography` package."""

import base64
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.key import JsonWebKey

KID = "https://shop.vault.azure.net/keys/signing/1"
CURVES: list[tuple[str, Callable[[], ec.EllipticCurve], str]] = [
    ("P-256", ec.SECP256R1, "P-256"),
    ("P-256K", ec.SECP256K1, "secp256k1"),
    ("P-384", ec.SECP384R1, "P-384"),
    ("P-521", ec.SECP521R1, "P-521"),
]


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="))


def raw(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


@pytest.mark.parametrize(("name", "curve", "rfc"), CURVES, ids=[row[0] for row in CURVES])
@pytest.mark.parametrize("kty", ["EC", "EC-HSM"])
def test_elliptic_curves(name: str, curve: Callable[[], ec.EllipticCurve], rfc: str, kty: str) -> None:
    public = ec.derive_private_key(7, curve()).public_key()
    numbers = public.public_numbers()
    key = JsonWebKey(kid=KID, kty=kty, crv=name, x=raw(numbers.x), y=raw(numbers.y))

    assert serialization.load_pem_public_key(key.to_pem()) == public
    told = json.loads(key.to_json())
    assert (told["kty"], told["crv"], told["kid"]) == ("EC", rfc, KID)
    assert (number(told["x"]), number(told["y"])) == (numbers.x, numbers.y)
    size = (public.curve.key_size + 7) // 8
    assert len(base64.urlsafe_b64decode(told["x"] + "==")) == size


def test_short_coordinates_are_padded() -> None:
    key = JsonWebKey(kid=KID, kty="EC", crv="P-256", x=b"\x01", y=b"\x02")

    told = json.loads(key.to_json())

    assert number(told["x"]) == 1
    assert len(told["x"]) == 43


@pytest.fixture(scope="module")
def rsa_public() -> rsa.RSAPublicKey:
    return rsa.generate_private_key(65537, 2048).public_key()


@pytest.mark.parametrize("kty", ["RSA", "RSA-HSM"])
def test_rsa(rsa_public: rsa.RSAPublicKey, kty: str) -> None:
    numbers = rsa_public.public_numbers()
    key = JsonWebKey(kid=KID, kty=kty, n=b"\0" + raw(numbers.n), e=raw(numbers.e))

    assert serialization.load_pem_public_key(key.to_pem()) == rsa_public
    told = json.loads(key.to_json())
    assert told == {"kty": "RSA", "n": told["n"], "e": "AQAB", "kid": KID}
    assert number(told["n"]) == numbers.n
    assert not told["n"].startswith("A")


@pytest.mark.parametrize("kty", ["oct", "oct-HSM", "new"])
def test_a_symmetric_key_has_no_public_part(kty: str) -> None:
    key = JsonWebKey(kid=KID, kty=kty)

    for call in (key.to_pem, key.to_json):
        with pytest.raises(KeyVaultError) as caught:
            call()
        assert caught.value.kind is KeyVaultErrorKind.VALIDATION


BROKEN = [
    ("not on the curve", JsonWebKey(kid=KID, kty="EC", crv="P-256", x=b"\x01", y=b"\x02")),
    ("no modulus", JsonWebKey(kid=KID, kty="RSA", e=b"\x03")),
]


@pytest.mark.parametrize("key", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_members_that_make_no_key(key: JsonWebKey) -> None:
    with pytest.raises(KeyVaultError) as caught:
        key.to_pem()

    assert caught.value.kind is KeyVaultErrorKind.PROTOCOL
    assert caught.value.__context__ is None
