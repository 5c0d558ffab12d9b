"""Certificates of a real vault: made elsewhere, half made, brought back; its issuers and contacts."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tests.azure.conftest import refusal_or
from vaultbind.keyvault import (
    CertificateContact,
    CertificateIssuer,
    CertificateLifetimeAction,
    CertificatePolicy,
    CertificatePolicyAction,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
    SecretString,
)

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vaultbind-e2e")])
SELF_SIGNED = CertificatePolicy(issuer="Self", subject="CN=vaultbind-e2e", validity_months=1)
BY_OTHERS = CertificatePolicy(issuer="Unknown", subject="CN=vaultbind-e2e", key_type="EC")


def sign(public: ec.EllipticCurvePublicKey, by: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(by, SHA256())
    )


async def test_a_certificate_of_our_own_is_imported_with_its_key(client: KeyVaultClient, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = sign(key.public_key(), key)
    pem = leaf.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    made = await client.certificates.import_certificate(name, pem, tags={"a": "b"})

    bundle = await made.with_private_key()
    found = serialization.load_pem_private_key(bundle.require_private_key(), None)
    assert (made.leaf, dict(made.properties.tags)) == (leaf, {"a": "b"})
    assert found.public_key() == key.public_key()


async def test_a_request_is_signed_elsewhere_and_merged(client: KeyVaultClient, name: str) -> None:
    certificates = client.certificates
    begun = await certificates.begin_create_certificate(name, BY_OTHERS)
    assert (begun.is_under_way, begun.issuer) == (True, "Unknown")
    assert (await certificates.get_certificate_operation(name)).csr == begun.csr
    assert name in {item.name async for item in certificates.list_certificates(include_pending=True)}
    assert begun.csr is not None
    request = x509.load_der_x509_csr(begun.csr)
    public = request.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    leaf = sign(public, ec.generate_private_key(ec.SECP256R1()))

    made = await certificates.merge_certificate(name, [leaf.public_bytes(serialization.Encoding.DER)])

    assert made.leaf == leaf
    assert (await made.with_private_key()).leaf == leaf


async def test_a_creation_that_is_given_up(client: KeyVaultClient, name: str) -> None:
    await client.certificates.begin_create_certificate(name, BY_OTHERS)

    deleted = await client.certificates.delete_certificate_operation(name)

    assert deleted.issuer == "Unknown"
    with pytest.raises(KeyVaultError) as caught:
        await client.certificates.get_certificate_operation(name)
    assert caught.value.http_status == 404


async def test_a_creation_that_is_to_be_stopped(client: KeyVaultClient, name: str) -> None:
    """The vault's own issuer needs a moment; a vault that is faster than we are says that it is too late."""
    await client.certificates.begin_create_certificate(name, SELF_SIGNED)

    outcome = await refusal_or(client.certificates.cancel_certificate_operation(name))

    if isinstance(outcome, KeyVaultError):
        assert outcome.http_status == 403
        assert not (await client.certificates.get_certificate_operation(name)).is_under_way
    else:
        assert outcome.cancellation_requested


async def test_a_certificate_is_recovered_and_restored(client: KeyVaultClient, name: str) -> None:
    certificates = client.certificates
    made = await certificates.create_certificate(name, SELF_SIGNED)
    blob = await certificates.backup_certificate(name)

    assert (await certificates.delete_certificate(name)).cer == made.cer
    assert (await certificates.get_deleted_certificate(name)).name == name
    assert name in {item.name async for item in certificates.list_deleted_certificates()}
    with pytest.raises(KeyVaultError) as caught:
        await certificates.begin_create_certificate(name, SELF_SIGNED)
    assert caught.value.kind is KeyVaultErrorKind.DELETED_BUT_RECOVERABLE
    assert (await certificates.recover_deleted_certificate(name)).cer == made.cer

    await certificates.delete_certificate(name)
    await certificates.purge_deleted_certificate(name)
    restored = await certificates.restore_certificate(blob)
    assert restored.cer == made.cer
    assert (await (await certificates.get_certificate(name)).with_private_key()).leaf == made.leaf


async def test_policy_and_properties_are_changed(client: KeyVaultClient, name: str) -> None:
    certificates = client.certificates
    made = await certificates.create_certificate(name, SELF_SIGNED)
    action = CertificateLifetimeAction(action=CertificatePolicyAction.AUTO_RENEW, days_before_expiry=9)

    changed = await certificates.update_certificate_policy(
        name, CertificatePolicy(validity_months=2, lifetime_actions=(action,))
    )

    found = await certificates.get_certificate_policy(name)
    assert (changed, found.validity_months, found.lifetime_actions) == (found, 2, (action,))
    assert found.subject == "CN=vaultbind-e2e", "what was not named stays"
    tagged = await certificates.update_certificate_properties(name, tags={"a": "b"}, enabled=False)
    assert (dict(tagged.properties.tags), tagged.properties.enabled) == ({"a": "b"}, False)
    assert {item.version for item in await certificates.list_certificate_versions(name)} == {made.version}
    assert (await certificates.get_certificate_version(name, made.version)).cer == made.cer


async def test_an_issuer_from_creation_to_deletion(client: KeyVaultClient) -> None:
    certificates, name = client.certificates, f"vaultbind-e2e-{uuid4().hex[:12]}"
    asked = CertificateIssuer(name=name, provider="DigiCert", account_id="7", password=SecretString("horse"))
    try:
        made = await certificates.create_issuer(asked)
        assert (made.name, made.provider, made.account_id) == (name, "DigiCert", "7")
        assert await certificates.get_issuer(name) == made
        assert name in {item.name async for item in certificates.list_issuers()}
        changed = await certificates.update_issuer(CertificateIssuer(name=name, enabled=False))
        assert (changed.enabled, changed.account_id) == (False, "7")
    finally:
        deleted = await certificates.delete_issuer(name)
    assert deleted.name == name


@pytest_asyncio.fixture(loop_scope="session")
async def kept_contacts(client: KeyVaultClient) -> AsyncIterator[None]:
    """Who was told about certificates before is told afterwards."""
    before: tuple[CertificateContact, ...] = ()
    try:
        before = await client.certificates.get_contacts()
    except KeyVaultError as error:
        if error.kind is not KeyVaultErrorKind.NOT_FOUND:  # none were ever set
            raise
    yield
    if before:
        await client.certificates.set_contacts(before)
        return
    with suppress(KeyVaultError):  # deleted by the test
        await client.certificates.delete_contacts()


async def test_contacts_are_set_read_and_deleted(client: KeyVaultClient, kept_contacts: None) -> None:
    wanted = (CertificateContact(email="vaultbind-e2e@shop.example", name="A"),)

    assert await client.certificates.set_contacts(wanted) == wanted
    assert await client.certificates.get_contacts() == wanted
    assert await client.certificates.delete_contacts() == wanted
