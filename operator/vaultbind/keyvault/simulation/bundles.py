"""Reading certificates with their key as they are uploaded, and writing them as a secret's value."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from vaultbind.keyvault.simulation.policies import PEM, PFX
from vaultbind.keyvault.simulation.problems import bad_parameter

CertificateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PEM_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
PEM_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A leaf, its private key and the other certificates in the order of the upload."""

    key: CertificateKey = field(repr=False)
    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...] = ()
    content_type: str = PFX


def parse_upload(value: str, password: str | None) -> Bundle:
    """Read base64 PFX, or PEM text (also in base64) with one key; raises VaultProblem (BadParameter)."""
    try:
        if "-----BEGIN" in value:
            return _parse_pem(value)
        data = base64.b64decode(value)
        if b"-----BEGIN" in data:  # Azure's SDK encodes whatever it is given
            return _parse_pem(data.decode())
        return _parse_pfx(data, password)
    except (ValueError, TypeError, binascii.Error):
        raise bad_parameter("The specified certificate content is in an invalid format.") from None


def _parse_pem(value: str) -> Bundle:
    keys = PEM_KEY.findall(value)
    certificates = [x509.load_pem_x509_certificate(text.encode()) for text in PEM_CERTIFICATE.findall(value)]
    if len(keys) != 1 or not certificates:
        raise bad_parameter(
            "The specified PEM X.509 certificate content must have one key and a certificate."
        )
    return _bundle(load_pem_private_key(keys[0].encode(), None), certificates, PEM)


def _parse_pfx(data: bytes, password: str | None) -> Bundle:
    secret = password.encode() if password else None
    try:
        key, leaf, others = pkcs12.load_key_and_certificates(data, secret)
    except ValueError:
        raise bad_parameter("The specified PKCS#12 X.509 certificate content can not be read.") from None
    return _bundle(key, [certificate for certificate in (leaf, *others) if certificate], PFX)


def _bundle(key: object, certificates: list[x509.Certificate], content_type: str) -> Bundle:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise bad_parameter("The private key is missing or of a type that is not supported.")
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for leaf in certificates:
        if leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == public:
            others = tuple(certificate for certificate in certificates if certificate is not leaf)
            return Bundle(key=key, leaf=leaf, others=others, content_type=content_type)
    raise bad_parameter("The private key does not match any certificate.")


def render_value(bundle: Bundle, content_type: str, *, exportable: bool) -> str:
    """Value of a certificate's secret: base64 PFX without password, or PEM with the key first."""
    if content_type == PEM:
        return render_pem(bundle, exportable=exportable)
    return render_pfx(bundle, exportable=exportable)


def render_pem(bundle: Bundle, *, exportable: bool = True) -> str:
    """PKCS#8 key (if exportable), leaf, then the others in their order."""
    key = bundle.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if exportable else b""
    parts = [key, *(certificate.public_bytes(Encoding.PEM) for certificate in (bundle.leaf, *bundle.others))]
    return b"".join(parts).decode()


def render_pfx(bundle: Bundle, *, exportable: bool = True, password: str = "") -> str:
    """Base64 PFX."""
    encryption: KeySerializationEncryption = NoEncryption()
    if password:
        encryption = BestAvailableEncryption(password.encode())
    key = bundle.key if exportable else None
    data = pkcs12.serialize_key_and_certificates(
        None, key, bundle.leaf, list(bundle.others) or None, encryption
    )
    return base64.b64encode(data).decode()
