"""The short ways of a KeyVaultClient."""

import base64
import json
from typing import Any

import pytest

from tests.unit.keyvault.fakes import VAULT, VERSION, answer, canned, make_client, problem, secret
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm

KID = f"{VAULT}/keys/k/{VERSION}"
KEY = {"key": {"kid": KID, "kty": "RSA", "n": "AQ", "e": "AQAB"}}
CERTIFICATE = {"id": f"{VAULT}/certificates/tls/{VERSION}"}


async def test_reading_and_writing() -> None:
    transport = canned(
        answer(secret()), answer(secret(version="1")), answer(secret()), answer(KEY), answer(CERTIFICATE)
    )
    client = make_client(transport)

    await client.get_secret("db")
    assert (await client.get_secret_version("db", "1")).version == "1"
    await client.set_secret("db", "new")
    assert (await client.get_key("k")).name == "k"
    assert (await client.get_certificate("tls")).name == "tls"

    sent = [f"{request.method} {request.url.removeprefix(VAULT)}" for request in transport.requests[1:]]
    assert [line.partition("?")[0] for line in sent] == [
        "GET /secrets/db/",
        "GET /secrets/db/1",
        "PUT /secrets/db",
        "GET /keys/k/",
        "GET /certificates/tls/",
    ]


async def test_bytes_to_bytes() -> None:
    def operated(value: bytes) -> Any:
        return answer({"kid": KID, "value": base64.urlsafe_b64encode(value).decode().rstrip("=")})

    transport = canned(operated(b"c" * 256), operated(b"plain"))
    client = make_client(transport)

    made = await client.encrypt("k", EncryptionAlgorithm.RSA_OAEP_256, b"plain")
    back = await client.decrypt("k", EncryptionAlgorithm.RSA_OAEP_256, made)

    assert (made, back) == (b"c" * 256, b"plain")
    assert json.loads(transport.requests[1].content)["alg"] == "RSA-OAEP-256"


@pytest.mark.parametrize("verb", ["encrypt", "decrypt"])
async def test_aes_is_sent_where_its_iv_and_tag_are(verb: str) -> None:
    transport = canned(answer({}))
    client = make_client(transport)

    with pytest.raises(KeyVaultError, match=rf"keys\.{verb}, which (returns|takes) iv and tag") as caught:
        await getattr(client, verb)("k", EncryptionAlgorithm.A256GCM, b"plain")

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []


@pytest.mark.parametrize("verb", ["encrypt", "decrypt"])
async def test_what_is_no_algorithm_is_not_told(verb: str) -> None:
    swapped: Any = ("k", "card 4711", EncryptionAlgorithm.RSA_OAEP_256)

    with pytest.raises(KeyVaultError, match="the algorithm is one of") as caught:
        await getattr(make_client(canned(answer({}))), verb)(*swapped)

    assert "4711" not in repr(caught.value)


def test_a_client_of_an_address_is_told_what_makes_one() -> None:
    address: Any = VAULT

    with pytest.raises(KeyVaultError, match=r"builder\(\)\.vault_url") as caught:
        _ = KeyVaultClient.new(address)

    assert caught.value.kind is KeyVaultErrorKind.CONFIGURATION


@pytest.mark.parametrize(
    ("size", "hint"),
    [(191, "a key of 2048 bits takes at most 190 bytes: use envelope_encrypt for more"), (190, "")],
    ids=["too much for the smallest key", "something else is wrong"],
)
async def test_a_refused_plaintext_that_may_be_too_large_is_told_the_way_out(size: int, hint: str) -> None:
    client = make_client(canned(problem(400, "BadParameter")))

    with pytest.raises(KeyVaultError) as caught:
        await client.encrypt("k", EncryptionAlgorithm.RSA_OAEP_256, bytes(size))

    assert (caught.value.kind, caught.value.hint) == (KeyVaultErrorKind.BAD_PARAMETER, hint)
    assert str(caught.value).endswith(hint or "BadParameter)")
