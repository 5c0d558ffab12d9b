"""Issuers and contacts: what goes over the wire and what comes back."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.keyvault.fakes import VAULT, CannedTransport, answer, canned, make_client
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.issuer import CertificateContact, CertificateIssuer

MOMENT = datetime.fromtimestamp(1_700_000_000, UTC)
DOCUMENT: dict[str, Any] = {
    "id": f"{VAULT}/certificates/issuers/ca",
    "provider": "DigiCert",
    "credentials": {"account_id": "7"},
    "org_details": {"id": "9", "zip": 0},
    "attributes": {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_000},
}
ISSUER = CertificateIssuer(
    name="ca",
    provider="DigiCert",
    account_id="7",
    organization_id="9",
    enabled=True,
    created_on=MOMENT,
    updated_on=MOMENT,
)


def requests(transport: CannedTransport) -> list[str]:
    return [
        f"{request.method} {request.url.removeprefix(VAULT).partition('?')[0]}"
        for request in transport.requests[1:]
    ]


async def test_issuers() -> None:
    transport = canned(answer(DOCUMENT))
    certificates = make_client(transport).certificates
    asked = CertificateIssuer(
        name="ca", provider="DigiCert", account_id="7", password=SecretString("horse"), enabled=True
    )

    found = [
        await certificates.create_issuer(asked),
        await certificates.get_issuer("ca"),
        await certificates.update_issuer(CertificateIssuer(name="ca", organization_id="9")),
        await certificates.delete_issuer("ca"),
    ]

    path = "/certificates/issuers/ca"
    assert requests(transport) == [f"PUT {path}", f"GET {path}", f"PATCH {path}", f"DELETE {path}"]
    assert json.loads(transport.requests[1].content) == {
        "provider": "DigiCert",
        "credentials": {"account_id": "7", "pwd": "horse"},
        "attributes": {"enabled": True},
    }
    assert json.loads(transport.requests[3].content) == {"org_details": {"id": "9"}}
    assert found == [ISSUER] * 4
    assert "horse" not in repr(asked)


async def test_a_list_of_issuers() -> None:
    transport = canned(answer({"value": [{"id": f"{VAULT}/certificates/issuers/ca", "provider": "Test"}]}))

    (item,) = await make_client(transport).certificates.list_issuers()

    assert item == CertificateIssuer(name="ca", provider="Test")
    assert requests(transport) == ["GET /certificates/issuers"]


async def test_contacts() -> None:
    document = {"contacts": [{"email": "a@shop.example", "name": "A", "phone": "1"}, {"email": "b@x"}]}
    transport = canned(answer(document))
    certificates = make_client(transport).certificates
    wanted = (
        CertificateContact(email="a@shop.example", name="A", phone="1"),
        CertificateContact(email="b@x"),
    )

    found = [
        await certificates.set_contacts(wanted),
        await certificates.get_contacts(),
        await certificates.delete_contacts(),
    ]

    path = "/certificates/contacts"
    assert requests(transport) == [f"PUT {path}", f"GET {path}", f"DELETE {path}"]
    assert json.loads(transport.requests[1].content) == document
    assert found == [wanted] * 3


async def test_mistakes_are_found_before_the_wire() -> None:
    transport = canned(answer({}))
    certificates = make_client(transport).certificates

    for call, message in (
        (certificates.create_issuer(CertificateIssuer(name="ca")), "needs a provider"),
        (certificates.create_issuer(CertificateIssuer(name="../a", provider="x")), "a name"),
        (certificates.set_contacts([]), "one or more"),
        (certificates.set_contacts([CertificateContact(email="")]), "an address"),
    ):
        with pytest.raises(KeyVaultError, match=message) as caught:
            await call
        assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []
