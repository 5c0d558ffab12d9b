"""Identities beyond a client secret: certificates, foreign issuers, the Azure CLI."""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from azure.core.rest import HttpRequest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from tests.unit.keyvault.fakes import CannedTransport, answer
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.transport.auth import build_credential
from vaultbind.keyvault.transport.identities import (
    AzureCliIdentity,
    ClientCertificateIdentity,
    ClientSecretIdentity,
    CredentialConfig,
    FederatedIdentity,
)
from vaultbind.keyvault.types.common import SecretString

SCOPE = "https://vault.localhost:8443/.default"
AUTHORITY = "https://127.0.0.1:8443"
TOKEN = {"access_token": "t0ken", "expires_in": 3600, "token_type": "Bearer"}


def service() -> CannedTransport:
    return CannedTransport(lambda _: answer(TOKEN, Content_Type="application/json"))


async def ask(config: CredentialConfig, transport: CannedTransport, *claims: str) -> str:
    credential = build_credential(config, transport=transport)
    try:
        for claim in claims:
            await credential.get_token(SCOPE, claims=claim)
        return (await credential.get_token(SCOPE)).token
    finally:
        await credential.aclose()


def form(request: HttpRequest) -> dict[str, str]:
    data = getattr(request, "content", None) or request.data
    return dict(data) if isinstance(data, dict) else {k: v[0] for k, v in parse_qs(data).items()}


def assertion(request: HttpRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of the request's signed assertion."""
    header, claims, _ = form(request)["client_assertion"].split(".")
    return json.loads(unpadded(header)), json.loads(unpadded(claims))


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@cache
def certificate() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, made


def pem() -> bytes:
    key, made = certificate()
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return private + made.public_bytes(serialization.Encoding.PEM)


def pfx() -> bytes:
    key, made = certificate()
    return pkcs12.serialize_key_and_certificates(
        b"app", key, made, None, serialization.BestAvailableEncryption(b"horse")
    )


FORMS: list[tuple[str, Callable[[], bytes], SecretString | None]] = [
    ("PEM", pem, None),
    ("PFX", pfx, SecretString("horse")),
]


@pytest.mark.parametrize(("data", "password"), [row[1:] for row in FORMS], ids=[row[0] for row in FORMS])
async def test_a_client_certificate_signs_the_request(
    data: Callable[[], bytes], password: SecretString | None
) -> None:
    transport = service()
    identity = ClientCertificateIdentity(
        tenant_id="tenant-1",
        client_id="client-1",
        certificate=data(),
        password=password,
        authority_host=AUTHORITY,
    )

    assert await ask(identity, transport) == "t0ken"

    (request,) = transport.requests
    header, claims = assertion(request)
    assert request.url == f"{AUTHORITY}/tenant-1/oauth2/v2.0/token"
    assert (form(request)["client_id"], claims["sub"]) == ("client-1", "client-1")
    _, made = certificate()
    thumbprints = {
        base64.urlsafe_b64encode(made.fingerprint(algorithm)).decode().rstrip("=")
        for algorithm in (hashes.SHA1(), hashes.SHA256())
    }
    assert thumbprints & {header.get("x5t", "").rstrip("="), header.get("x5t#S256", "").rstrip("=")}
    assert "PRIVATE" not in repr(identity)


@pytest.mark.parametrize("data", [b"horse", b"-----BEGIN PRIVATE KEY-----\nhorse\n"], ids=["none", "PEM"])
async def test_a_certificate_that_cannot_be_used(data: bytes) -> None:
    identity = ClientCertificateIdentity(tenant_id="t", client_id="c", certificate=data)

    with pytest.raises(KeyVaultError) as caught:
        await ask(identity, service())

    assert (caught.value.kind, caught.value.code) == (
        KeyVaultErrorKind.AUTHENTICATION_FAILED,
        "ClientCertificateUnusable",
    )
    assert "horse" not in str(caught.value)


async def test_a_foreign_token_is_fetched_each_time() -> None:
    fetched: list[str] = []

    async def fetch() -> str:
        fetched.append(f"assertion-{len(fetched)}")
        return fetched[-1]

    identity = FederatedIdentity(
        tenant_id="tenant-1", client_id="client-1", fetch_assertion=fetch, authority_host=AUTHORITY
    )
    transport = service()

    assert await ask(identity, transport, '{"a":1}', '{"a":2}') == "t0ken"

    assert [form(request)["client_assertion"] for request in transport.requests] == fetched
    assert len(fetched) == 2, "a claims challenge asks again, an ordinary call does not"
    assert form(transport.requests[0])["client_id"] == "client-1"


async def test_a_foreign_issuer_that_fails() -> None:
    async def fetch() -> str:
        raise RuntimeError("the token of horse")

    identity = FederatedIdentity(tenant_id="t", client_id="c", fetch_assertion=fetch)
    transport = service()

    with pytest.raises(KeyVaultError) as caught:
        await ask(identity, transport)

    assert (caught.value.kind, caught.value.code) == (KeyVaultErrorKind.AUTHENTICATION_FAILED, "RuntimeError")
    assert "horse" not in str(caught.value)
    assert transport.requests == []


@pytest.fixture
def azure_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of the CLI's name that notes how it was called."""
    told = {"accessToken": "from-az", "expires_on": int(time.time()) + 3600}
    program = tmp_path / "az"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/calls\necho '{json.dumps(told)}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "calls"


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


async def test_whoever_is_logged_in_with_the_cli(azure_cli: Path) -> None:
    assert await ask(AzureCliIdentity(tenant_id="tenant-6"), service()) == "from-az"

    (call,) = lines(azure_cli)
    assert "account get-access-token" in call
    assert "https://vault.localhost:8443" in call
    assert "--tenant tenant-6" in call


async def test_no_cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(KeyVaultError) as caught:
        await ask(AzureCliIdentity(), service())

    assert caught.value.kind is KeyVaultErrorKind.AUTHENTICATION_FAILED


PLAIN: list[tuple[str, Callable[[Any], CredentialConfig]]] = [
    ("client_secret", lambda text: ClientSecretIdentity(tenant_id="t", client_id="c", client_secret=text)),
    (
        "password",
        lambda text: ClientCertificateIdentity(tenant_id="t", client_id="c", certificate=b"", password=text),
    ),
]


@pytest.mark.parametrize(("name", "make"), PLAIN, ids=[row[0] for row in PLAIN])
def test_a_secret_in_plain_text_is_refused(name: str, make: Callable[[Any], CredentialConfig]) -> None:
    with pytest.raises(KeyVaultError, match=f"{name}: must be a SecretString") as caught:
        make("geheim")

    assert caught.value.kind is KeyVaultErrorKind.CONFIGURATION
    assert "geheim" not in repr(caught.value)
    assert "geheim" not in repr(make(SecretString("geheim")))
