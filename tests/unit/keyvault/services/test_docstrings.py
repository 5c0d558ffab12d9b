"""What help() shows of client and services: permission, errors and an example that runs."""

import ast
import asyncio
import base64
import inspect
import re
import secrets
import textwrap
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs12

import vaultbind.keyvault as library
from tests.unit.keyvault.certs.authority import leaf, root
from tests.unit.keyvault.services.test_release import EXPORTABLE
from tests.unit.keyvault.simulation.test_release import attestation
from vaultbind.keyvault import (
    CertificateContact,
    CertificateIssuer,
    CertificatePolicy,
    CertificatesService,
    EncryptionAlgorithm,
    KeysService,
    KeyVaultClient,
    KeyWrapAlgorithm,
    MockKeyVaultClient,
    RotationHandler,
    SecretsService,
    SecretString,
    SignatureAlgorithm,
)

METHODS = {
    f"{name}.{method}": function
    for name, service in (
        ("secrets", SecretsService),
        ("keys", KeysService),
        ("certificates", CertificatesService),
    )
    for method, function in inspect.getmembers(service, inspect.isfunction)
    if not method.startswith("_")
}
CLIENT = {
    f"client.{name}": function
    for name, function in inspect.getmembers(KeyVaultClient, callable)
    if not name.startswith("_") and name != "mro"
}
EXAMPLE = re.compile(r"\n\n((?:    .*\n)+)", re.MULTILINE)


def example_of(function: Any) -> str:
    """The indented lines of a docstring."""
    found = EXAMPLE.search(f"{inspect.getdoc(function)}\n")
    return textwrap.dedent(found[1]) if found else ""


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_tells_its_permission_its_errors_and_an_example(method: Any) -> None:
    text = inspect.getdoc(method) or ""

    assert re.search(r"[Nn]eeds `[a-zA-Z/]+`", text), "a permission"
    assert re.search(r"[Rr]aises (KeyVaultError|as)\b", text), "errors"
    assert example_of(method), "an example"


@pytest.mark.parametrize("method", CLIENT.values(), ids=CLIENT)
def test_a_method_of_the_client_tells_its_errors_and_an_example(method: Any) -> None:
    assert re.search(r"[Rr]aises", inspect.getdoc(method) or ""), "errors"
    assert example_of(method), "an example"


async def furnish(client: MockKeyVaultClient, service: str) -> dict[str, Any]:
    """A vault with what the examples speak of, and their other names."""
    modules = {"base64": base64, "datetime": datetime, "timedelta": timedelta, "UTC": UTC, "secrets": secrets}
    public = {name: getattr(library, name) for name in library.__all__}
    return modules | public | await FURNITURE[service](client)


async def _furnish_secrets(client: MockKeyVaultClient) -> dict[str, Any]:
    client.seed(secrets={"db-password": "s3cr3t", "old-password": "x"})
    await client.secrets.delete_secret("old-password")
    return {}


async def _furnish_keys(client: MockKeyVaultClient) -> dict[str, Any]:
    client.seed(keys={"signing": "EC", "old-signing": "EC", "orders": "RSA"})
    await client.keys.delete_key("old-signing")
    await client.keys.create_key("exported", EXPORTABLE)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    rsa, wrap = EncryptionAlgorithm.RSA_OAEP_256, KeyWrapAlgorithm.RSA_OAEP_256
    return {
        "sealed": await client.keys.encrypt("orders", rsa, b"card 4711"),
        "wrapped": await client.keys.wrap_key("orders", wrap, b"k" * 32),
        "signed": await client.keys.sign("signing", SignatureAlgorithm.ES256, message=b"paid"),
        "pairs": [],
        "token": attestation(exp=int(client.time.time()) + 60),
        "pem": pem,
    }


async def _furnish_certificates(client: MockKeyVaultClient) -> dict[str, Any]:
    client.seed(certificates={"shop": ["shop.example"], "old-shop": ["shop.example"]})
    await client.certificates.delete_certificate("old-shop")
    by_hand = CertificatePolicy(issuer="Unknown", subject="CN=intranet", key_type="EC")
    pending = await client.certificates.begin_create_certificate("intranet", by_hand)
    await client.certificates.create_issuer(CertificateIssuer(name="our-ca", provider="DigiCert"))
    await client.certificates.set_contacts([CertificateContact(email="a@shop.example")])
    pfx = pkcs12.serialize_key_and_certificates(
        b"shop", leaf().key, leaf().certificate, None, serialization.BestAvailableEncryption(b"horse")
    )
    password = SecretString("horse")
    return {"leaf": _sign(pending.csr), "intermediate": root().der, "pfx": pfx, "password": password}


async def _furnish_client(client: MockKeyVaultClient) -> dict[str, Any]:
    names = {name: value for kind in SERVICES for name, value in (await FURNITURE[kind](client)).items()}
    envelope = await client.envelope_encrypt("orders", b"a long report", aad=b"report 7")
    version = (await client.secrets.get_secret("db-password")).version
    return names | {"envelope": envelope, "handler": RotationHandler(), "version": version}


SERVICES = ("secrets", "keys", "certificates")
FURNITURE = {
    "secrets": _furnish_secrets,
    "keys": _furnish_keys,
    "certificates": _furnish_certificates,
    "client": _furnish_client,
}


async def _keep(client: MockKeyVaultClient, service: str) -> dict[str, Any]:
    """A backup of something that is gone when it is to be restored, and a version."""
    client.seed(secrets={"kept": "x"})
    if service == "secrets":
        kept = (await client.secrets.backup_secret("kept")).data
        await client.secrets.delete_secret("kept")
        await client.secrets.purge_deleted_secret("kept")
        return {"version": (await client.secrets.get_secret("db-password")).version, "kept": kept}
    if service == "keys":
        kept = (await client.keys.backup_key("signing")).data
        await client.keys.delete_key("signing")
        await client.keys.purge_deleted_key("signing")
        return {"kept": kept}
    kept = (await client.certificates.backup_certificate("shop")).data
    version = (await client.certificates.get_certificate("shop")).version
    return {"version": version, "kept": kept}


def _sign(csr: bytes | None) -> bytes:
    request = x509.load_der_x509_csr(csr or b"")
    signed = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(root().certificate.subject)
        .public_key(request.public_key())
        .serial_number(7)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=30))
        .sign(root().key, SHA256())
    )
    return signed.public_bytes(serialization.Encoding.DER)


async def _make_room(client: MockKeyVaultClient, service: str) -> None:
    """Take away what is to be restored."""
    if service == "certificates":
        await client.certificates.delete_certificate("shop")
        await client.certificates.purge_deleted_certificate("shop")


@pytest.mark.parametrize("method", [*METHODS, *CLIENT])
def test_the_example_runs(method: str) -> None:
    code = compile(
        example_of((METHODS | CLIENT)[method]), method, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    service = method.partition(".")[0]

    async def run() -> None:
        async with MockKeyVaultClient() as client:
            names = await furnish(client, service)
            if service in SERVICES and ("restore" in method or "_version" in method):
                names |= await _keep(client, service)
            if "restore" in method:
                await _make_room(client, service)
            if "cancel" in method:
                client.vault.vault.certificates._issuance._seconds = 3600
                policy = CertificatePolicy(issuer="Self", subject="CN=shop", key_type="EC")
                await client.certificates.begin_create_certificate("shop", policy)
            outcome = eval(code, {**names, "client": client})
            if inspect.isawaitable(outcome):
                await outcome

    asyncio.run(run())
