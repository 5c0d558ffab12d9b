"""Keys of a real vault: brought along, taken away and brought back, released by nobody."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from vaultbind.keyvault import (
    CreateKeyOptions,
    ImportKeyOptions,
    JsonWebKey,
    KeyCurve,
    KeyOperation,
    KeyType,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
    SignatureAlgorithm,
)


async def test_a_key_of_our_own_is_imported_and_signs(client: KeyVaultClient, name: str) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    options = ImportKeyOptions(operations=(KeyOperation.SIGN, KeyOperation.VERIFY), tags={"a": "b"})

    made = await client.keys.import_key(name, JsonWebKey.from_key(private), options)

    signed = await client.keys.sign(made, SignatureAlgorithm.ES256, message=b"m")
    assert made.key.to_public_key() == private.public_key()
    assert (set(made.operations), dict(made.properties.tags)) == ({"sign", "verify"}, {"a": "b"})
    assert await client.keys.verify(made, SignatureAlgorithm.ES256, message=b"m", signature=signed.signature)


async def test_a_key_is_recovered_and_restored_with_what_it_signed(client: KeyVaultClient, name: str) -> None:
    keys = client.keys
    made = await keys.create_key(name, CreateKeyOptions(key_type=KeyType.EC, curve=KeyCurve.P_384))
    signed = await keys.sign(made, SignatureAlgorithm.ES384, message=b"m")
    blob = await keys.backup_key(name)

    assert (await keys.delete_key(name)).recovery_id
    assert (await keys.get_deleted_key(name)).name == name
    assert name in {item.name async for item in keys.list_deleted_keys()}
    with pytest.raises(KeyVaultError) as caught:
        await keys.create_key(name, CreateKeyOptions(key_type=KeyType.EC))
    assert caught.value.kind is KeyVaultErrorKind.DELETED_BUT_RECOVERABLE
    assert (await keys.recover_deleted_key(name)).key == made.key

    await keys.delete_key(name)
    await keys.purge_deleted_key(name)
    assert (await keys.restore_key(blob)).key == made.key
    assert await keys.verify(name, signed.algorithm, message=b"m", signature=signed.signature)


async def test_versions_of_a_key_and_what_may_be_changed(client: KeyVaultClient, name: str) -> None:
    keys = client.keys
    made = {(await keys.create_key(name, CreateKeyOptions(key_type=KeyType.EC))).version for _ in range(2)}

    assert {item.version for item in await keys.list_key_versions(name)} == made
    assert name in {item.name async for item in keys.list_keys()}
    changed = await keys.update_key_properties(name, operations=(KeyOperation.VERIFY,), tags={"a": "b"})
    assert (changed.operations, dict(changed.properties.tags)) == (("verify",), {"a": "b"})
    assert (await keys.get_key_rotation_policy(name)).lifetime_actions is not None
    disabled = await keys.update_key_properties(name, enabled=False)
    assert not disabled.properties.enabled
    with pytest.raises(KeyVaultError) as caught:
        await keys.verify(name, SignatureAlgorithm.ES256, message=b"m", signature=b"s" * 64)
    assert caught.value.http_status == 403
