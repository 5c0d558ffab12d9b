"""Issuers and contacts on the wire."""

from collections.abc import Sequence

from vaultbind.keyvault.types.issuer import CertificateContact, CertificateIssuer
from vaultbind.keyvault.wire.documents import (
    Json,
    drop_absent,
    parse_moment,
    parse_text,
    render_attributes,
    render_document,
)


def parse_issuer(data: Json) -> CertificateIssuer:
    """Parse an issuer, from its own answer or a list."""
    attributes = data.get("attributes") or {}
    return CertificateIssuer(
        name=parse_text(data["id"]).rpartition("/")[2],
        provider=data.get("provider"),
        account_id=(data.get("credentials") or {}).get("account_id"),
        organization_id=(data.get("org_details") or {}).get("id"),
        enabled=attributes.get("enabled"),
        created_on=parse_moment(attributes.get("created")),
        updated_on=parse_moment(attributes.get("updated")),
    )


def render_issuer(issuer: CertificateIssuer) -> bytes:
    """Render the body that sets or changes an issuer."""
    password = issuer.password.expose_secret() if issuer.password is not None else None
    credentials = drop_absent({"account_id": issuer.account_id, "pwd": password})
    return render_document(
        {
            "provider": issuer.provider,
            "credentials": credentials or None,
            "org_details": drop_absent({"id": issuer.organization_id}) or None,
            "attributes": render_attributes(enabled=issuer.enabled),
        }
    )


def parse_contacts(data: Json) -> tuple[CertificateContact, ...]:
    """Parse the contacts of a vault."""
    return tuple(
        CertificateContact(email=parse_text(item["email"]), name=item.get("name"), phone=item.get("phone"))
        for item in data.get("contacts") or ()
    )


def render_contacts(contacts: Sequence[CertificateContact]) -> bytes:
    """Render the body that sets the contacts of a vault."""
    members = [
        drop_absent({"email": contact.email, "name": contact.name, "phone": contact.phone})
        for contact in contacts
    ]
    return render_document({"contacts": members})
