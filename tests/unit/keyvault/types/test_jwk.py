"""Public keys in their usual forms, compared with those of the `cryptography` package."""

import base64
import hashlib
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.jwk import JsonWebKey

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


RFC7638 = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5haj"
        "rn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
"""Example of the RFC itself, section 3.1."""


def test_the_thumbprint_of_the_standard() -> None:
    assert (
        JsonWebKey.from_json(json.dumps(RFC7638)).thumbprint()
        == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    )


@pytest.mark.parametrize(("name", "curve", "rfc"), CURVES, ids=[row[0] for row in CURVES])
def test_the_thumbprint_is_that_of_the_public_members(
    name: str, curve: Callable[[], ec.EllipticCurve], rfc: str
) -> None:
    private = ec.derive_private_key(7, curve())
    key = JsonWebKey.from_key(private)
    members = {name: text for name, text in json.loads(key.to_json()).items() if name != "kid"}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))

    expected = base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
    assert key.thumbprint() == JsonWebKey.from_key(private.public_key()).thumbprint() == expected
    assert (key.crv, members["crv"]) == (name, rfc)


@pytest.mark.parametrize(("name", "curve", "rfc"), CURVES, ids=[row[0] for row in CURVES])
def test_curves_there_and_back(name: str, curve: Callable[[], ec.EllipticCurve], rfc: str) -> None:
    private = ec.derive_private_key(7, curve())

    key = JsonWebKey.from_key(private)

    assert (key.crv, int.from_bytes(key.d), key.size) == (name, 7, None)
    assert key.to_public_key() == private.public_key()
    assert JsonWebKey.from_json(key.to_json()) == JsonWebKey.from_pem(key.to_pem())


def test_rsa_there_and_back() -> None:
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"horse"),
    )

    key = JsonWebKey.from_pem(pem, b"horse")

    numbers = private.private_numbers()
    found = [int.from_bytes(member) for member in (key.d, key.p, key.q, key.dp, key.dq, key.qi)]
    assert found == [numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp]
    assert (key.to_public_key(), key.size) == (private.public_key(), 2048)
    assert ", d=" not in repr(key)
    assert set(json.loads(key.to_json())) == {"kty", "n", "e", "kid"}


def test_ssh_lines_are_those_of_openssh(rsa_public: rsa.RSAPublicKey) -> None:
    for public in (rsa_public, ec.derive_private_key(7, ec.SECP384R1()).public_key()):
        line = JsonWebKey.from_key(public).to_ssh()

        assert serialization.load_ssh_public_key(line.encode()) == public
    with pytest.raises(KeyVaultError, match="P-256K"):
        JsonWebKey.from_key(ec.derive_private_key(7, ec.SECP256K1())).to_ssh()


def test_a_symmetric_key_is_not_shown() -> None:
    key = JsonWebKey.from_symmetric(b"horse")

    assert (key.kty, key.k, key.size) == ("oct", b"horse", None)
    assert "horse" not in repr(key)


UNREADABLE: list[tuple[str, Callable[[], object]]] = [
    ("no JSON", lambda: JsonWebKey.from_json("horse")),
    ("a list", lambda: JsonWebKey.from_json("[]")),
    ("no type", lambda: JsonWebKey.from_json('{"n": "AQ"}')),
    ("a type that is no text", lambda: JsonWebKey.from_json('{"kty": 5}')),
    ("no base64", lambda: JsonWebKey.from_json('{"kty": "RSA", "n": "*"}')),
    ("a member that is no text", lambda: JsonWebKey.from_json('{"kty": "RSA", "n": 5}')),
    ("no PEM", lambda: JsonWebKey.from_pem(b"horse")),
    ("no private PEM", lambda: JsonWebKey.from_pem(b"-----BEGIN PRIVATE KEY-----\nhorse\n")),
    ("another kind", lambda: JsonWebKey.from_key(ed25519.Ed25519PrivateKey.generate())),
    ("another curve", lambda: JsonWebKey.from_key(ec.derive_private_key(7, ec.SECP224R1()))),
]


@pytest.mark.parametrize("read", [row[1] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_what_is_no_key(read: Callable[[], object]) -> None:
    with pytest.raises(KeyVaultError) as caught:
        read()

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert caught.value.__context__ is None
    assert "horse" not in str(caught.value)
