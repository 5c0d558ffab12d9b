"""Key operations: what goes over the wire, what comes back, and what never leaves."""

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.unit.keyvault.fakes import (
    VAULT,
    VERSION,
    Answer,
    CannedTransport,
    Recorder,
    answer,
    canned,
    make_client,
    problem,
)
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.simulation.client import MockKeyVaultClient
from vaultbind.keyvault.types.common import ObjectKind
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import CreateKeyOptions, Key, KeyProperties, KeyType

KID = f"{VAULT}/keys/k/{VERSION}"
PLAIN = b"the plaintext"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def operated(value: bytes, **more: bytes) -> Answer:
    return answer({"kid": KID, "value": b64(value), **{name: b64(data) for name, data in more.items()}})


def oct_key() -> Key:
    """As the service shows a symmetric key: without its material."""
    return Key(
        properties=KeyProperties(id=KID, name="k", version=VERSION, key_type="oct-HSM"),
        key=JsonWebKey(kid=KID, kty="oct-HSM"),
        operations=("encrypt", "decrypt", "wrapKey", "unwrapKey"),
    )


def sent(transport: CannedTransport) -> tuple[str, str, dict[str, Any]]:
    request = transport.requests[-1]
    path = request.url.removeprefix(VAULT).partition("?")[0]
    return request.method, path, json.loads(request.content)


async def test_encrypting_with_rsa() -> None:
    transport = canned(operated(b"\xff" * 256))

    found = await make_client(transport).keys.encrypt("k", EncryptionAlgorithm.RSA_OAEP_256, PLAIN)

    assert sent(transport) == ("POST", "/keys/k//encrypt", {"alg": "RSA-OAEP-256", "value": b64(PLAIN)})
    assert (found.key_id, found.ciphertext) == (KID, b"\xff" * 256)
    assert (found.iv, found.tag, found.aad) == (None, None, None)


async def test_encrypting_with_gcm_returns_what_the_service_made() -> None:
    transport = canned(operated(b"cipher", iv=b"n" * 12, tag=b"t" * 16))

    found = await make_client(transport).keys.encrypt(
        oct_key(), EncryptionAlgorithm.A256GCM, PLAIN, aad=b"more"
    )

    assert sent(transport) == (
        "POST",
        f"/keys/k/{VERSION}/encrypt",
        {"alg": "A256GCM", "value": b64(PLAIN), "aad": b64(b"more")},
    )
    assert (found.ciphertext, found.iv, found.tag, found.aad) == (b"cipher", b"n" * 12, b"t" * 16, b"more")


async def test_encrypting_with_cbc_keeps_the_iv() -> None:
    found = await make_client(canned(operated(b"c" * 16))).keys.encrypt(
        "k", EncryptionAlgorithm.A128CBCPAD, PLAIN, iv=b"i" * 16
    )

    assert found.iv == b"i" * 16


async def test_decrypting() -> None:
    transport = canned(operated(PLAIN))

    found = await make_client(transport).keys.decrypt(
        "k",
        EncryptionAlgorithm.A256GCM,
        b"cipher",
        version="1",
        iv=b"n" * 12,
        tag=b"t" * 16,
        aad=b"",
    )

    assert sent(transport) == (
        "POST",
        "/keys/k/1/decrypt",
        {"alg": "A256GCM", "value": b64(b"cipher"), "iv": b64(b"n" * 12), "tag": b64(b"t" * 16), "aad": ""},
    )
    assert (found.plaintext, found.key_id) == (PLAIN, KID)
    assert "plaintext" not in repr(found)


IDS = [
    ("of a result", KID, "", VERSION),
    ("in other letters", KID.replace("https://s", "HTTPS://S"), "", VERSION),
    ("without a version", f"{VAULT}/keys/k", "", ""),
    ("with another version beside it", KID, "1", "1"),
]


@pytest.mark.parametrize(("key", "version", "asked"), [row[1:] for row in IDS], ids=[row[0] for row in IDS])
async def test_an_id_names_key_and_version(key: str, version: str, asked: str) -> None:
    transport = canned(operated(PLAIN))
    client = make_client(transport)

    await client.keys.decrypt(key, EncryptionAlgorithm.RSA_OAEP_256, b"c" * 256, version=version)

    assert transport.requests[-1].url.startswith(f"{VAULT}/keys/k/{asked}/decrypt?")


async def test_signing_a_digest_and_a_message_send_the_same() -> None:
    digest = hashlib.sha384(b"message").digest()
    transport = canned(operated(b"signature"))
    keys = make_client(transport).keys

    found = await keys.sign("k", SignatureAlgorithm.ES384, digest)
    first = sent(transport)
    await keys.sign("k", SignatureAlgorithm.ES384, message=b"message")

    assert first == sent(transport) == ("POST", "/keys/k//sign", {"alg": "ES384", "value": b64(digest)})
    assert (found.signature, found.key_id, found.algorithm) == (b"signature", KID, "ES384")


