"""Reading and writing single objects: what goes over the wire and what comes back."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.keyvault.fakes import VAULT, VERSION, Answer, answer, canned, make_client, secret
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.simulation.client import MockKeyVaultClient
from vaultbind.keyvault.types.certificate import CertificateContentType, CertificatePolicy
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.secret import SetSecretOptions

CREATED, UPDATED = (datetime.fromtimestamp(seconds, UTC) for seconds in (1_700_000_000, 1_700_000_100))
ATTRIBUTES = {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_100}


async def test_a_secret_comes_back_whole() -> None:
    body = secret(
        contentType="text/plain", tags={"team": "a"}, kid=f"{VAULT}/keys/db/{VERSION}", managed=True
    )
    transport = canned(answer(body))

    found = await make_client(transport).secrets.get_secret("db")

    properties = found.properties
    assert found.value.expose_secret() == "s3cr3t"
    assert (found.name, found.version) == ("db", VERSION)
    assert properties.id == f"{VAULT}/secrets/db/{VERSION}"
    assert (properties.content_type, properties.managed) == ("text/plain", True)
    assert properties.key_id == f"{VAULT}/keys/db/{VERSION}"
    assert dict(properties.tags) == {"team": "a"}
    assert (properties.created_on, properties.updated_on) == (CREATED, UPDATED)
    assert (properties.not_before, properties.expires_on) == (None, None)
    assert (properties.recovery_level, properties.recoverable_days) == ("Recoverable+Purgeable", 90)


async def test_what_is_sent_for_a_get() -> None:
    transport = canned(answer(secret()))

    await make_client(transport, user_agent="shop/1").secrets.get_secret("db")

    bare, full = transport.requests
    assert (full.method, full.url) == ("GET", f"{VAULT}/secrets/db/?api-version=2025-07-01")
    assert full.headers["Authorization"] == "Bearer token-1"
    assert full.headers["User-Agent"] == "shop/1"
    assert len(full.headers["x-ms-client-request-id"]) == 32
    assert "Authorization" not in bare.headers


async def test_a_version_is_asked_for_by_path() -> None:
    transport = canned(answer(secret(version="abc")))

    found = await make_client(transport).secrets.get_secret("db", "abc")

    assert transport.requests[-1].url == f"{VAULT}/secrets/db/abc?api-version=2025-07-01"
    assert found.version == "abc"


TIMES = [
    (
        "disabled with a window",
        {"enabled": False, "nbf": 1_700_000_000, "exp": 1_700_000_100},
        CREATED,
        UPDATED,
    ),
    ("end of all time", {"enabled": False, "exp": 10**12}, None, datetime(9999, 12, 31, tzinfo=UTC)),
    ("before all time", {"enabled": False, "nbf": -(10**12)}, datetime(1, 1, 1, tzinfo=UTC), None),
]


@pytest.mark.parametrize(
    ("attributes", "not_before", "expires_on"), [row[1:] for row in TIMES], ids=[row[0] for row in TIMES]
)
async def test_attributes(
    attributes: dict[str, Any], not_before: datetime | None, expires_on: datetime | None
) -> None:
    body = {**secret(), "attributes": attributes}
    found = await make_client(canned(answer(body))).secrets.get_secret("db")

    assert not found.properties.enabled
    assert (found.properties.not_before, found.properties.expires_on) == (not_before, expires_on)


async def test_setting_a_secret_sends_what_was_given_and_nothing_else() -> None:
    transport = canned(answer(secret(version="new")))
    client = make_client(transport)

    made = await client.secrets.set_secret(
        "db",
        SecretString("välue"),
        SetSecretOptions(
            content_type="text/plain",
            tags={"a": "b"},
            enabled=False,
            not_before=CREATED,
            expires_on=UPDATED,
        ),
    )
    await client.secrets.set_secret("db", "")

    bare, full, thin = transport.requests
    assert (full.method, full.url) == ("PUT", f"{VAULT}/secrets/db?api-version=2025-07-01")
    assert json.loads(full.content) == {
        "value": "välue",
        "contentType": "text/plain",
        "tags": {"a": "b"},
        "attributes": {"enabled": False, "nbf": 1_700_000_000, "exp": 1_700_000_100},
    }
    assert json.loads(thin.content) == {"value": ""}
    assert full.headers["Content-Type"] == "application/json"
    assert not bare.content, "a body must not travel before the vault has been authenticated"
    assert made.version == "new"


async def test_a_certificate_with_its_policy() -> None:
    body = {
        "id": f"{VAULT}/certificates/tls/{VERSION}",
        "kid": f"{VAULT}/keys/tls/{VERSION}",
        "sid": f"{VAULT}/secrets/tls/{VERSION}",
        "x5t": "fLi3U52HunIVNXubkEnf8tP6Wbo",
        "cer": base64.b64encode(b"der").decode(),
        "attributes": ATTRIBUTES,
        "policy": {
            "key_props": {"exportable": False, "kty": "RSA", "key_size": 2048, "reuse_key": True},
            "secret_props": {"contentType": "application/x-pkcs12"},
            "x509_props": {
                "subject": "CN=shop",
                "sans": {"dns_names": ["shop.example"]},
                "validity_months": 12,
            },
            "issuer": {"name": "Self"},
        },
    }
    found = await make_client(canned(answer(body))).certificates.get_certificate("tls", VERSION)

    assert (found.name, found.version, found.cer) == ("tls", VERSION, b"der")
    assert (found.key_id, found.secret_id) == (body["kid"], body["sid"])
    assert found.properties.x509_thumbprint is not None
    assert found.properties.x509_thumbprint.hex() == "7cb8b7539d87ba7215357b9b9049dff2d3fa59ba"
    assert found.policy == CertificatePolicy(
        issuer="Self",
        exportable=False,
        key_type="RSA",
        key_size=2048,
        reuse_key=True,
        content_type="application/x-pkcs12",
        subject="CN=shop",
        dns_names=("shop.example",),
        validity_months=12,
    )


async def test_a_certificate_whose_creation_is_pending() -> None:
    body = {
        "id": f"{VAULT}/certificates/tls/{VERSION}",
        "attributes": {"enabled": False},
        "pending": {"id": "x"},
    }

    found = await make_client(canned(answer(body))).certificates.get_certificate("tls")

    assert (found.cer, found.policy, found.key_id, found.properties.enabled) == (b"", None, None, False)


async def test_a_key() -> None:
    jwk = {
        "kid": f"{VAULT}/keys/sign/{VERSION}",
        "kty": "RSA",
        "key_ops": ["sign", "verify"],
        "n": "AQID",
        "e": "AQAB",
    }
    body = {"key": jwk, "attributes": {**ATTRIBUTES, "exportable": False}, "tags": {"a": "b"}}

    found = await make_client(canned(answer(body))).keys.get_key("sign")

    assert (found.name, found.version, found.operations) == ("sign", VERSION, ("sign", "verify"))
    assert (found.key.kid, found.key.kty) == (jwk["kid"], "RSA")
    assert (found.key.n, found.key.e, found.key.x) == (b"\1\2\3", b"\1\0\1", b"")
    assert (found.properties.key_type, found.properties.exportable) == ("RSA", False)


BROKEN = [
    ("no JSON", Answer(body=b"<html>s3cr3t</html>")),
    ("no object", Answer(body=b'["s3cr3t"]')),
    ("no value", answer({"id": f"{VAULT}/secrets/db/1"})),
    ("a value that is no text", answer({**secret(), "value": 5})),
    ("no id", answer({"value": "s3cr3t"})),
    ("a short id", answer({**secret(), "id": f"{VAULT}/secrets"})),
    ("an id without a name", answer({**secret(), "id": f"{VAULT}/secrets/"})),
    ("attributes that are no object", answer({**secret(), "attributes": [1]})),
    ("a time that is no number", answer({**secret(), "attributes": {"exp": "soon"}})),
    ("another object", answer(secret("other"))),
]


@pytest.mark.parametrize("given", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
async def test_an_answer_that_makes_no_sense(given: Answer) -> None:
    with pytest.raises(KeyVaultError) as caught:
        await make_client(canned(given)).secrets.get_secret("db")

    assert (caught.value.kind, caught.value.object_name) == (KeyVaultErrorKind.PROTOCOL, "db")
    assert "s3cr3t" not in repr(caught.value)


async def test_names_are_compared_without_case() -> None:
    found = await make_client(canned(answer(secret("DB")))).secrets.get_secret("db")

    assert found.name == "DB"


def calls(client: KeyVaultClient, name: str, version: str) -> list[Any]:
    return [
        client.secrets.get_secret(name, version),
        client.certificates.get_certificate(name, version),
        client.keys.get_key(name, version),
    ]


INVALID = [
    ("empty name", "", ""),
    ("a path", "../keys/a", ""),
    ("a query", "a?b", ""),
    ("too long", "a" * 128, ""),
    ("line feed", "a\n", ""),
    ("other script", "ä", ""),
    ("a path as version", "a", "../b"),
    ("long version", "a", "b" * 33),
]


@pytest.mark.parametrize(("name", "version"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
async def test_names_are_checked_before_the_wire(name: str, version: str) -> None:
    transport = canned(answer(secret()))

    for call in calls(make_client(transport), name, version):
        with pytest.raises(KeyVaultError) as caught:
            await call
        assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []


VALUES: list[tuple[str, str, dict[str, Any], str]] = [
    ("long value", "ä" * 12_801, {}, "25600"),
    ("text that UTF-8 cannot express", "\ud800", {}, "UTF-8"),
    ("long content type", "", {"content_type": "a" * 256}, "255"),
    ("many tags", "", {"tags": {str(i): "" for i in range(16)}}, "15"),
    ("long tag name", "", {"tags": {"a" * 513: ""}}, "512"),
    ("long tag", "", {"tags": {"a": "b" * 513}}, "512"),
]


@pytest.mark.parametrize(
    ("value", "fields", "limit"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES]
)
async def test_limits_are_checked_before_the_wire_and_named(
    value: str, fields: dict[str, Any], limit: str
) -> None:
    transport = canned(answer(secret()))

    with pytest.raises(KeyVaultError, match=limit) as caught:
        await make_client(transport).secrets.set_secret("db", value, SetSecretOptions(**fields))

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []


async def test_the_largest_secret_passes() -> None:
    client = make_client(canned(answer(secret())))
    options = SetSecretOptions(content_type="a" * 255, tags={str(i): "b" * 512 for i in range(15)})

    await client.secrets.set_secret("db", "ä" * 12_800, options)


async def test_a_certificates_secret_in_the_other_form() -> None:
    async with MockKeyVaultClient(cache=CacheConfig(ttl=60)) as client:
        client.seed(certificates={"web": ["web.example"]}, secrets={"db": "x"})
        kept = await client.secrets.get_secret("web")
        asked = await client.secrets.get_secret("web", out_content_type=CertificateContentType.PEM)
        again = await client.secrets.get_secret("web")
        with pytest.raises(KeyVaultError) as caught:
            await client.secrets.get_secret("db", out_content_type=CertificateContentType.PEM)

    assert "-----BEGIN" in asked.value.expose_secret()
    assert again.value == kept.value != asked.value, "the cache has the form that was asked for usually"
    assert caught.value.kind is KeyVaultErrorKind.BAD_PARAMETER


@pytest.mark.parametrize("wrong", ["text/plain", "application/x-pem-file&x=1", 7])
async def test_a_form_that_is_none_is_refused_before_the_wire(wrong: Any) -> None:
    transport = canned(answer(secret()))

    with pytest.raises(KeyVaultError, match="application/x-pkcs12, application/x-pem-file") as caught:
        await make_client(transport).secrets.get_secret("db", out_content_type=wrong)

    assert (caught.value.kind, transport.requests) == (KeyVaultErrorKind.VALIDATION, [])
