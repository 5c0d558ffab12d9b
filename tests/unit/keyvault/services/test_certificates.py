"""What only certificates have: policies, issuance, imports, and the way to the private key."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.keyvault.certs.authority import leaf, lower, root
from tests.unit.keyvault.fakes import (
    VAULT,
    VERSION,
    Answer,
    CannedTransport,
    FakeClock,
    answer,
    canned,
    make_client,
    problem,
    secret,
)
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.certificate import (
    Certificate,
    CertificateContentType,
    CertificateLifetimeAction,
    CertificatePolicy,
    CertificatePolicyAction,
    CertificateProperties,
    WellKnownIssuer,
)
from vaultbind.keyvault.types.common import SecretString

MOMENT = datetime.fromtimestamp(1_700_000_000, UTC)
PATH = f"{VAULT}/certificates/tls"
QUERY = "?api-version=2025-07-01"


def bundle(der: bytes = b"der", **more: Any) -> dict[str, Any]:
    return {"id": f"{PATH}/{VERSION}", "cer": base64.b64encode(der).decode(), **more}


def pending(status: str = "inProgress", **more: Any) -> dict[str, Any]:
    return {
        "id": f"{PATH}/pending",
        "issuer": {"name": "Self"},
        "csr": base64.b64encode(b"csr").decode(),
        "cancellation_requested": False,
        "status": status,
        "request_id": "r1",
        **more,
    }


def requests(transport: CannedTransport) -> list[str]:
    return [
        f"{request.method} {request.url.removeprefix(VAULT).partition('?')[0]}"
        for request in transport.requests[1:]
    ]


POLICY = CertificatePolicy(
    issuer=WellKnownIssuer.SELF,
    exportable=True,
    key_type="EC",
    curve="P-384",
    reuse_key=False,
    content_type=CertificateContentType.PEM,
    subject="CN=shop",
    dns_names=("shop.example",),
    emails=("a@shop.example",),
    user_principal_names=("a@shop",),
    uris=("https://shop.example",),
    ip_addresses=("10.0.0.1",),
    enhanced_key_usage=("1.3.6.1.5.5.7.3.1",),
    key_usage=("digitalSignature",),
    validity_months=6,
    lifetime_actions=(
        CertificateLifetimeAction(action=CertificatePolicyAction.AUTO_RENEW, lifetime_percentage=80),
        CertificateLifetimeAction(action=CertificatePolicyAction.EMAIL_CONTACTS, days_before_expiry=30),
    ),
    certificate_type="OV-SSL",
    certificate_transparency=True,
    enabled=True,
)
POLICY_DOCUMENT = {
    "key_props": {"exportable": True, "kty": "EC", "crv": "P-384", "reuse_key": False},
    "secret_props": {"contentType": "application/x-pem-file"},
    "x509_props": {
        "subject": "CN=shop",
        "sans": {
            "dns_names": ["shop.example"],
            "emails": ["a@shop.example"],
            "upns": ["a@shop"],
            "uris": ["https://shop.example"],
            "ipAddresses": ["10.0.0.1"],
        },
        "ekus": ["1.3.6.1.5.5.7.3.1"],
        "key_usage": ["digitalSignature"],
        "validity_months": 6,
    },
    "issuer": {"name": "Self", "cty": "OV-SSL", "cert_transparency": True},
    "attributes": {"enabled": True},
    "lifetime_actions": [
        {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}},
        {"trigger": {"days_before_expiry": 30}, "action": {"action_type": "EmailContacts"}},
    ],
}


async def test_a_policy_goes_out_as_it_comes_in() -> None:
    transport = canned(answer(POLICY_DOCUMENT))
    certificates = make_client(transport).certificates

    found = await certificates.get_certificate_policy("tls")
    await certificates.update_certificate_policy("tls", found)

    _, get, patch = transport.requests
    assert found == POLICY
    assert (get.method, patch.method) == ("GET", "PATCH")
    assert get.url == patch.url == f"{PATH}/policy{QUERY}"
    assert json.loads(patch.content) == POLICY_DOCUMENT


async def test_a_thin_policy_leaves_the_rest_to_the_service() -> None:
    transport = canned(answer({"attributes": {"created": 1_700_000_000, "updated": 1_700_000_000}}))

    found = await make_client(transport).certificates.update_certificate_policy(
        "tls", CertificatePolicy(validity_months=3)
    )

    assert json.loads(transport.requests[-1].content) == {"x509_props": {"validity_months": 3}}
    assert found == CertificatePolicy(created_on=MOMENT, updated_on=MOMENT)


def acting(**moments: int) -> CertificatePolicy:
    return CertificatePolicy(lifetime_actions=(CertificateLifetimeAction(action="AutoRenew", **moments),))


INVALID: list[tuple[str, CertificatePolicy, str]] = [
    ("content type", CertificatePolicy(content_type="text/plain"), "x-pkcs12"),
    ("key type", CertificatePolicy(key_type="DSA"), "RSA-HSM"),
    ("key size", CertificatePolicy(key_type="RSA", key_size=1024), "2048"),
    ("curve", CertificatePolicy(key_type="RSA", curve="P-256"), "only EC"),
    (
        "action",
        CertificatePolicy(lifetime_actions=(CertificateLifetimeAction(action="Explode"),)),
        "AutoRenew",
    ),
    ("no moment", acting(), "one moment"),
    ("two moments", acting(lifetime_percentage=1, days_before_expiry=1), "one moment"),
    ("no percentage", acting(lifetime_percentage=100), "1 to 99"),
    ("no days", acting(days_before_expiry=0), "at least 1"),
]


@pytest.mark.parametrize(("policy", "message"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
async def test_policies_are_checked_before_the_wire(policy: CertificatePolicy, message: str) -> None:
    transport = canned(answer({}))
    certificates = make_client(transport).certificates

    for call in (
        certificates.update_certificate_policy("tls", policy),
        certificates.begin_create_certificate("tls", policy),
        certificates.import_certificate("tls", b"1", policy=policy),
    ):
        with pytest.raises(KeyVaultError, match=message) as caught:
            await call
        assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []


async def test_creating_waits_for_the_issuer() -> None:
    clock = FakeClock()
    transport = canned(
        answer(pending(), 202),
        answer(pending()),
        answer(pending()),
        answer(pending("completed", target=PATH)),
        answer(bundle()),
    )

    made = await make_client(transport, clock=clock).certificates.create_certificate(
        "tls", POLICY, enabled=True, tags={"a": "b"}, preserve_order=True
    )

    assert requests(transport) == [
        "POST /certificates/tls/create",
        *["GET /certificates/tls/pending"] * 3,
        "GET /certificates/tls/",
    ]
    assert json.loads(transport.requests[1].content) == {
        "policy": POLICY_DOCUMENT,
        "attributes": {"enabled": True},
        "tags": {"a": "b"},
        "preserveCertOrder": True,
    }
    assert (made.cer, made.version, clock.slept) == (b"der", VERSION, [1.0, 2.0])


async def test_a_creation_that_is_done_at_once_is_not_asked_about() -> None:
    transport = canned(answer(pending("completed"), 202), answer(bundle()))

    await make_client(transport).certificates.create_certificate("tls", CertificatePolicy(issuer="Self"))

    assert requests(transport) == ["POST /certificates/tls/create", "GET /certificates/tls/"]


ENDINGS: list[tuple[str, list[Answer], KeyVaultErrorKind, str]] = [
    (
        "failed",
        [answer(pending("failed", error={"code": "Issuer.Failed", "message": "x"}), 202)],
        KeyVaultErrorKind.CONFLICT,
        "Issuer.Failed",
    ),
    ("cancelled", [answer(pending("cancelled"), 202)], KeyVaultErrorKind.CONFLICT, "CreationFailed"),
    ("never done", [answer(pending(), 202), answer(pending())], KeyVaultErrorKind.TIMEOUT, "StillUnderWay"),
    ("another one", [problem(409, "Conflict")], KeyVaultErrorKind.CONFLICT, "Conflict"),
]


@pytest.mark.parametrize(
    ("answers", "kind", "code"), [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS]
)
async def test_how_a_creation_fails(answers: list[Answer], kind: KeyVaultErrorKind, code: str) -> None:
    client = make_client(canned(*answers))

    with pytest.raises(KeyVaultError) as caught:
        await client.certificates.create_certificate("tls", CertificatePolicy(issuer="Self"), wait=5)

    assert (caught.value.kind, caught.value.code, caught.value.object_name) == (kind, code, "tls")


async def test_who_waits_for_a_signer_outside_is_told_how() -> None:
    transport = canned(answer({}))

    with pytest.raises(KeyVaultError, match="merge_certificate"):
        await make_client(transport).certificates.create_certificate(
            "tls", CertificatePolicy(issuer=WellKnownIssuer.UNKNOWN)
        )

    assert transport.requests == []


async def test_a_request_is_signed_outside_and_merged() -> None:
    transport = canned(answer(pending(issuer={"name": "Unknown"}), 202), answer(bundle(), 201))
    certificates = make_client(transport).certificates

    operation = await certificates.begin_create_certificate("tls", CertificatePolicy(issuer="Unknown"))
    made = await certificates.merge_certificate("tls", [b"leaf", b"above"], enabled=False, tags={"a": "b"})

    assert (operation.name, operation.csr, operation.issuer) == ("tls", b"csr", "Unknown")
    assert (operation.is_under_way, operation.request_id) == (True, "r1")
    assert requests(transport)[1] == "POST /certificates/tls/pending/merge"
    assert json.loads(transport.requests[-1].content) == {
        "x5c": [base64.b64encode(der).decode() for der in (b"leaf", b"above")],
        "attributes": {"enabled": False},
        "tags": {"a": "b"},
    }
    assert made.version == VERSION
    with pytest.raises(KeyVaultError, match="needs a certificate"):
        await certificates.merge_certificate("tls", [])


async def test_operations_can_be_read_cancelled_and_forgotten() -> None:
    transport = canned(
        answer(pending("failed", error={"code": "no code!", "message": "x"})),
        answer(pending(cancellation_requested=True)),
        answer(pending("cancelled")),
    )
    certificates = make_client(transport).certificates

    read = await certificates.get_certificate_operation("tls")
    cancelled = await certificates.cancel_certificate_operation("tls")
    forgotten = await certificates.delete_certificate_operation("tls")

    path = "/certificates/tls/pending"
    assert requests(transport) == [f"GET {path}", f"PATCH {path}", f"DELETE {path}"]
    assert json.loads(transport.requests[2].content) == {"cancellation_requested": True}
    assert (read.error_code, read.is_under_way) == (None, False)
    assert (cancelled.cancellation_requested, forgotten.status) == (True, "cancelled")


PEM = leaf().pem + leaf().key_pem
UPLOADS: list[tuple[str, bytes, CertificatePolicy | None, str, dict[str, Any] | None]] = [
    ("PFX", b"\x30\x82", None, "MII=", None),
    ("PEM", PEM.encode(), None, PEM, {"secret_props": {"contentType": "application/x-pem-file"}}),
    ("PEM with a policy", PEM.encode(), CertificatePolicy(issuer="Self"), PEM, {"issuer": {"name": "Self"}}),
]


@pytest.mark.parametrize(
    ("data", "policy", "value", "sent"), [row[1:] for row in UPLOADS], ids=[row[0] for row in UPLOADS]
)
async def test_importing(
    data: bytes, policy: CertificatePolicy | None, value: str, sent: dict[str, Any] | None
) -> None:
    transport = canned(answer(bundle()))

    await make_client(transport).certificates.import_certificate("tls", data, policy=policy)

    assert requests(transport) == ["POST /certificates/tls/import"]
    body = json.loads(transport.requests[-1].content)
    assert (body["value"], body.get("policy")) == (value, sent)


@pytest.mark.parametrize("password", ["horse", SecretString("horse")], ids=["text", "secret"])
async def test_importing_with_all(password: str | SecretString) -> None:
    transport = canned(answer(bundle()))

    await make_client(transport).certificates.import_certificate(
        "tls", b"1", password=password, enabled=True, tags={"a": "b"}, preserve_order=True
    )

    assert json.loads(transport.requests[-1].content) == {
        "value": "MQ==",
        "pwd": "horse",
        "attributes": {"enabled": True},
        "tags": {"a": "b"},
        "preserveCertOrder": True,
    }


async def test_updating() -> None:
    transport = canned(answer(bundle()))

    await make_client(transport).certificates.update_certificate_properties("tls", enabled=False, tags={})

    assert transport.requests[-1].url == f"{PATH}/{QUERY}"
    assert json.loads(transport.requests[-1].content) == {"attributes": {"enabled": False}, "tags": {}}


async def test_pending_ones_can_be_listed() -> None:
    transport = canned(answer({"value": []}))

    await make_client(transport).certificates.list_certificates(include_pending=True)

    assert transport.requests[-1].url == f"{VAULT}/certificates{QUERY}&maxresults=25&includePending=true"


async def test_an_exact_version() -> None:
    certificates = make_client(canned(answer(bundle()))).certificates

    assert (await certificates.get_certificate_version("tls", VERSION)).version == VERSION
    with pytest.raises(KeyVaultError, match="a version has"):
        await certificates.get_certificate_version("tls", "")


async def certificate_with(value: str, content_type: str) -> tuple[Certificate, CannedTransport]:
    transport = canned(answer(bundle(leaf().der)), answer(secret("tls", value, contentType=content_type)))
    return await make_client(transport).certificates.get_certificate("tls"), transport


async def test_the_private_key_and_the_chain_come_from_the_secret_of_the_same_version() -> None:
    value = root().pem + lower().pem + leaf().key_pem + leaf().pem
    certificate, transport = await certificate_with(value, "application/x-pem-file")

    found = await certificate.with_private_key()

    assert requests(transport)[1] == f"GET /secrets/tls/{VERSION}"
    assert found.leaf == certificate.leaf == leaf().certificate
    assert found.chain == (leaf().certificate, lower().certificate)
    assert found.private_key_pem == leaf().key_pem.encode()
    assert "PRIVATE" not in repr(found)
    assert "read_secret" not in repr(certificate)


async def test_a_key_that_stays_in_the_vault() -> None:
    certificate, _ = await certificate_with(leaf().pem, "application/x-pem-file")

    assert (await certificate.with_chain()).leaf == leaf().certificate
    with pytest.raises(KeyVaultError) as caught:
        await certificate.with_private_key()

    assert (caught.value.kind, caught.value.code) == (KeyVaultErrorKind.OPERATION_FORBIDDEN, "NotExportable")
    assert caught.value.object_name == "tls"


async def test_a_secret_that_is_no_certificate() -> None:
    certificate, _ = await certificate_with("hunter2", "application/x-pkcs12")

    with pytest.raises(KeyVaultError) as caught:
        await certificate.with_private_key()

    assert (caught.value.kind, caught.value.code) == (KeyVaultErrorKind.PROTOCOL, "NOT_A_CERTIFICATE")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


async def test_a_certificate_from_elsewhere_has_no_way_to_its_key() -> None:
    properties = CertificateProperties(id=f"{PATH}/1", name="tls", version="1")
    certificate = Certificate(properties=properties, cer=b"")

    with pytest.raises(KeyVaultError) as caught:
        await certificate.with_private_key()
    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    with pytest.raises(KeyVaultError) as caught:
        _ = certificate.leaf
    assert (caught.value.kind, caught.value.__context__) == (KeyVaultErrorKind.PROTOCOL, None)
