"""What comes back is of a public type, is frozen, and shows no secret."""

import base64
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import vaultbind.keyvault as library
from tests.unit.keyvault.fakes import (
    VAULT,
    VERSION,
    Answer,
    FakeCredential,
    answer,
    canned,
    make_client,
    secret,
    secret_item,
)
from vaultbind.keyvault import (
    AzureCloud,
    CacheConfig,
    CacheStats,
    Certificate,
    CertificateOperation,
    DecryptResult,
    DeletedCertificate,
    DeletedKey,
    DeletedObject,
    DeletedSecret,
    EncryptionAlgorithm,
    EncryptResult,
    Key,
    KeyProperties,
    KeyRotationPolicy,
    KeyVaultClient,
    KeyVaultClientBuilder,
    KeyWrapAlgorithm,
    Listing,
    NullObserver,
    Observer,
    RecoveryLevel,
    Secret,
    SecretProperties,
    SignatureAlgorithm,
    SignResult,
    Telling,
    UnwrapResult,
    VaultUrl,
    VerifyResult,
    WrapResult,
    has_allowed_suffix,
    parse_vault_url,
)
from vaultbind.keyvault.rotation.judgement import Event

HIDDEN = b"the-hidden-value"
KID = f"{VAULT}/keys/k/{VERSION}"
OPERATED = answer({"kid": KID, "value": base64.urlsafe_b64encode(HIDDEN).decode().rstrip("=")})
KEY = {"key": {"kid": KID, "kty": "RSA", "n": "AQ", "e": "AQAB"}}
CERTIFICATE = {"id": f"{VAULT}/certificates/tls/{VERSION}"}
PENDING = {"status": "inProgress"}
Call = Callable[[KeyVaultClient], Awaitable[Any]]
RESULTS: list[tuple[type, Answer, Call]] = [
    (Secret, answer(secret("db", HIDDEN.decode())), lambda c: c.get_secret("db")),
    (SecretProperties, answer(secret_item()), lambda c: c.secrets.update_secret_properties("db", tags={})),
    (DeletedSecret, answer(secret_item()), lambda c: c.secrets.delete_secret("db")),
    (Key, answer(KEY), lambda c: c.get_key("k")),
    (DeletedKey, answer(KEY), lambda c: c.keys.delete_key("k")),
    (KeyRotationPolicy, answer({}), lambda c: c.keys.get_key_rotation_policy("k")),
    (EncryptResult, OPERATED, lambda c: c.keys.encrypt("k", EncryptionAlgorithm.RSA_OAEP_256, HIDDEN)),
    (
        DecryptResult,
        OPERATED,
        lambda c: c.keys.decrypt("k", EncryptionAlgorithm.A256CBC, bytes(16), iv=bytes(16)),
    ),
    (SignResult, OPERATED, lambda c: c.keys.sign("k", SignatureAlgorithm.RS256, bytes(32))),
    (
        VerifyResult,
        answer({"value": True}),
        lambda c: c.keys.verify("k", SignatureAlgorithm.RS256, bytes(32), signature=b""),
    ),
    (WrapResult, OPERATED, lambda c: c.keys.wrap_key("k", KeyWrapAlgorithm.RSA_OAEP_256, HIDDEN)),
    (UnwrapResult, OPERATED, lambda c: c.keys.unwrap_key("k", KeyWrapAlgorithm.A256KW, bytes(24))),
    (Certificate, answer(CERTIFICATE), lambda c: c.get_certificate("tls")),
    (DeletedCertificate, answer(CERTIFICATE), lambda c: c.certificates.delete_certificate("tls")),
    (
        CertificateOperation,
        answer(PENDING),
        lambda c: c.certificates.get_certificate_operation("tls"),
    ),
]
CLEAR = {EncryptResult, SignResult, WrapResult}
"""Of these the value is no secret."""


@pytest.mark.parametrize(("type_", "given", "call"), RESULTS, ids=[row[0].__name__ for row in RESULTS])
async def test_results(type_: type, given: Answer, call: Call) -> None:
    found: Any = await call(make_client(canned(given)))

    field = dataclasses.fields(found)[0].name
    assert type(found) is type_
    assert type_.__name__ in library.__all__
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(found, field, None)
    if type_ not in CLEAR:
        assert HIDDEN.decode() not in repr(found)


def test_deleted_objects_have_one_base() -> None:
    assert all(issubclass(kind, DeletedObject) for kind in (DeletedSecret, DeletedKey, DeletedCertificate))


async def test_lists_and_recovery_levels() -> None:
    listing = make_client(canned(answer({"value": [secret_item()]}))).secrets.list_secrets()

    assert isinstance(listing, Listing)
    (item,) = await listing
    assert item.recovery_level == RecoveryLevel.RECOVERABLE_PURGEABLE


async def test_counts_of_the_cache() -> None:
    client = make_client(canned(answer(secret())), cache=CacheConfig())

    await client.get_secret("db")

    assert isinstance(client.cache_stats, CacheStats)
    assert client.cache_stats.misses == 1
    await client.aclose()


def test_a_builder_is_typed_and_takes_an_observer() -> None:
    observer: Observer = NullObserver()
    builder = KeyVaultClient.builder().vault_url(VAULT).credential(FakeCredential()).observer(observer)

    assert isinstance(builder, KeyVaultClientBuilder)
    assert builder.transport(canned(answer({}))).build().vault_url == VAULT


@pytest.mark.parametrize("cloud", AzureCloud)
def test_clouds_have_vaults_and_authorities(cloud: AzureCloud) -> None:
    url = parse_vault_url(f"https://shop{cloud.vault_suffix}")

    assert url == VaultUrl(host=f"shop{cloud.vault_suffix}")
    assert has_allowed_suffix(url, [cloud.vault_suffix])
    assert cloud.authority_host.startswith("https://login.")


def test_key_properties_tell_no_material() -> None:
    names = {item.name for item in dataclasses.fields(KeyProperties)}

    assert not names & {"d", "k", "p", "q"}


def test_what_a_monitor_tells_names_its_object() -> None:
    properties = SecretProperties(id=f"{VAULT}/secrets/db", name="db")
    telling = Telling(event=Event.ROTATED, properties=properties)

    assert (telling.key.kind, telling.key.name) == (properties.kind, "db")
