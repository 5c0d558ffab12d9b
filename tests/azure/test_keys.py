"""Keys of a real vault: brought along, taken away and brought back, released by nobody."""

from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.azure.conftest import refusal_or
from vaultbind.keyvault import (
    CreateKeyOptions,
    EncryptionAlgorithm,
    ImportKeyOptions,
    JsonWebKey,
    KeyCurve,
    KeyOperation,
    KeyType,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
    KeyWrapAlgorithm,
    SignatureAlgorithm,
)

T = TypeVar("T")
REFUSED = {400, 403, 404, 405}
"""How a vault says that it does not do this, or not for us."""


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


async def test_what_is_computed_here_is_understood_there(client: KeyVaultClient, name: str) -> None:
    made = await client.keys.create_key(name, CreateKeyOptions(key_type=KeyType.RSA, size=2048))
    local = await client.keys.open_public_key(name)

    sealed = local.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"here")
    wrapped = local.wrap_key(KeyWrapAlgorithm.RSA_OAEP_256, b"k" * 32)
    signed = await client.keys.sign(made, SignatureAlgorithm.PS256, message=b"m")

    opened = await client.keys.decrypt(sealed.key_id, sealed.algorithm, sealed.ciphertext)
    assert opened.plaintext == b"here"
    assert (await client.keys.unwrap_key(made, wrapped.algorithm, wrapped.encrypted_key)).key == b"k" * 32
    assert local.verify(signed.algorithm, message=b"m", signature=signed.signature)
    assert not local.verify(signed.algorithm, message=b"n", signature=signed.signature)


async def test_nobody_gets_a_key_without_an_attestation(client: KeyVaultClient, name: str) -> None:
    """Hardware that attests itself is not at hand: whoever has none is refused, whatever the key."""
    await client.keys.create_key(name, CreateKeyOptions(key_type=KeyType.EC))

    with pytest.raises(KeyVaultError) as caught:
        await client.keys.release_key(name, "bm90.YW4.YXR0ZXN0YXRpb24")

    assert caught.value.http_status in REFUSED
    assert caught.value.object_name == name


async def test_what_hardware_says_of_a_key(client: KeyVaultClient, name: str) -> None:
    made = await refusal_or(client.keys.create_key(name, CreateKeyOptions(key_type=KeyType.EC_HSM)))
    skip_where_refused(made, "this vault has no hardware for keys")
    assert (await client.keys.get_key(name)).key_type == "EC-HSM"

    found = await refusal_or(client.keys.get_key_attestation(name))

    attested = skip_where_refused(found, "this vault does not attest keys")
    assert attested.private_key_attestation or attested.public_key_attestation


async def test_random_bytes_of_hardware(client: KeyVaultClient) -> None:
    made = [await refusal_or(client.keys.get_random_bytes(32)) for _ in range(2)]

    found = [skip_where_refused(item, "only a Managed HSM makes random bytes") for item in made]
    assert [len(item) for item in found] == [32, 32]
    assert found[0] != found[1]


def skip_where_refused(outcome: T | KeyVaultError, reason: str) -> T:
    """The outcome, unless the vault says that it does not do such a thing."""
    if not isinstance(outcome, KeyVaultError):
        return outcome
    assert outcome.http_status in REFUSED
    pytest.skip(f"{reason}: {outcome.code}")
