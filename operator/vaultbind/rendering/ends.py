"""When a certificate ends by itself: its own notAfter, which its attributes in the vault need not tell."""

from datetime import datetime

from vaultbind.keyvault.certs import CertificateParseError, parse_certificate
from vaultbind.keyvault.types.certificate import Certificate


def end_of(certificate: Certificate) -> datetime | None:
    """Own end of a certificate that was read; None while it is pending, or where it is none."""
    try:
        return parse_certificate(certificate.cer).not_valid_after_utc
    except CertificateParseError:
        return None


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two ends, either of which may not be known."""
    known = [moment for moment in (one, other) if moment is not None]
    return min(known, default=None)
