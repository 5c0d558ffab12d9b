"""Keys that leave the vault for an attested environment, on a simulated vault whose hardware says nothing."""

import base64
import json
from typing import Any

import pytest

from tests.unit.keyvault.fakes import VERSION, answer, canned, make_client
from tests.unit.keyvault.simulation.desk import SECONDS
from tests.unit.keyvault.simulation.test_release import AUTHORITY, attestation
from vaultbind.keyvault import (
    CreateKeyOptions,
    KeyAttestation,
    KeyExportEncryptionAlgorithm,
    KeyReleasePolicy,
    KeyType,
    KeyVaultError,
    KeyVaultErrorKind,
    MockKeyVaultClient,
    ReleaseResult,
)

CONDITION = {"authority": AUTHORITY, "allOf": [{"claim": "tee.kind", "equals": "sgx"}]}
POLICY = KeyReleasePolicy(data=json.dumps({"version": "1.0.0", "anyOf": [CONDITION]}).encode())
EXPORTABLE = CreateKeyOptions(key_type=KeyType.EC_HSM, exportable=True, release_policy=POLICY)


def payload(result: ReleaseResult) -> Any:
    part = result.value.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def test_a_key_is_released_to_whom_its_policy_names() -> None:
    async with MockKeyVaultClient() as client:
        made = await client.keys.create_key("exported", EXPORTABLE)
        token = attestation(exp=int(client.time.time()) + 60)
        released = await client.keys.release_key(
            "exported",
            token,
            version=made.version,
            algorithm=KeyExportEncryptionAlgorithm.RSA_AES_KEY_WRAP_256,
            nonce="n-1",
        )
        with pytest.raises(KeyVaultError) as caught:
            await client.keys.release_key("exported", attestation(exp=SECONDS, tee={"kind": "none"}))

    asked = payload(released)["request"]
    assert (asked["nonce"], asked["enc"]) == ("n-1", "RSA_AES_KEY_WRAP_256")
    assert payload(released)["response"]["key"]["key"]["kid"] == made.key.kid
    assert (caught.value.kind, caught.value.object_name) == (KeyVaultErrorKind.FORBIDDEN, "exported")
    assert released.value not in repr(released)


async def test_what_is_not_given_is_not_sent() -> None:
    transport = canned(answer({"value": "a.b.c"}))

    assert (await make_client(transport).keys.release_key("k", "x.y.z")).value == "a.b.c"

    request = transport.requests[-1]
    assert (request.method, request.url.partition("?")[0]) == (
        "POST",
        "https://shop.vault.azure.net/keys/k//release",
    )
    assert json.loads(request.content) == {"target": "x.y.z"}


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("a JWT", {"target_attestation_token": "no token"}),
    ("a JWT", {"target_attestation_token": b"a.b.c"}),
    ("a nonce is text", {"nonce": 7}),
    ("the algorithm is one of CKM", {"algorithm": "A256KW"}),
    ("a name has", {"name": "k/../secrets"}),
    ("a version has", {"version": "../x"}),
]


@pytest.mark.parametrize(("words", "wrong"), REFUSED, ids=[repr(row[1]) for row in REFUSED])
async def test_what_cannot_be_asked_is_refused_before_the_wire(words: str, wrong: dict[str, Any]) -> None:
    transport = canned(answer({}))

    with pytest.raises(KeyVaultError, match=words) as caught:
        await make_client(transport).keys.release_key(
            **{"name": "k", "target_attestation_token": "a.b.c"} | wrong
        )

    assert (caught.value.kind, transport.requests) == (KeyVaultErrorKind.VALIDATION, [])


async def test_what_hardware_says_of_a_key() -> None:
    async with MockKeyVaultClient() as client:
        made = await client.keys.create_key("hard", CreateKeyOptions(key_type=KeyType.EC_HSM))
        await client.keys.create_key("soft", CreateKeyOptions(key_type=KeyType.EC))
        found = await client.keys.get_key_attestation("hard", made.version)
        with pytest.raises(KeyVaultError) as caught:
            await client.keys.get_key_attestation("soft")

    assert found.version == "simulated"
    assert made.version.encode() in (found.public_key_attestation or b"")
    assert caught.value.kind is KeyVaultErrorKind.BAD_PARAMETER


async def test_a_key_without_attestation_has_none_of_it() -> None:
    kid = f"https://shop.vault.azure.net/keys/k/{VERSION}"
    transport = canned(answer({"key": {"kid": kid, "kty": "EC-HSM"}, "attributes": {}}))

    assert await make_client(transport).keys.get_key_attestation("k") == KeyAttestation()
