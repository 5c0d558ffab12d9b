"""Certificates on the wire."""

import base64

from vaultbind.keyvault.types.certificate import Certificate, CertificatePolicy, CertificateProperties
from vaultbind.keyvault.wire.documents import Json, parse_bytes, parse_common


def parse_certificate(data: Json) -> Certificate:
    """Parse a certificate bundle; one whose first creation is pending has no `cer`."""
    policy = data.get("policy")
    return Certificate(
        properties=parse_certificate_properties(data),
        cer=base64.b64decode(data.get("cer") or "", validate=True),
        policy=parse_policy(policy) if policy else None,
        key_id=data.get("kid"),
        secret_id=data.get("sid"),
    )


def parse_certificate_properties(data: Json) -> CertificateProperties:
    """Parse the properties of a certificate bundle or item."""
    thumbprint = data.get("x5t")
    return CertificateProperties(
        **parse_common(data, data["id"]),
        x509_thumbprint=parse_bytes(thumbprint) if thumbprint else None,
        subject=data.get("subject"),
    )


def parse_policy(data: Json) -> CertificatePolicy:
    """Parse what we use of a certificate policy."""
    key = data.get("key_props") or {}
    x509 = data.get("x509_props") or {}
    return CertificatePolicy(
        issuer=(data.get("issuer") or {}).get("name"),
        exportable=key.get("exportable"),
        key_type=key.get("kty"),
        key_size=key.get("key_size"),
        curve=key.get("crv"),
        reuse_key=key.get("reuse_key"),
        content_type=(data.get("secret_props") or {}).get("contentType"),
        subject=x509.get("subject"),
        dns_names=tuple((x509.get("sans") or {}).get("dns_names") or ()),
        validity_months=x509.get("validity_months"),
    )
