"""Certificates behind Key Vault secrets: reading PFX and PEM values, rebuilding the chain. Pure."""

from vaultbind.keyvault.certs.bundle import (
    CertificateBundle,
    parse_bundle,
    render_der,
    render_key_der,
    render_pem,
)
from vaultbind.keyvault.certs.errors import CertificateParseError, CertificateParseErrorKind
from vaultbind.keyvault.certs.parts import parse_certificate

__all__ = [
    "CertificateBundle",
    "CertificateParseError",
    "CertificateParseErrorKind",
    "parse_bundle",
    "parse_certificate",
    "render_der",
    "render_key_der",
    "render_pem",
]
