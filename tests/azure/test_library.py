"""The library's operations against a real vault of the standard kind; each leaves nothing behind."""

import pytest

from vaultbind.keyvault import (
    CertificatePolicy,
    CreateKeyOptions,
    EncryptionAlgorithm,
    KeyCurve,
    KeyOperation,
    KeyRotationAction,
    KeyRotationLifetimeAction,
    KeyRotationPolicy,
    KeyType,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
    KeyWrapAlgorithm,
    SetSecretOptions,
    SignatureAlgorithm,
)


async def test_a_secret_from_writing_to_purging(client: KeyVaultClient, name: str) -> None:
    secrets = client.secrets
    first = await secrets.set_secret(name, "one", SetSecretOptions(content_type="text/plain"))
    second = await secrets.set_secret(name, "two", SetSecretOptions(tags={"a": "b"}))

    assert (await secrets.get_secret(name)).value.expose_secret() == "two"
    assert (await secrets.get_secret_version(name, first.version)).value.expose_secret() == "one"
    assert {item.version for item in await secrets.list_secret_versions(name)} == {
        first.version,
        second.version,
    }
    assert name in {item.name async for item in secrets.list_secrets()}
    changed = await secrets.update_secret_properties(name, enabled=False)
    assert not changed.enabled
    with pytest.raises(KeyVaultError) as caught:
        await secrets.get_secret(name)
    assert caught.value.kind is KeyVaultErrorKind.DISABLED

    blob = await secrets.backup_secret(name)
    assert (await secrets.delete_secret(name)).recovery_id
    assert (await secrets.get_deleted_secret(name)).name == name
    assert name in {item.name async for item in secrets.list_deleted_secrets()}
    with pytest.raises(KeyVaultError) as caught:
        await secrets.set_secret(name, "three")
    assert caught.value.kind is KeyVaultErrorKind.DELETED_BUT_RECOVERABLE
    await secrets.recover_deleted_secret(name)
    await secrets.delete_secret(name)
    await secrets.purge_deleted_secret(name)
    assert (await secrets.restore_secret(blob)).name == name


async def test_a_key_encrypts_signs_wraps_and_is_rotated(client: KeyVaultClient, name: str) -> None:
    keys = client.keys
    made = await keys.create_key(name, CreateKeyOptions(key_type=KeyType.RSA, size=2048))

    encrypted = await keys.encrypt(made, EncryptionAlgorithm.RSA_OAEP_256, b"plain")
    decrypted = await keys.decrypt(made, EncryptionAlgorithm.RSA_OAEP_256, encrypted.ciphertext)
    assert (decrypted.plaintext, decrypted.key_id) == (b"plain", made.key.kid)
    signed = await keys.sign(made, SignatureAlgorithm.PS256, message=b"m")
    assert await keys.verify(made, SignatureAlgorithm.PS256, message=b"m", signature=signed.signature)
    assert not await keys.verify(made, SignatureAlgorithm.PS256, message=b"n", signature=signed.signature)
    wrapped = await keys.wrap_key(made, KeyWrapAlgorithm.RSA_OAEP_256, b"k" * 32)
    assert (await keys.unwrap_key(made, wrapped.algorithm, wrapped.encrypted_key)).key == b"k" * 32

    local = await keys.open_public_key(name)
    assert local.verify(SignatureAlgorithm.PS256, message=b"m", signature=signed.signature)
    here = local.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"here")
    assert await client.decrypt(name, here.algorithm, here.ciphertext) == b"here"

    action = KeyRotationLifetimeAction(action=KeyRotationAction.ROTATE, time_after_create="P60D")
    policy = KeyRotationPolicy(lifetime_actions=(action,), expires_in="P90D")
    kept = await keys.update_key_rotation_policy(name, policy)
    assert action in kept.lifetime_actions
    rotated = await keys.rotate_key(name)
    assert (rotated.version != made.version, rotated.key.size) == (True, 2048)


async def test_a_key_on_a_curve_may_only_do_what_it_is_for(client: KeyVaultClient, name: str) -> None:
    options = CreateKeyOptions(key_type=KeyType.EC, curve=KeyCurve.P_256, operations=(KeyOperation.VERIFY,))
    await client.keys.create_key(name, options)

    with pytest.raises(KeyVaultError) as caught:
        await client.keys.sign(name, SignatureAlgorithm.ES256, message=b"m")

    assert caught.value.http_status == 403


async def test_a_certificate_of_its_own_and_its_private_key(client: KeyVaultClient, name: str) -> None:
    policy = CertificatePolicy(issuer="Self", subject="CN=vaultbind-e2e", validity_months=1)

    made = await client.certificates.create_certificate(name, policy)

    bundle = await made.with_private_key()
    assert bundle.leaf == made.leaf
    assert made.leaf.subject.rfc4514_string() == "CN=vaultbind-e2e"
    assert (await client.certificates.get_certificate_policy(name)).validity_months == 1
    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.delete_secret(name, wait=0)
    assert caught.value.kind is KeyVaultErrorKind.MANAGED_BY_KEY_VAULT


@pytest.mark.parametrize("kind", ["secrets.get_secret", "keys.get_key", "certificates.get_certificate"])
async def test_what_is_not_there(client: KeyVaultClient, name: str, kind: str) -> None:
    service, method = kind.split(".")

    with pytest.raises(KeyVaultError) as caught:
        await getattr(getattr(client, service), method)(name)

    assert caught.value.kind.name.endswith("_NOT_FOUND")
    assert caught.value.request_id