@pytest.mark.parametrize("valid", [True, False])
async def test_verifying(valid: bool) -> None:
    digest = hashlib.sha256(b"message").digest()
    transport = canned(answer({"value": valid}))

    found = await make_client(transport).keys.verify(
        "k", SignatureAlgorithm.PS256, message=b"message", signature=b"signature", version="1"
    )

    body = {"alg": "PS256", "digest": b64(digest), "value": b64(b"signature")}
    assert sent(transport) == ("POST", "/keys/k/1/verify", body)
    assert (bool(found), found.is_valid, found.key_id) == (valid, valid, f"{VAULT}/keys/k/1")


async def test_what_was_verified_without_a_version_names_none() -> None:
    found = await make_client(canned(answer({"value": True}))).keys.verify(
        "k", SignatureAlgorithm.PS256, b"d" * 32, signature=b"s"
    )

    assert found.key_id == f"{VAULT}/keys/k"


@pytest.mark.parametrize("value", ["true", 1, None, {}], ids=repr)
async def test_only_a_plain_true_verifies(value: object) -> None:
    with pytest.raises(KeyVaultError) as caught:
        await make_client(canned(answer({"value": value}))).keys.verify(
            "k", SignatureAlgorithm.PS256, b"d" * 32, signature=b"s"
        )

    assert (caught.value.kind, caught.value.object_name) == (KeyVaultErrorKind.PROTOCOL, "k")


async def test_wrapping_and_unwrapping() -> None:
    transport = canned(operated(b"w" * 40), operated(b"k" * 32))
    keys = make_client(transport).keys

    wrapped = await keys.wrap_key("k", KeyWrapAlgorithm.A256KW, b"k" * 32)
    first = sent(transport)
    unwrapped = await keys.unwrap_key("k", KeyWrapAlgorithm.A256KW, wrapped.encrypted_key)

    assert first == ("POST", "/keys/k//wrapkey", {"alg": "A256KW", "value": b64(b"k" * 32)})
    assert sent(transport) == ("POST", "/keys/k//unwrapkey", {"alg": "A256KW", "value": b64(b"w" * 40)})
    assert (wrapped.encrypted_key, unwrapped.key) == (b"w" * 40, b"k" * 32)
    assert "kkk" not in repr(unwrapped)


async def test_random_bytes() -> None:
    transport = canned(answer({"value": b64(b"12345")}))
    keys = make_client(transport).keys

    assert await keys.get_random_bytes(5) == b"12345"
    assert sent(transport) == ("POST", "/rng", {"count": 5})
    with pytest.raises(KeyVaultError) as caught:
        await keys.get_random_bytes(6)
    assert caught.value.code == "OtherCount"


SYMMETRIC: list[tuple[str, Callable[[KeyVaultClient, Key], Awaitable[object]]]] = [
    (
        "encrypt",
        lambda client, key: client.keys.encrypt(key, EncryptionAlgorithm.A256CBCPAD, PLAIN, iv=b"i" * 16),
    ),
    (
        "decrypt",
        lambda client, key: client.keys.decrypt(key, EncryptionAlgorithm.A256CBC, b"c" * 16, iv=b"i" * 16),
    ),
    ("wrapkey", lambda client, key: client.keys.wrap_key(key, KeyWrapAlgorithm.A256KW, b"k" * 32)),
    ("unwrapkey", lambda client, key: client.keys.unwrap_key(key, KeyWrapAlgorithm.A256KW, b"k" * 40)),
]


@pytest.mark.parametrize(("verb", "operate"), SYMMETRIC, ids=[row[0] for row in SYMMETRIC])
async def test_symmetric_keys_are_used_in_the_vault(
    verb: str, operate: Callable[[KeyVaultClient, Key], Awaitable[object]]
) -> None:
    """The SDK's CryptographyClient makes up a random key here, and the data is lost."""
    transport = canned(operated(b"from the vault"))

    await operate(make_client(transport), oct_key())

    assert sent(transport)[:2] == ("POST", f"/keys/k/{VERSION}/{verb}")


@pytest.mark.parametrize(("verb", "operate"), SYMMETRIC, ids=[row[0] for row in SYMMETRIC])
async def test_a_failed_operation_is_an_error_and_nothing_else(
    verb: str, operate: Callable[[KeyVaultClient, Key], Awaitable[object]]
) -> None:
    transport = canned(problem(403, "Forbidden", "KeyOperationForbidden"))

    with pytest.raises(KeyVaultError) as caught:
        await operate(make_client(transport), oct_key())

    assert (caught.value.kind, caught.value.object_name) == (KeyVaultErrorKind.OPERATION_FORBIDDEN, "k")
    assert len(transport.requests) == 2, "the challenge and one attempt"


