"""What only keys have: imports, updates and rotation policies."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.keyvault.fakes import VAULT, VERSION, answer, canned, make_client
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import (
    ImportKeyOptions,
    KeyOperation,
    KeyReleasePolicy,
    KeyRotationAction,
    KeyRotationLifetimeAction,
    KeyRotationPolicy,
)

MOMENT = datetime.fromtimestamp(1_700_000_000, UTC)
DAY = timedelta(days=1)
BUNDLE = {"key": {"kid": f"{VAULT}/keys/k/{VERSION}", "kty": "EC", "crv": "P-256", "x": "AQ", "y": "Ag"}}


async def test_importing_sends_the_private_members() -> None:
    key = JsonWebKey.from_key(ec.derive_private_key(7, ec.SECP256R1()))
    transport = canned(answer(BUNDLE))
    options = ImportKeyOptions(
        hardware_protected=True,
        operations=(KeyOperation.SIGN,),
        enabled=True,
        not_before=MOMENT,
        expires_on=MOMENT + DAY,
        tags={"a": "b"},
        exportable=True,
        release_policy=KeyReleasePolicy(data=b"{}"),
    )

    made = await make_client(transport).keys.import_key("k", key, options)

    request = transport.requests[-1]
    body = json.loads(request.content)
    assert (request.method, request.url) == ("PUT", f"{VAULT}/keys/k?api-version=2025-07-01")
    assert body.pop("key") == {
        **{name: text for name, text in json.loads(key.to_json()).items() if name != "kid"},
        "d": "A" * 42 + "c",
        "key_ops": ["sign"],
    }
    assert body == {
        "Hsm": True,
        "attributes": {"enabled": True, "nbf": 1_700_000_000, "exp": 1_700_086_400, "exportable": True},
        "tags": {"a": "b"},
        "release_policy": {
            "contentType": "application/json; charset=utf-8",
            "data": "e30",
            "immutable": False,
        },
    }
    assert made.version == VERSION


async def test_a_symmetric_key_is_imported() -> None:
    transport = canned(answer(BUNDLE))

    await make_client(transport).keys.import_key("k", JsonWebKey.from_symmetric(b"\1\2\3"))

    assert json.loads(transport.requests[-1].content) == {"key": {"kty": "oct", "k": "AQID"}}


async def test_an_update_sends_what_was_given_and_nothing_else() -> None:
    transport = canned(answer(BUNDLE))
    keys = make_client(transport).keys

    await keys.update_key_properties(
        "k",
        "1",
        operations=(KeyOperation.VERIFY,),
        enabled=False,
        not_before=MOMENT,
        expires_on=MOMENT + DAY,
        tags={},
        release_policy=KeyReleasePolicy(data=b"{}", immutable=True),
    )
    await keys.update_key_properties("k")

    _, full, thin = transport.requests
    assert (full.method, full.url) == ("PATCH", f"{VAULT}/keys/k/1?api-version=2025-07-01")
    body = json.loads(full.content)
    assert body.pop("release_policy")["immutable"] is True
    assert body == {
        "key_ops": ["verify"],
        "attributes": {"enabled": False, "nbf": 1_700_000_000, "exp": 1_700_086_400},
        "tags": {},
    }
    assert (thin.url, thin.content) == (f"{VAULT}/keys/k/?api-version=2025-07-01", b"{}")


POLICY = KeyRotationPolicy(
    lifetime_actions=(
        KeyRotationLifetimeAction(action=KeyRotationAction.ROTATE, time_after_create="P18M"),
        KeyRotationLifetimeAction(action=KeyRotationAction.NOTIFY, time_before_expiry="P30D"),
    ),
    expires_in="P2Y",
)
POLICY_DOCUMENT: dict[str, Any] = {
    "lifetimeActions": [
        {"trigger": {"timeAfterCreate": "P18M"}, "action": {"type": "Rotate"}},
        {"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}},
    ],
    "attributes": {"expiryTime": "P2Y"},
}


async def test_the_rotation_policy() -> None:
    document = {
        **POLICY_DOCUMENT,
        "id": f"{VAULT}/keys/k/rotationpolicy",
        "attributes": {"expiryTime": "P2Y", "created": 1_700_000_000, "updated": 1_700_000_000},
    }
    transport = canned(answer(document))
    keys = make_client(transport).keys

    found = await keys.get_key_rotation_policy("k")
    kept = await keys.update_key_rotation_policy("k", POLICY)

    _, get, put = transport.requests
    assert (get.method, put.method) == ("GET", "PUT")
    assert get.url == put.url == f"{VAULT}/keys/k/rotationpolicy?api-version=2025-07-01"
    assert json.loads(put.content) == POLICY_DOCUMENT
    assert found == kept
    assert (found.lifetime_actions, found.expires_in) == (POLICY.lifetime_actions, "P2Y")
    assert (found.id, found.created_on, found.updated_on) == (document["id"], MOMENT, MOMENT)


async def test_a_key_without_a_rotation_policy() -> None:
    found = await make_client(canned(answer({}))).keys.get_key_rotation_policy("k")

    assert found == KeyRotationPolicy()


def rotating(**moments: str) -> KeyRotationPolicy:
    action = KeyRotationLifetimeAction(action=KeyRotationAction.ROTATE, **moments)
    return KeyRotationPolicy(lifetime_actions=(action,))


INVALID: list[tuple[str, KeyRotationPolicy, str]] = [
    ("no moment", rotating(), "one moment"),
    ("two moments", rotating(time_after_create="P1Y", time_before_expiry="P1Y"), "one moment"),
    ("no duration", rotating(time_after_create="90 days"), "P90D"),
    ("an empty duration", rotating(time_after_create="P"), "P90D"),
    ("no duration of life", KeyRotationPolicy(expires_in="2y"), "P90D"),
    (
        "a notification after creation",
        KeyRotationPolicy(
            lifetime_actions=(
                KeyRotationLifetimeAction(action=KeyRotationAction.NOTIFY, time_after_create="P1D"),
            )
        ),
        "before expiry",
    ),
    (
        "an unknown action",
        KeyRotationPolicy(
            lifetime_actions=(KeyRotationLifetimeAction(action="Explode", time_after_create="P1D"),)
        ),
        "Rotate, Notify",
    ),
]


@pytest.mark.parametrize(("policy", "message"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
async def test_a_rotation_policy_is_checked_before_the_wire(policy: KeyRotationPolicy, message: str) -> None:
    transport = canned(answer({}))

    with pytest.raises(KeyVaultError, match=message) as caught:
        await make_client(transport).keys.update_key_rotation_policy("k", policy)

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []


PUBLIC = JsonWebKey(kty="EC", crv="P-256", x=b"1", y=b"2")
IMPORTS: list[tuple[str, JsonWebKey, ImportKeyOptions, str]] = [
    ("only the public part", PUBLIC, ImportKeyOptions(), "private members"),
    ("unknown type", JsonWebKey(kty="OKP", d=b"1"), ImportKeyOptions(), "RSA-HSM"),
    (
        "exportable",
        JsonWebKey.from_symmetric(b"1"),
        ImportKeyOptions(exportable=True),
        "release policy",
    ),
    ("tags", JsonWebKey.from_symmetric(b"1"), ImportKeyOptions(tags={"a" * 257: ""}), "256"),
]


@pytest.mark.parametrize(
    ("key", "options", "message"), [row[1:] for row in IMPORTS], ids=[row[0] for row in IMPORTS]
)
async def test_an_import_is_checked_before_the_wire(
    key: JsonWebKey, options: ImportKeyOptions, message: str
) -> None:
    transport = canned(answer({}))

    with pytest.raises(KeyVaultError, match=message):
        await make_client(transport).keys.import_key("k", key, options)
    assert transport.requests == []


async def test_unknown_operations_are_found_before_the_wire() -> None:
    with pytest.raises(KeyVaultError, match="wrapKey"):
        await make_client(canned(answer({}))).keys.update_key_properties(
            "k",
            operations=("derive",),  # type: ignore[arg-type]
        )
