"""Certificates behind Key Vault secrets: reading PFX and PEM values, rebuilding the chain. Pure."""

from vaultbind.keyvault.certs.bundle import CertificateBundle, parse_bundle, render_pem
from vaultbind.keyvault.certs.errors import CertificateParseError, CertificateParseErrorKind

__all__ = [
    "CertificateBundle",
    "CertificateParseError",
    "CertificateParseErrorKind",
    "parse_bundle",
    "render_pem",
]
