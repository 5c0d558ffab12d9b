"""Forms of signatures, with the examples of RFC 7515."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.cryptojobs.forms import (
    FormError,
    from_der,
    jws_header,
    jws_signing_input,
    parse_jws,
    render_jws,
    to_der,
)

# RFC 7515, appendix A.3
PAYLOAD = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
HEADER = "eyJhbGciOiJFUzI1NiJ9"
SIGNATURE = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
INSIDE = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
X = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
Y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


PUBLIC = ec.EllipticCurvePublicNumbers(number(X), number(Y), ec.SECP256R1()).public_key()


def test_the_example_of_the_rfc() -> None:
    attached = f"{HEADER}.{INSIDE}.{SIGNATURE}"
    signed, signature = parse_jws(attached, PAYLOAD, "ES256", detached=False)
    assert signed == f"{HEADER}.{INSIDE}".encode()
    PUBLIC.verify(to_der(signature, "ES256"), signed, ec.ECDSA(hashes.SHA256()))
    assert parse_jws(f"{HEADER}..{SIGNATURE}\n", PAYLOAD, "ES256", detached=True) == (signed, signature)
    assert render_jws(HEADER, PAYLOAD, signature, detached=False) == attached
    assert render_jws(HEADER, PAYLOAD, signature, detached=True) == f"{HEADER}..{SIGNATURE}"
    with pytest.raises(InvalidSignature):
        PUBLIC.verify(to_der(signature, "ES256"), signed + b"x", ec.ECDSA(hashes.SHA256()))


def test_the_header_names_algorithm_and_key() -> None:
    header = jws_header("PS256", "https://v/keys/k/1")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {
        "alg": "PS256",
        "kid": "https://v/keys/k/1",
    }
    assert "=" not in header
    assert jws_signing_input(header, b"\xff\xff") == f"{header}.__8".encode()


def coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("text", "detached"),
    [
        ("", True),
        ("a.b", True),
        ("a.b.c.d", False),
        (f"{HEADER}.{INSIDE}.{SIGNATURE}", True),
        (f"{HEADER}..{SIGNATURE}", False),
        (f"{HEADER}.{INSIDE}x.{SIGNATURE}", False),
        (f"{HEADER}..{SIGNATURE}=", True),
        (f"{HEADER}..{SIGNATURE}!", True),
        (f"{coded('[]')}..{SIGNATURE}", True),
        (f"{coded('no json')}..{SIGNATURE}", True),
        (f"{coded('[' * 100_000)}..{SIGNATURE}", True),
        (f"{coded('{}')}..{SIGNATURE}", True),
        (f"{coded(json.dumps({'alg': 'none'}))}..{SIGNATURE}", True),
        (f"{coded(json.dumps({'alg': 'ES384'}))}..{SIGNATURE}", True),
        (f"{coded(json.dumps({'alg': 'ES256', 'crit': ['x']}))}..{SIGNATURE}", True),
        (f"{coded(json.dumps({'alg': 'ES256', 'b64': False}))}..{SIGNATURE}", True),
    ],
)
def test_what_is_no_jws_for_this(text: str, detached: bool) -> None:
    with pytest.raises(FormError) as caught:
        parse_jws(text, PAYLOAD, "ES256", detached=detached)
    assert SIGNATURE not in str(caught.value)


@pytest.mark.parametrize(("algorithm", "size"), [("ES256", 32), ("ES256K", 32), ("ES384", 48), ("ES512", 66)])
@given(data=st.data())
def test_der_there_and_back(algorithm: str, size: int, data: st.DataObject) -> None:
    raw = data.draw(st.binary(min_size=2 * size, max_size=2 * size))
    assert from_der(to_der(raw, algorithm), algorithm) == raw


def test_other_algorithms_have_one_form() -> None:
    assert to_der(b"any", "RS256") == from_der(b"any", "RS256") == b"any"


def test_what_is_no_signature_of_that_form() -> None:
    with pytest.raises(FormError):
        to_der(b"short", "ES256")
    with pytest.raises(FormError):
        from_der(b"short", "ES256")
    with pytest.raises(FormError):
        from_der(to_der(b"\xff" * 96, "ES384"), "ES256")
