"""One short story per public method of the three services, each against a vault of its own."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.unit.keyvault.certs.authority import leaf, root
from tests.unit.keyvault.services.test_release import EXPORTABLE, payload
from tests.unit.keyvault.simulation.test_release import attestation
from vaultbind.keyvault import (
    CertificateContact,
    CertificateContentType,
    CertificateIssuer,
    CertificatePolicy,
    CreateKeyOptions,
    EncryptionAlgorithm,
    JsonWebKey,
    Key,
    KeyCurve,
    KeyOperation,
    KeyRotationAction,
    KeyRotationLifetimeAction,
    KeyRotationPolicy,
    KeyType,
    KeyVaultClient,
    KeyVaultError,
    KeyWrapAlgorithm,
    SecretString,
    SetSecretOptions,
    SignatureAlgorithm,
)

Story = Callable[[KeyVaultClient], Awaitable[None]]
STORIES: dict[str, Story] = {}
"""By `service.method`; a story can tell of several."""
UNHURRIED = frozenset({"cancel_certificate_operation", "delete_certificate_operation"})
"""Methods whose story needs an issuer that takes its time."""
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
IV = bytes(range(16))


def story(name: str) -> Callable[[Story], Story]:
    def keep(told: Story) -> Story:
        STORIES[name] = told
        return told

    return keep


async def ec_key(client: KeyVaultClient, name: str = "k", curve: KeyCurve = KeyCurve.P_256) -> Key:
    return await client.keys.create_key(name, CreateKeyOptions(key_type=KeyType.EC, curve=curve))


async def rsa_key(client: KeyVaultClient) -> Key:
    return await client.keys.create_key("rsa", CreateKeyOptions(key_type=KeyType.RSA, size=2048))


async def oct_key(client: KeyVaultClient, *operations: KeyOperation) -> Key:
    options = CreateKeyOptions(key_type=KeyType.OCT_HSM, size=256, operations=operations or None)
    return await client.keys.create_key("oct", options)


async def certificate(client: KeyVaultClient, name: str = "tls", **policy: Any) -> Any:
    usual = {"issuer": "Self", "subject": "CN=shop", "dns_names": ("shop.example",), "key_type": "EC"}
    return await client.certificates.create_certificate(name, CertificatePolicy(**(usual | policy)))


def names(items: list[Any]) -> list[str]:
    return sorted(item.name for item in items)


# ---------------------------------------------------------------------------- secrets
@story("secrets.set_secret")
async def set_secret(client: KeyVaultClient) -> None:
    options = SetSecretOptions(content_type="text/plain", tags={"a": "b"}, enabled=True, expires_on=SOON)
    made = await client.secrets.set_secret("db", "wört", options)
    assert made.value.expose_secret() == "wört"
    assert (made.properties.content_type, dict(made.properties.tags)) == ("text/plain", {"a": "b"})
    assert made.properties.expires_on == SOON


@story("secrets.get_secret")
async def get_secret(client: KeyVaultClient) -> None:
    old = await client.secrets.set_secret("db", "one")
    await client.secrets.set_secret("db", "two")
    assert (await client.secrets.get_secret("db")).value.expose_secret() == "two"
    assert (await client.secrets.get_secret("db", old.version)).value.expose_secret() == "one"
    made = await certificate(client)
    asked = await client.secrets.get_secret("tls", out_content_type=CertificateContentType.PEM)
    assert made.leaf.public_bytes(serialization.Encoding.PEM).decode() in asked.value.expose_secret()


@story("secrets.get_secret_version")
async def get_secret_version(client: KeyVaultClient) -> None:
    old = await client.secrets.set_secret("db", "one")
    await client.secrets.set_secret("db", "two")
    assert (await client.secrets.get_secret_version("db", old.version)).value.expose_secret() == "one"


@story("secrets.list_secrets")
async def list_secrets(client: KeyVaultClient) -> None:
    for number in range(30):
        await client.secrets.set_secret(f"s{number:02}", "x")
    found = [item.name async for item in client.secrets.list_secrets()]
    assert found == [f"s{number:02}" for number in range(30)]
    assert names(await client.secrets.list_secrets()) == found


@story("secrets.list_all")
async def list_all_secrets(client: KeyVaultClient) -> None:
    await client.secrets.set_secret("db", "x")
    assert names(await client.secrets.list_all()) == ["db"]


@story("secrets.list_secret_versions")
async def list_secret_versions(client: KeyVaultClient) -> None:
    made = {(await client.secrets.set_secret("db", value)).version for value in ("one", "two")}
    assert {item.version for item in await client.secrets.list_secret_versions("db")} == made


@story("secrets.update_secret_properties")
async def update_secret_properties(client: KeyVaultClient) -> None:
    await client.secrets.set_secret("db", "x", SetSecretOptions(content_type="a"))
    changed = await client.secrets.update_secret_properties("db", tags={"a": "b"}, expires_on=SOON)
    assert (changed.content_type, dict(changed.tags), changed.expires_on) == ("a", {"a": "b"}, SOON)


@story("secrets.delete_secret")
async def delete_secret(client: KeyVaultClient) -> None:
    await client.secrets.set_secret("db", "x")
    deleted = await client.secrets.delete_secret("db")
    assert (deleted.name, deleted.recovery_id is not None) == ("db", True)
    assert await client.secrets.list_secrets() == []


@story("secrets.get_deleted_secret")
async def get_deleted_secret(client: KeyVaultClient) -> None:
    await client.secrets.set_secret("db", "x")
    deleted = await client.secrets.delete_secret("db")
    assert await client.secrets.get_deleted_secret("db") == deleted


@story("secrets.list_deleted_secrets")
async def list_deleted_secrets(client: KeyVaultClient) -> None:
    await client.secrets.set_secret("db", "x")
    await client.secrets.delete_secret("db")
    assert names(await client.secrets.list_deleted_secrets()) == ["db"]


@story("secrets.recover_deleted_secret")
async def recover_deleted_secret(client: KeyVaultClient) -> None:
    made = await client.secrets.set_secret("db", "x")
    await client.secrets.delete_secret("db")
    assert (await client.secrets.recover_deleted_secret("db")).version == made.version
    assert (await client.secrets.get_secret("db")).value.expose_secret() == "x"


@story("secrets.purge_deleted_secret")
async def purge_deleted_secret(client: KeyVaultClient) -> None:
    await client.secrets.set_secret("db", "x")
    await client.secrets.delete_secret("db", wait=0)
    await client.secrets.purge_deleted_secret("db")
    assert await client.secrets.list_deleted_secrets() == []
    await client.secrets.set_secret("db", "y")


@story("secrets.backup_secret")
@story("secrets.restore_secret")
async def backup_secret(client: KeyVaultClient) -> None:
    versions = {(await client.secrets.set_secret("db", value)).version for value in ("one", "two")}
    blob = await client.secrets.backup_secret("db")
    await client.secrets.delete_secret("db")
    await client.secrets.purge_deleted_secret("db")
    assert (await client.secrets.restore_secret(blob)).name == "db"
    assert {item.version for item in await client.secrets.list_secret_versions("db")} == versions
    assert (await client.secrets.get_secret("db")).value.expose_secret() == "two"


# ---------------------------------------------------------------------------- keys
@story("keys.create_key")
async def create_key(client: KeyVaultClient) -> None:
    encrypting, signing = (KeyOperation.ENCRYPT,), (KeyOperation.SIGN,)
    for options in (
        CreateKeyOptions(key_type=KeyType.RSA, size=2048, operations=encrypting, tags={"a": "b"}),
        CreateKeyOptions(key_type=KeyType.EC, curve=KeyCurve.P_256K, operations=signing, expires_on=SOON),
        CreateKeyOptions(key_type=KeyType.EC_HSM, curve=KeyCurve.P_521, operations=signing, enabled=False),
        CreateKeyOptions(key_type=KeyType.OCT_HSM, size=128, operations=encrypting),
    ):
        made = await client.keys.create_key("k", options)
        assert (made.key_type, made.operations) == (options.key_type, options.operations)
        assert made.key.crv == options.curve
        assert made.key.size == (options.size if options.key_type is KeyType.RSA else None)
        assert dict(made.properties.tags) == (options.tags or {})
        assert made.properties.enabled is (options.enabled is not False)
        assert made.properties.expires_on == options.expires_on


@story("keys.get_key")
async def get_key(client: KeyVaultClient) -> None:
    made = await ec_key(client)
    await ec_key(client)
    assert await client.keys.get_key("k", made.version) == made
    assert (await client.keys.get_key("k")).version != made.version


@story("keys.open_public_key")
async def open_public_key(client: KeyVaultClient) -> None:
    await rsa_key(client)
    local = await client.keys.open_public_key("rsa")
    encrypted = local.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"plain")
    back = await client.keys.decrypt("rsa", encrypted.algorithm, encrypted.ciphertext)
    assert (back.plaintext, back.key_id) == (b"plain", encrypted.key_id)
    signed = await client.keys.sign("rsa", SignatureAlgorithm.PS256, message=b"m")
    assert local.verify(signed.algorithm, message=b"m", signature=signed.signature)


@story("keys.import_key")
async def import_key(client: KeyVaultClient) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    made = await client.keys.import_key("k", JsonWebKey.from_key(private))
    signed = await client.keys.sign(made, SignatureAlgorithm.ES256, message=b"m")
    assert made.key.to_public_key() == private.public_key()
    assert await client.keys.verify(made, SignatureAlgorithm.ES256, message=b"m", signature=signed.signature)


@story("keys.list_keys")
async def list_keys(client: KeyVaultClient) -> None:
    await ec_key(client, "a")
    await ec_key(client, "b")
    assert [item.name async for item in client.keys.list_keys()] == ["a", "b"]


@story("keys.list_all")
async def list_all_keys(client: KeyVaultClient) -> None:
    await ec_key(client)
    assert names(await client.keys.list_all()) == ["k"]


@story("keys.list_key_versions")
async def list_key_versions(client: KeyVaultClient) -> None:
    made = {(await ec_key(client)).version for _ in range(2)}
    assert {item.version for item in await client.keys.list_key_versions("k")} == made


@story("keys.update_key_properties")
async def update_key_properties(client: KeyVaultClient) -> None:
    await ec_key(client)
    changed = await client.keys.update_key_properties(
        "k", operations=(KeyOperation.VERIFY,), tags={"a": "b"}, expires_on=SOON, enabled=False
    )
    assert changed.operations == ("verify",)
    assert (dict(changed.properties.tags), changed.properties.expires_on) == ({"a": "b"}, SOON)
    assert not changed.properties.enabled


@story("keys.rotate_key")
async def rotate_key(client: KeyVaultClient) -> None:
    old = await ec_key(client, curve=KeyCurve.P_384)
    new = await client.keys.rotate_key("k")
    assert (new.key.crv, new.version != old.version) == ("P-384", True)


@story("keys.get_key_rotation_policy")
@story("keys.update_key_rotation_policy")
async def rotation_policy(client: KeyVaultClient) -> None:
    await ec_key(client)
    action = KeyRotationLifetimeAction(action=KeyRotationAction.ROTATE, time_after_create="P60D")
    kept = await client.keys.update_key_rotation_policy(
        "k", KeyRotationPolicy(lifetime_actions=(action,), expires_in="P90D")
    )
    assert action in kept.lifetime_actions
    assert kept.expires_in == "P90D"
    assert await client.keys.get_key_rotation_policy("k") == kept


@story("keys.delete_key")
async def delete_key(client: KeyVaultClient) -> None:
    await ec_key(client)
    assert (await client.keys.delete_key("k")).name == "k"
    assert await client.keys.list_keys() == []


@story("keys.get_deleted_key")
async def get_deleted_key(client: KeyVaultClient) -> None:
    made = await ec_key(client)
    await client.keys.delete_key("k")
    assert (await client.keys.get_deleted_key("k")).key == made.key


@story("keys.list_deleted_keys")
async def list_deleted_keys(client: KeyVaultClient) -> None:
    await ec_key(client)
    await client.keys.delete_key("k")
    assert names(await client.keys.list_deleted_keys()) == ["k"]


@story("keys.recover_deleted_key")
async def recover_deleted_key(client: KeyVaultClient) -> None:
    made = await ec_key(client)
    await client.keys.delete_key("k")
    assert (await client.keys.recover_deleted_key("k")).key == made.key


@story("keys.purge_deleted_key")
async def purge_deleted_key(client: KeyVaultClient) -> None:
    await ec_key(client)
    await client.keys.delete_key("k", wait=0)
    await client.keys.purge_deleted_key("k")
    assert await client.keys.list_deleted_keys() == []


@story("keys.backup_key")
@story("keys.restore_key")
async def backup_key(client: KeyVaultClient) -> None:
    made = await ec_key(client)
    signed = await client.keys.sign(made, SignatureAlgorithm.ES256, message=b"m")
    blob = await client.keys.backup_key("k")
    await client.keys.delete_key("k")
    await client.keys.purge_deleted_key("k")
    assert (await client.keys.restore_key(blob)).key == made.key
    assert await client.keys.verify("k", SignatureAlgorithm.ES256, message=b"m", signature=signed.signature)


@story("keys.encrypt")
@story("keys.decrypt")
async def encrypt_and_decrypt(client: KeyVaultClient) -> None:
    rsa, symmetric = await rsa_key(client), await oct_key(client)
    plain = b"sixteen bytes 16"
    for algorithm in EncryptionAlgorithm:
        if algorithm.startswith("RSA"):
            key = rsa
        elif algorithm.startswith("A256"):
            key = symmetric
        else:
            continue  # of another size
        iv = IV if "CBC" in algorithm else None
        aad = b"more" if "GCM" in algorithm else None
        made = await client.keys.encrypt(key, algorithm, plain, iv=iv, aad=aad)
        assert made.key_id == key.key.kid
        assert made.ciphertext != plain
        back = await client.keys.decrypt(
            key, algorithm, made.ciphertext, iv=made.iv, tag=made.tag, aad=made.aad
        )
        assert (back.plaintext, back.key_id, back.algorithm) == (plain, key.key.kid, algorithm)


@story("keys.sign")
@story("keys.verify")
async def sign_and_verify(client: KeyVaultClient) -> None:
    rsa = await rsa_key(client)
    symmetric = await oct_key(client, KeyOperation.SIGN, KeyOperation.VERIFY)
    curves = {
        SignatureAlgorithm.ES256: KeyCurve.P_256,
        SignatureAlgorithm.ES256K: KeyCurve.P_256K,
        SignatureAlgorithm.ES384: KeyCurve.P_384,
        SignatureAlgorithm.ES512: KeyCurve.P_521,
    }
    for algorithm in SignatureAlgorithm:
        key = symmetric if algorithm.startswith("HS") else rsa
        if algorithm in curves:
            key = await ec_key(client, "ec", curves[algorithm])
        made = await client.keys.sign(key, algorithm, message=b"m")
        good = await client.keys.verify(key, algorithm, message=b"m", signature=made.signature)
        bad = await client.keys.verify(key, algorithm, message=b"n", signature=made.signature)
        assert (made.key_id, bool(good), bool(bad)) == (key.key.kid, True, False)
    digest = hashlib.sha256(b"m").digest()
    made = await client.keys.sign("rsa", SignatureAlgorithm.RS256, digest)
    assert made.key_id == rsa.key.kid
    assert await client.keys.verify("rsa", SignatureAlgorithm.RS256, digest, signature=made.signature)


@story("keys.wrap_key")
@story("keys.unwrap_key")
async def wrap_and_unwrap(client: KeyVaultClient) -> None:
    rsa, symmetric = await rsa_key(client), await oct_key(client)
    for algorithm in (
        KeyWrapAlgorithm.RSA_OAEP_256,
        KeyWrapAlgorithm.RSA_OAEP,
        KeyWrapAlgorithm.RSA1_5,
        KeyWrapAlgorithm.A256KW,
    ):
        key = rsa if algorithm.startswith("RSA") else symmetric
        made = await client.keys.wrap_key(key, algorithm, b"k" * 32)
        back = await client.keys.unwrap_key(key, algorithm, made.encrypted_key)
        assert (made.key_id, back.key_id, back.key) == (key.key.kid, key.key.kid, b"k" * 32)


@story("keys.release_key")
async def release_key(client: KeyVaultClient) -> None:
    made = await client.keys.create_key("k", EXPORTABLE)
    released = await client.keys.release_key("k", attestation(exp=int(SOON.timestamp())))
    with pytest.raises(KeyVaultError) as caught:
        await client.keys.release_key("k", attestation(exp=int(SOON.timestamp()), tee={"kind": "none"}))
    assert payload(released)["response"]["key"]["key"]["kid"] == made.key.kid
    assert caught.value.http_status == 403


@story("keys.get_key_attestation")
async def get_key_attestation(client: KeyVaultClient) -> None:
    made = await client.keys.create_key("k", CreateKeyOptions(key_type=KeyType.EC_HSM))
    found = await client.keys.get_key_attestation("k")
    assert found == await client.keys.get_key_attestation("k", made.version)
    assert found.private_key_attestation


@story("keys.get_random_bytes")
async def get_random_bytes(client: KeyVaultClient) -> None:
    first, second = await client.keys.get_random_bytes(32), await client.keys.get_random_bytes(32)
    assert (len(first), first != second) == (32, True)


# ---------------------------------------------------------------------------- certificates
@story("certificates.create_certificate")
async def create_certificate(client: KeyVaultClient) -> None:
    made = await certificate(client)
    assert made.leaf.subject.rfc4514_string() == "CN=shop"
    bundle = await made.with_private_key()
    assert bundle.leaf == made.leaf
    key = serialization.load_pem_private_key(bundle.require_private_key(), None)
    assert key.public_key() == made.leaf.public_key()


@story("certificates.get_certificate")
async def get_certificate(client: KeyVaultClient) -> None:
    made = await certificate(client)
    assert await client.certificates.get_certificate("tls") == made
    assert await client.certificates.get_certificate("tls", made.version) == made


@story("certificates.get_certificate_version")
async def get_certificate_version(client: KeyVaultClient) -> None:
    made = await certificate(client)
    await certificate(client)
    assert (await client.certificates.get_certificate_version("tls", made.version)).cer == made.cer


@story("certificates.list_certificates")
async def list_certificates(client: KeyVaultClient) -> None:
    made = await certificate(client)
    await client.certificates.begin_create_certificate(
        "later", CertificatePolicy(issuer="Unknown", subject="CN=a")
    )
    (item,) = await client.certificates.list_certificates()
    assert (item.name, item.x509_thumbprint) == ("tls", made.properties.x509_thumbprint)
    assert names(await client.certificates.list_certificates(include_pending=True)) == ["later", "tls"]


@story("certificates.list_all")
async def list_all_certificates(client: KeyVaultClient) -> None:
    await certificate(client)
    assert names(await client.certificates.list_all()) == ["tls"]


@story("certificates.list_certificate_versions")
async def list_certificate_versions(client: KeyVaultClient) -> None:
    made = {(await certificate(client)).version for _ in range(2)}
    assert {item.version for item in await client.certificates.list_certificate_versions("tls")} == made


@story("certificates.get_certificate_policy")
@story("certificates.update_certificate_policy")
async def certificate_policy(client: KeyVaultClient) -> None:
    await certificate(client)
    changed = await client.certificates.update_certificate_policy("tls", CertificatePolicy(validity_months=3))
    found = await client.certificates.get_certificate_policy("tls")
    assert (found.validity_months, found.subject, found.dns_names) == (3, "CN=shop", ("shop.example",))
    assert changed == found


@story("certificates.begin_create_certificate")
@story("certificates.get_certificate_operation")
async def begin_create_certificate(client: KeyVaultClient) -> None:
    policy = CertificatePolicy(issuer="Unknown", subject="CN=shop")
    begun = await client.certificates.begin_create_certificate("tls", policy)
    read = await client.certificates.get_certificate_operation("tls")
    assert (begun.is_under_way, begun.issuer, read) == (True, "Unknown", begun)
    assert x509.load_der_x509_csr(begun.csr).subject.rfc4514_string() == "CN=shop"


@story("certificates.cancel_certificate_operation")
@story("certificates.delete_certificate_operation")
async def cancel_certificate_operation(client: KeyVaultClient) -> None:
    policy = CertificatePolicy(issuer="Self", subject="CN=shop", key_type="EC")
    await client.certificates.begin_create_certificate("tls", policy)
    assert (await client.certificates.cancel_certificate_operation("tls")).cancellation_requested
    await client.certificates.delete_certificate_operation("tls")
    assert (await client.certificates.begin_create_certificate("tls", policy)).is_under_way


@story("certificates.merge_certificate")
async def merge_certificate(client: KeyVaultClient) -> None:
    policy = CertificatePolicy(issuer="Unknown", subject="CN=shop", key_type="EC")
    begun = await client.certificates.begin_create_certificate("tls", policy)
    request = x509.load_der_x509_csr(begun.csr)
    signed = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(root().certificate.subject)
        .public_key(request.public_key())
        .serial_number(7)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(SOON)
        .sign(root().key, SHA256())
    )
    der = signed.public_bytes(serialization.Encoding.DER)
    made = await client.certificates.merge_certificate("tls", [der, root().der], tags={"a": "b"})
    assert (made.cer, dict(made.properties.tags)) == (der, {"a": "b"})
    assert (await made.with_private_key()).roots == (root().certificate,)


@story("certificates.import_certificate")
async def import_certificate(client: KeyVaultClient) -> None:
    pem = (leaf().key_pem + leaf().pem).encode()
    made = await client.certificates.import_certificate("tls", pem)
    pfx = pkcs12.serialize_key_and_certificates(
        b"shop", leaf().key, leaf().certificate, None, serialization.BestAvailableEncryption(b"horse")
    )
    again = await client.certificates.import_certificate("tls", pfx, password="horse", tags={"a": "b"})
    assert made.cer == again.cer == leaf().der
    assert (await again.with_private_key()).require_private_key() == leaf().key_pem.encode()


@story("certificates.update_certificate_properties")
async def update_certificate_properties(client: KeyVaultClient) -> None:
    await certificate(client)
    changed = await client.certificates.update_certificate_properties("tls", enabled=False, tags={"a": "b"})
    assert (changed.properties.enabled, dict(changed.properties.tags)) == (False, {"a": "b"})


@story("certificates.delete_certificate")
@story("certificates.get_deleted_certificate")
@story("certificates.list_deleted_certificates")
async def delete_certificate(client: KeyVaultClient) -> None:
    made = await certificate(client)
    deleted = await client.certificates.delete_certificate("tls")
    assert deleted.cer == made.cer
    assert await client.certificates.get_deleted_certificate("tls") == deleted
    assert names(await client.certificates.list_deleted_certificates()) == ["tls"]
    assert await client.certificates.list_certificates() == []


@story("certificates.recover_deleted_certificate")
async def recover_deleted_certificate(client: KeyVaultClient) -> None:
    made = await certificate(client)
    await client.certificates.delete_certificate("tls")
    assert (await client.certificates.recover_deleted_certificate("tls")).cer == made.cer
    assert (await (await client.certificates.get_certificate("tls")).with_private_key()).leaf == made.leaf


@story("certificates.purge_deleted_certificate")
async def purge_deleted_certificate(client: KeyVaultClient) -> None:
    await certificate(client)
    await client.certificates.delete_certificate("tls")
    await client.certificates.purge_deleted_certificate("tls")
    assert await client.certificates.list_deleted_certificates() == []


@story("certificates.backup_certificate")
@story("certificates.restore_certificate")
async def backup_certificate(client: KeyVaultClient) -> None:
    made = await certificate(client)
    blob = await client.certificates.backup_certificate("tls")
    await client.certificates.delete_certificate("tls")
    await client.certificates.purge_deleted_certificate("tls")
    assert (await client.certificates.restore_certificate(blob)).cer == made.cer
    assert (await (await client.certificates.get_certificate("tls")).with_private_key()).leaf == made.leaf


@story("certificates.create_issuer")
@story("certificates.get_issuer")
@story("certificates.list_issuers")
@story("certificates.update_issuer")
@story("certificates.delete_issuer")
async def issuers(client: KeyVaultClient) -> None:
    certificates = client.certificates
    asked = CertificateIssuer(
        name="ca", provider="DigiCert", account_id="7", password=SecretString("horse"), organization_id="9"
    )
    made = await certificates.create_issuer(asked)
    assert (made.name, made.provider, made.account_id, made.organization_id) == ("ca", "DigiCert", "7", "9")
    assert (made.password, made.enabled) == (None, True)
    assert await certificates.get_issuer("ca") == made
    assert [(item.name, item.provider) async for item in certificates.list_issuers()] == [("ca", "DigiCert")]
    changed = await certificates.update_issuer(CertificateIssuer(name="ca", enabled=False))
    assert (changed.enabled, changed.account_id) == (False, "7")
    await certificates.delete_issuer("ca")
    assert await certificates.list_issuers() == []


@story("certificates.set_contacts")
@story("certificates.get_contacts")
@story("certificates.delete_contacts")
async def contacts(client: KeyVaultClient) -> None:
    wanted = (
        CertificateContact(email="a@shop.example", name="A", phone="1"),
        CertificateContact(email="b@x"),
    )
    assert await client.certificates.set_contacts(wanted) == wanted
    assert await client.certificates.get_contacts() == wanted
    assert await client.certificates.delete_contacts() == wanted
