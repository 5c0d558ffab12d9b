"""Certificates on the wire."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vaultbind.keyvault.types.certificate import (
    Certificate,
    CertificateLifetimeAction,
    CertificateOperation,
    CertificatePolicy,
    CertificateProperties,
    DeletedCertificate,
    SecretReader,
)
from vaultbind.keyvault.wire.documents import (
    Json,
    drop_absent,
    fill_common,
    parse_bytes,
    parse_deletion,
    parse_moment,
    parse_text,
    render_attributes,
    render_document,
    render_tags,
)
from vaultbind.keyvault.wire.drafts import freeze, make_draft_class

_Draft = make_draft_class(CertificateProperties)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_SANS = {
    "dns_names": "dns_names",
    "emails": "emails",
    "user_principal_names": "upns",
    "uris": "uris",
    "ip_addresses": "ipAddresses",
}


def parse_certificate(data: Json, read_secret: SecretReader | None = None) -> Certificate:
    """Parse a certificate bundle; one whose first creation is pending has no `cer`."""
    policy = data.get("policy")
    return Certificate(
        properties=parse_certificate_properties(data),
        cer=base64.b64decode(data.get("cer") or "", validate=True),
        policy=parse_policy(policy) if policy else None,
        key_id=data.get("kid"),
        secret_id=data.get("sid"),
        read_secret=read_secret,
    )


def parse_certificate_properties(data: Json) -> CertificateProperties:
    """Parse the properties of a certificate bundle or item."""
    thumbprint = data.get("x5t")
    draft = _Draft()
    fill_common(draft, data, data["id"])
    draft.x509_thumbprint = parse_bytes(thumbprint) if thumbprint else None
    draft.subject = data.get("subject")
    return freeze(draft, CertificateProperties)


def parse_deleted_certificate(data: Json) -> DeletedCertificate:
    """Parse a deleted certificate, from its own answer or a list."""
    return DeletedCertificate(
        properties=parse_certificate_properties(data),
        cer=base64.b64decode(data.get("cer") or "", validate=True),
        **parse_deletion(data),
    )


def parse_policy(data: Json) -> CertificatePolicy:
    """Parse a certificate policy."""
    key = data.get("key_props") or {}
    x509 = data.get("x509_props") or {}
    issuer = data.get("issuer") or {}
    attributes = data.get("attributes") or {}
    sans = x509.get("sans") or {}
    return CertificatePolicy(
        issuer=issuer.get("name"),
        exportable=key.get("exportable"),
        key_type=key.get("kty"),
        key_size=key.get("key_size"),
        curve=key.get("crv"),
        reuse_key=key.get("reuse_key"),
        content_type=(data.get("secret_props") or {}).get("contentType"),
        subject=x509.get("subject"),
        **{name: tuple(sans.get(wire) or ()) for name, wire in _SANS.items()},
        enhanced_key_usage=tuple(x509.get("ekus") or ()),
        key_usage=tuple(x509.get("key_usage") or ()),
        validity_months=x509.get("validity_months"),
        lifetime_actions=tuple(_parse_action(action) for action in data.get("lifetime_actions") or ()),
        certificate_type=issuer.get("cty"),
        certificate_transparency=issuer.get("cert_transparency"),
        enabled=attributes.get("enabled"),
        created_on=parse_moment(attributes.get("created")),
        updated_on=parse_moment(attributes.get("updated")),
    )


def parse_certificate_operation(data: Json, name: str) -> CertificateOperation:
    """Parse the making of the certificate `name`; of an error only its code."""
    error = (data.get("error") or {}).get("code")
    return CertificateOperation(
        name=name,
        status=parse_text(data["status"]),
        issuer=(data.get("issuer") or {}).get("name"),
        csr=base64.b64decode(data.get("csr") or "", validate=True),
        cancellation_requested=bool(data.get("cancellation_requested")),
        request_id=data.get("request_id"),
        error_code=error if isinstance(error, str) and _CODE.fullmatch(error) else None,
    )


def render_policy(policy: CertificatePolicy) -> Json:
    """Render a policy; what it does not say is left to the service."""
    sans = {wire: list(getattr(policy, name)) or None for name, wire in _SANS.items()}
    sections: dict[str, Json] = {
        "key_props": {
            "exportable": policy.exportable,
            "kty": policy.key_type,
            "key_size": policy.key_size,
            "crv": policy.curve,
            "reuse_key": policy.reuse_key,
        },
        "secret_props": {"contentType": policy.content_type},
        "x509_props": {
            "subject": policy.subject,
            "sans": drop_absent(sans) or None,
            "ekus": list(policy.enhanced_key_usage) or None,
            "key_usage": list(policy.key_usage) or None,
            "validity_months": policy.validity_months,
        },
        "issuer": {
            "name": policy.issuer,
            "cty": policy.certificate_type,
            "cert_transparency": policy.certificate_transparency,
        },
        "attributes": {"enabled": policy.enabled},
    }
    document: Json = {name: drop_absent(section) or None for name, section in sections.items()}
    document["lifetime_actions"] = [_render_action(action) for action in policy.lifetime_actions] or None
    return drop_absent(document)


def render_certificate_request(
    policy: CertificatePolicy | None,
    *,
    enabled: bool | None = None,
    tags: Mapping[str, str] | None = None,
    preserve_order: bool | None = None,
    more: Mapping[str, Any] | None = None,
) -> bytes:
    """Render the body that creates, imports (`more`: value, pwd), merges (x5c) or updates a certificate."""
    return render_document(
        {
            **(more or {}),
            "policy": render_policy(policy) if policy is not None else None,
            "attributes": render_attributes(enabled=enabled),
            "tags": render_tags(tags),
            "preserveCertOrder": preserve_order,
        }
    )


def render_chain(certificates: Sequence[bytes]) -> list[str]:
    """Certificates in DER as a merge takes them."""
    return [base64.b64encode(der).decode("ascii") for der in certificates]


def _parse_action(data: Json) -> CertificateLifetimeAction:
    trigger = data.get("trigger") or {}
    return CertificateLifetimeAction(
        action=parse_text(data["action"]["action_type"]),
        lifetime_percentage=trigger.get("lifetime_percentage"),
        days_before_expiry=trigger.get("days_before_expiry"),
    )


def _render_action(action: CertificateLifetimeAction) -> Json:
    trigger = {
        "lifetime_percentage": action.lifetime_percentage,
        "days_before_expiry": action.days_before_expiry,
    }
    return {"trigger": drop_absent(trigger), "action": {"action_type": action.action}}
