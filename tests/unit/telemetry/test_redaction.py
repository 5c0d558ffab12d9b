import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.telemetry.redaction import REDACTED, Redactor

REDACTOR = Redactor()
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.c2lnbmF0dXJlLWh1bnRlcjI"
PEM = "-----BEGIN {0}PRIVATE KEY-----\nMIIhunter2\nMIIhunter2\n-----END {0}PRIVATE KEY-----"
BLOB = "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsuIGh1bnRlcjI0NTY3ODkwYWJjZGVm"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("Authorization: Bearer hunter2", f"Authorization: {REDACTED}", id="header"),
        pytest.param("authorization=hunter2,next=1", f"authorization={REDACTED},next=1", id="header, bare"),
        pytest.param(
            "{'Authorization': 'Bearer hunter2'}", f"{{'Authorization': '{REDACTED}'}}", id="in a dict"
        ),
        pytest.param(
            '{"authorization":"Basic aHVudGVyMg=="}', f'{{"authorization":"{REDACTED}"}}', id="in JSON"
        ),
        pytest.param("sent Bearer hunter2hunter2 to x", f"sent Bearer {REDACTED} to x", id="bearer"),
        pytest.param(f"token {JWT}, ok", f"token {REDACTED}, ok", id="JWT"),
        pytest.param(f"x {PEM.format('')} y", f"x {REDACTED} y", id="PKCS#8 key"),
        pytest.param(f"x {PEM.format('RSA ')} y", f"x {REDACTED} y", id="RSA key"),
        pytest.param(f"x {PEM.format('ENCRYPTED ')} y", f"x {REDACTED} y", id="encrypted key"),
        pytest.param(PEM.format("EC ")[:40], REDACTED, id="cut key"),
        pytest.param(f"value {BLOB}== end", f"value {REDACTED} end", id="base64"),
        pytest.param("client_secret=hunter2&x=1", f"client_secret={REDACTED}&x=1", id="form"),
        pytest.param(
            '"access_token": "hunter2", "x"', f'"access_token": "{REDACTED}", "x"', id="token answer"
        ),
        pytest.param("password: hunter2", f"password: {REDACTED}", id="password"),
        pytest.param("?sv=1&sig=hunter2%3D&x=1", f"?sv=1&sig={REDACTED}&x=1", id="signature of a URL"),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, left: str) -> None:
    assert left == REDACTOR.redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "VaultBinding shop/db: secret db-password is disabled",
        "GET /apis/vaultbind.dev/v1alpha1/namespaces/shop/vaultbindings/a-very-long-name-of-one/status",
        "https://shop.vault.azure.net/secrets/db-password/0123456789abcdef0123456789abcdef",
        "uid 6f1b7a52-0c3e-4d55-8f5e-0a1b2c3d4e5f",
        "resourceVersion 1234567890123456789012345678901234567890123",
        "my-very-very-long-kubernetes-name-that-somebody-has-thought-of",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "-----BEGIN CERTIFICATE-----",
        "the authorization is missing",
        "AADSTS700016: code 7",
    ],
)
def test_ordinary_texts_stay(text: str) -> None:
    assert text == REDACTOR.redact(text)


def test_further_patterns() -> None:
    redactor = Redactor([re.compile(r"card-\d+")])

    assert redactor.redact("paid by card-4711") == f"paid by {REDACTED}"


@given(st.binary(min_size=48, max_size=200), st.sampled_from(["", "x: ", "Bearer ", '{"value": "']))
def test_encoded_bytes_do_not_survive(content: bytes, before: str) -> None:

    text = base64.b64encode(content).decode()
    if not (
        any(c.isdigit() for c in text) and any(c.islower() for c in text) and any(c.isupper() for c in text)
    ):
        return
    assert text not in REDACTOR.redact(before + text)


@given(st.text(max_size=300))
def test_twice_is_once(text: str) -> None:
    once = REDACTOR.redact(text)

    assert once == REDACTOR.redact(once)
