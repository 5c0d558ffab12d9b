"""A secret's value into the certificates and private keys in it, whatever form it has."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509 import Certificate, InvalidVersion, load_der_x509_certificate

from vaultbind.keyvault.certs.errors import CertificateParseError, CertificateParseErrorKind
from vaultbind.keyvault.certs.pem import PemBlock, decode_base64, is_pem, parse_pem
from vaultbind.keyvault.certs.pfx import parse_pfx

PFX: Final = "application/x-pkcs12"
PEM: Final = "application/x-pem-file"

_CERTIFICATE_LABELS: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_KEY_LABELS: Final = frozenset({"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"})
_ENCRYPTED_LABEL: Final = "ENCRYPTED PRIVATE KEY"
_SEQUENCE_OF_VERSION_3: Final = b"\x02\x01\x03"
"""A PFX starts with INTEGER 3 inside of its SEQUENCE; a certificate with another SEQUENCE."""
_LONGEST_HEADER: Final = 6
_LAZY: Final = ("subject", "issuer", "not_valid_before_utc", "not_valid_after_utc")
"""Fields that the library parses only when they are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a value holds, in its own order."""

    certificates: tuple[Certificate, ...]
    private_keys: tuple[PrivateKeyTypes, ...] = field(repr=False)


def parse_parts(value: str, content_type: str | None) -> Parts:
    """Read PEM text, or base64 of a PFX without password or of one DER certificate.

    The form is seen from the value itself, because Key Vault does not always say it right; a content type
    that is neither of the two of certificates is refused. Raises :class:`CertificateParseError` with kind
    UNSUPPORTED_CONTENT_TYPE, NOT_A_CERTIFICATE, PASSWORD_PROTECTED or UNREADABLE_KEY.
    """
    if content_type and content_type.lower() not in {PFX, PEM}:
        raise CertificateParseError(CertificateParseErrorKind.UNSUPPORTED_CONTENT_TYPE)
    if is_pem(value):
        return _from_pem(parse_pem(value))
    der = decode_base64(value)
    if not der:
        raise CertificateParseError(CertificateParseErrorKind.NOT_A_CERTIFICATE)
    if _SEQUENCE_OF_VERSION_3 in der[: _LONGEST_HEADER + len(_SEQUENCE_OF_VERSION_3)]:
        return _from_pfx(der)
    return Parts(certificates=(parse_certificate(der),), private_keys=())


def _from_pem(blocks: Iterable[PemBlock]) -> Parts:
    certificates: list[Certificate] = []
    private_keys: list[PrivateKeyTypes] = []
    for block in blocks:
        if block.label in _CERTIFICATE_LABELS:
            certificates.append(parse_certificate(block.der))
        elif block.label in _KEY_LABELS:
            private_keys.append(_private_key(block.der))
        elif block.label == _ENCRYPTED_LABEL:
            raise CertificateParseError(CertificateParseErrorKind.PASSWORD_PROTECTED)
    return Parts(certificates=tuple(certificates), private_keys=tuple(private_keys))


def _from_pfx(der: bytes) -> Parts:
    content = parse_pfx(der)
    if content is None:
        raise CertificateParseError(CertificateParseErrorKind.PASSWORD_PROTECTED)
    return Parts(
        certificates=tuple(_check(certificate) for certificate in content.certificates),
        private_keys=content.private_keys,
    )


def parse_certificate(der: bytes) -> Certificate:
    """One certificate in DER. Raises :class:`CertificateParseError` of kind NOT_A_CERTIFICATE."""
    try:
        certificate = load_der_x509_certificate(der)
    except (ValueError, InvalidVersion):
        certificate = None
    if certificate is None:
        raise CertificateParseError(CertificateParseErrorKind.NOT_A_CERTIFICATE)
    return _check(certificate)


def _check(certificate: Certificate) -> Certificate:
    """Return it when its names and dates can be read: damage would else be found by whoever asks first."""
    try:
        parts = [getattr(certificate, name) for name in _LAZY]
    except ValueError:
        parts = []
    if not parts:
        raise CertificateParseError(CertificateParseErrorKind.NOT_A_CERTIFICATE)
    return certificate


def _private_key(der: bytes) -> PrivateKeyTypes:
    try:
        key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if key is None:
        raise CertificateParseError(CertificateParseErrorKind.UNREADABLE_KEY)
    return key
