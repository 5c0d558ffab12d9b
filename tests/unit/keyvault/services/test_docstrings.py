"""What help() shows of client and services: permission, errors and an example that runs."""

import ast
import asyncio
import base64
import inspect
import re
import secrets
import textwrap
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs12

import vaultbind.keyvault as library
from tests.unit.keyvault.certs.authority import leaf, root
from tests.unit.keyvault.fakes import FakeCredential
from tests.unit.keyvault.services.test_release import EXPORTABLE
from tests.unit.keyvault.simulation.test_release import attestation
from vaultbind.keyvault import (
    CertificateContact,
    CertificateIssuer,
    CertificatePolicy,
    CertificatesService,
    EncryptionAlgorithm,
    Envelopes,
    ExpiryMonitor,
    KeysService,
    KeyVaultClient,
    KeyVaultConfig,
    KeyWrapAlgorithm,
    LocalPublicKey,
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
ACTORS = {
    f"{name}.{method}": function
    for name, cls in (("envelopes", Envelopes), ("public_key", LocalPublicKey), ("monitor", ExpiryMonitor))
    for method, function in inspect.getmembers(cls, inspect.isfunction)
    if not method.startswith("_")
}
PUBLIC = {name: getattr(library, name) for name in library.__all__}
REPORT = b"a long report"
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


@pytest.mark.parametrize("method", ACTORS.values(), ids=ACTORS)
def test_what_a_client_hands_out_tells_as_much(method: Any) -> None:
    text = inspect.getdoc(method) or ""

    assert re.search(r"[Rr]aises", text), "errors"
    assert example_of(method), "an example"
    if "Monitor" not in method.__qualname__:  # its class tells
        assert re.search(r"needs `[a-zA-Z/]+`", text), "a permission"


def does_something(value: Any) -> bool:
    """Whether a public name is more than words, members and properties; a service's methods speak for it."""
    if not inspect.isclass(value):
        return inspect.isfunction(value)
    if issubclass(value, Enum) or value.__name__.endswith("sService"):
        return False
    methods = [name for name, _ in inspect.getmembers(value, inspect.isroutine) if not name.startswith("_")]
    return bool(methods)


ALIVE = {name: value for name, value in PUBLIC.items() if does_something(value)}


@pytest.mark.parametrize("name", [name for name, value in PUBLIC.items() if inspect.isclass(value)])
def test_every_public_class_and_all_that_it_offers_is_described(name: str) -> None:
    cls = PUBLIC[name]
    described = {
        member: inspect.getdoc(value)
        for owner in cls.__mro__
        if owner.__module__.startswith("vaultbind.keyvault")
        for member, value in vars(owner).items()
        if not member.startswith("_") and (inspect.isroutine(value) or isinstance(value, property))
    }

    assert not (cls.__doc__ or "").startswith(f"{name}("), "dataclass made it up"
    assert len(cls.__doc__ or "") > 10
    assert [member for member, text in described.items() if not text] == []


@pytest.mark.parametrize("name", ALIVE)
def test_every_public_name_that_does_something_has_an_example(name: str) -> None:
    assert example_of(ALIVE[name])


async def furnish(client: MockKeyVaultClient, service: str) -> dict[str, Any]:
    """A vault with what the examples speak of, and their other names."""
    modules = {
        "base64": base64,
        "datetime": datetime,
        "timedelta": timedelta,
        "UTC": UTC,
        "secrets": secrets,
    }
    return modules | PUBLIC | await FURNITURE[service](client)


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
    envelope = await client.envelope_encrypt("orders", REPORT, aad=b"report 7")
    version = (await client.secrets.get_secret("db-password")).version
    names |= {"report": REPORT, "envelope": envelope, "handler": RotationHandler(), "version": version}
    names["config"] = KeyVaultConfig(vault_url="https://shop.vault.azure.net", credential=FakeCredential())
    names["public_key"] = await client.keys.open_public_key("orders")
    names["signing_key"] = await client.keys.open_public_key("signing")
    return names


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


def _seeded() -> MockKeyVaultClient:
    client = MockKeyVaultClient()
    client.seed(secrets={"db-password": "s3cr3t"})
    return client


async def _make_room(client: MockKeyVaultClient, service: str) -> None:
    """Take away what is to be restored."""
    if service == "certificates":
        await client.certificates.delete_certificate("shop")
        await client.certificates.purge_deleted_certificate("shop")


@pytest.mark.parametrize("method", [*METHODS, *CLIENT, *ACTORS, *ALIVE])
def test_the_example_runs(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = (METHODS | CLIENT | ACTORS | ALIVE)[method]
    code = compile(example_of(documented), method, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    service = method.partition(".")[0] if method in METHODS else "client"
    monkeypatch.chdir(tmp_path)
    if method in ALIVE:
        monkeypatch.setattr(KeyVaultClient, "from_env", staticmethod(_seeded))

    async def run() -> None:
        async with MockKeyVaultClient() as client:
            names = await furnish(client, service)
            (tmp_path / "report.pdf").write_bytes(REPORT)
            (tmp_path / "report.vben").write_bytes(names.get("envelope", b""))
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