async def test_what_a_symmetric_key_encrypts_and_wraps_comes_back_in_another_process() -> None:
    """The data loss itself, on a vault with an oct-HSM key whose material no answer holds.

    A key made up here would encrypt without a request, and what it encrypted would be gone with the client.
    """
    first = MockKeyVaultClient()
    made = await first.keys.create_key("k", CreateKeyOptions(key_type=KeyType.OCT_HSM, size=256))
    before = len(first.access_log)
    sealed = await first.keys.encrypt(made, EncryptionAlgorithm.A256CBCPAD, PLAIN, iv=b"i" * 16)
    wrapped = await first.keys.wrap_key(made, KeyWrapAlgorithm.A256KW, b"k" * 32)
    asked = [entry.route for entry in first.access_log[before:]]

    async with KeyVaultClient(first.config, transport=first._pipeline._transport) as second:
        key = await second.keys.get_key("k")
        opened = await second.keys.decrypt(key, sealed.algorithm, sealed.ciphertext, iv=sealed.iv)
        unwrapped = await second.keys.unwrap_key(key, wrapped.algorithm, wrapped.encrypted_key)

    assert (opened.plaintext, unwrapped.key) == (PLAIN, b"k" * 32)
    assert [route.rpartition("/")[2] for route in asked] == ["encrypt", "wrapkey"]
    assert (key.key.kty, key.key.k, made.key.k) == ("oct-HSM", b"", b"")
    with pytest.raises(KeyVaultError, match="have a public part"):
        await first.keys.open_public_key("k")
    await first.aclose()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_operations_are_repeated(status: int) -> None:
    """The SDK does not repeat a POST after 429 or 502: its crypto has no second chance."""
    transport = canned(problem(status, "Trouble"), operated(b"s"))

    found = await make_client(transport).keys.sign("k", SignatureAlgorithm.RS256, b"d" * 32)

    assert found.signature == b"s"


BROKEN = [
    ("no kid", answer({"value": "AA"})),
    ("no value", answer({"kid": KID})),
    ("a value that is no text", answer({"kid": KID, "value": 5})),
    ("a value that is no base64", answer({"kid": KID, "value": "a"})),
    ("characters that a lenient decoder drops", answer({"kid": KID, "value": "AAA*A"})),
    ("no JSON", Answer(body=b"<html>")),
]


@pytest.mark.parametrize("given", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
async def test_an_answer_that_makes_no_sense(given: Answer) -> None:
    with pytest.raises(KeyVaultError) as caught:
        await make_client(canned(given)).keys.sign("k", SignatureAlgorithm.RS256, b"d" * 32)

    assert (caught.value.kind, caught.value.object_name) == (KeyVaultErrorKind.PROTOCOL, "k")


INVALID: list[tuple[str, Callable[[KeyVaultClient], Awaitable[object]], str]] = [
    ("a path", lambda c: c.keys.sign("../a", SignatureAlgorithm.RS256, b"d" * 32), "a name"),
    (
        "an id elsewhere",
        lambda c: c.keys.sign("https://b/keys/a", SignatureAlgorithm.RS256, b"d" * 32),
        "a name",
    ),
    ("a path in an id", lambda c: c.keys.sign(f"{KID}/..", SignatureAlgorithm.RS256, b"d" * 32), "a version"),
    ("no key", lambda c: c.keys.sign(None, SignatureAlgorithm.RS256, b"d" * 32), "a name"),  # type: ignore[arg-type]
    (
        "a path as version",
        lambda c: c.keys.sign("a", SignatureAlgorithm.RS256, b"d" * 32, version="/"),
        "a version",
    ),
    ("neither", lambda c: c.keys.sign("a", SignatureAlgorithm.RS256), "either a digest or a message"),
    (
        "both",
        lambda c: c.keys.verify("a", SignatureAlgorithm.RS256, b"", message=b"", signature=b""),
        "either a digest or a message",
    ),
    ("a digest", lambda c: c.keys.verify("a", SignatureAlgorithm.RS256, b"", signature=b""), "32 bytes"),
    ("a block", lambda c: c.keys.encrypt("a", EncryptionAlgorithm.RSA_OAEP_256, b"s" * 447), "446"),
    ("a ciphertext", lambda c: c.keys.decrypt("a", EncryptionAlgorithm.RSA_OAEP_256, b"s"), "512"),
    ("a wrap", lambda c: c.keys.wrap_key("a", KeyWrapAlgorithm.A128KW, b"s"), "16"),
    ("an unwrap", lambda c: c.keys.unwrap_key("a", KeyWrapAlgorithm.A128KW, b"s"), "24"),
    ("a count", lambda c: c.keys.get_random_bytes(0), "128"),
]


@pytest.mark.parametrize(("call", "message"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
async def test_mistakes_are_found_before_the_wire(
    call: Callable[[KeyVaultClient], Awaitable[object]], message: str
) -> None:
    transport = canned(answer({}))

    with pytest.raises(KeyVaultError, match=message) as caught:
        await call(make_client(transport))

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []


async def test_routes_hold_no_names() -> None:
    recorder = Recorder()
    client = make_client(canned(operated(b"s")), observer=recorder)

    await client.keys.sign("k", SignatureAlgorithm.RS256, b"d" * 32)

    assert recorder.requests[-1] == (ObjectKind.KEY, "POST", "/keys/{name}/{version}/sign", 200)
