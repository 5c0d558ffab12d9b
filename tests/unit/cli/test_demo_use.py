"""What the demo believes of a signature."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vaultbind.cli.demo.use_steps import is_signed

KEY = ec.generate_private_key(ec.SECP256R1())
HEADER = "eyJhbGciOiJFUzI1NiJ9"


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(text: bytes) -> str:
    der = KEY.sign(f"{HEADER}.{encode(text)}".encode(), ec.ECDSA(hashes.SHA256()))
    raw = b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(der))
    return f"{HEADER}..{encode(raw)}"


def test_a_signature_is_believed_for_its_text_and_key_alone() -> None:
    jws = sign(b"v1.2.3")
    assert is_signed(pem(), b"v1.2.3", jws)
    assert not is_signed(pem(), b"v1.2.4", jws)
    assert not is_signed(pem(ec.generate_private_key(ec.SECP256R1())), b"v1.2.3", jws)
    assert not is_signed(pem(rsa.generate_private_key(65537, 2048)), b"v1.2.3", jws)


@pytest.mark.parametrize(
    "jws", ["", HEADER, f"{HEADER}..", f"{HEADER}..AAAA", f"{HEADER}..é", f"{HEADER}..A"]
)
def test_what_is_no_signature(jws: str) -> None:
    assert not is_signed(pem(), b"v1.2.3", jws)
