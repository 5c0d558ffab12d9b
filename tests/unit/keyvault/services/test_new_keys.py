"""Making and rotating keys."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.keyvault.fakes import VAULT, VERSION, Answer, answer, canned, make_client, problem
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.key import (
    CreateKeyOptions,
    KeyCurve,
    KeyOperation,
    KeyReleasePolicy,
    KeyType,
)

MOMENT = datetime.fromtimestamp(1_700_000_000, UTC)
DAY = timedelta(days=1)


def key_bundle(name: str = "k", **more: Any) -> dict[str, Any]:
    jwk = {"kid": f"{VAULT}/keys/{name}/{VERSION}", "kty": "EC", "crv": "P-256", "x": "AQ", "y": "Ag"}
    return {"key": jwk, "attributes": {"enabled": True}, **more}


async def test_what_is_sent_for_a_new_key() -> None:
    policy = KeyReleasePolicy(data=b'{"version":"1.0.0"}', immutable=True)
    options = CreateKeyOptions(
        key_type=KeyType.RSA_HSM,
        size=3072,
        operations=(KeyOperation.SIGN, KeyOperation.VERIFY),
        public_exponent=65537,
        enabled=False,
        not_before=MOMENT,
        expires_on=MOMENT + DAY,
        tags={"a": "b"},
        exportable=True,
        release_policy=policy,
    )
    released = {"data": "eyJ2ZXJzaW9uIjoiMS4wLjAifQ", "contentType": policy.content_type, "immutable": True}
    transport = canned(answer(key_bundle(release_policy=released)))

    made = await make_client(transport).keys.create_key("k", options)

    request = transport.requests[-1]
    assert (request.method, request.url) == ("POST", f"{VAULT}/keys/k/create?api-version=2025-07-01")
    assert json.loads(request.content) == {
        "kty": "RSA-HSM",
        "key_size": 3072,
        "public_exponent": 65537,
        "key_ops": ["sign", "verify"],
        "attributes": {"enabled": False, "nbf": 1_700_000_000, "exp": 1_700_086_400, "exportable": True},
        "tags": {"a": "b"},
        "release_policy": released,
    }
    assert (made.name, made.version, made.properties.release_policy) == ("k", VERSION, policy)


async def test_a_thin_creation_leaves_the_rest_to_the_service() -> None:
    transport = canned(answer(key_bundle()))

    await make_client(transport).keys.create_key(
        "k", CreateKeyOptions(key_type=KeyType.EC, curve=KeyCurve.P_521)
    )

    assert json.loads(transport.requests[-1].content) == {"kty": "EC", "crv": "P-521"}


async def test_rotating_sends_no_body() -> None:
    transport = canned(answer(key_bundle()))

    made = await make_client(transport).keys.rotate_key("k")

    request = transport.requests[-1]
    assert (request.method, request.url) == ("POST", f"{VAULT}/keys/k/rotate?api-version=2025-07-01")
    assert not request.content
    assert made.version == VERSION


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_what_may_have_made_a_version_is_not_repeated(status: int) -> None:
    transport = canned(problem(status, "Trouble"), answer(key_bundle()))
    keys = make_client(transport).keys

    with pytest.raises(KeyVaultError):
        await keys.rotate_key("k")

    assert len(transport.requests) == 2, "the challenge and one attempt"


INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("unknown type", {"key_type": "DSA"}, "RSA-HSM"),
    ("size of RSA", {"key_type": KeyType.RSA, "size": 1024}, "2048, 3072, 4096"),
    ("size of a symmetric key", {"key_type": KeyType.OCT_HSM, "size": 512}, "128, 192, 256"),
    ("size of a curve", {"key_type": KeyType.EC, "size": 256}, "their curve tells it"),
    ("unknown curve", {"key_type": KeyType.EC, "curve": "P-224"}, "P-256K"),
    ("curve of RSA", {"key_type": KeyType.RSA, "curve": KeyCurve.P_256}, "only EC"),
    ("exponent of a curve", {"key_type": KeyType.EC, "public_exponent": 3}, "only RSA"),
    ("unknown operation", {"key_type": KeyType.EC, "operations": ("derive",)}, "wrapKey"),
    ("exportable", {"key_type": KeyType.EC_HSM, "exportable": True}, "release policy"),
    ("tags", {"key_type": KeyType.EC, "tags": {"a": "b" * 257}}, "256"),
]


@pytest.mark.parametrize(("fields", "limit"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
async def test_mistakes_are_found_before_the_wire(fields: dict[str, Any], limit: str) -> None:
    transport = canned(answer(key_bundle()))

    with pytest.raises(KeyVaultError, match=limit) as caught:
        await make_client(transport).keys.create_key("k", CreateKeyOptions(**fields))

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []


@pytest.mark.parametrize("given", [answer(key_bundle("other")), Answer(body=b"[]")], ids=["other", "list"])
async def test_an_answer_that_makes_no_sense(given: Answer) -> None:
    with pytest.raises(KeyVaultError) as caught:
        await make_client(canned(given)).keys.rotate_key("k")

    assert (caught.value.kind, caught.value.object_name) == (KeyVaultErrorKind.PROTOCOL, "k")
