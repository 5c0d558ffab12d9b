"""Reading certificates with their key as they are uploaded, and writing them as a secret's value."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    pkcs12,
)

from vaultbind.keyvault.certs.errors import CertificateParseError
from vaultbind.keyvault.certs.pem import PemBlock, decode_base64, is_pem, parse_pem
from vaultbind.keyvault.certs.pfx import PfxContent, parse_pfx
from vaultbind.keyvault.simulation.pfxwriter import write_pfx
from vaultbind.keyvault.simulation.policies import PEM, PFX
from vaultbind.keyvault.simulation.problems import bad_parameter

CertificateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
BAD_PEM: Final = (
    "The specified PEM X.509 certificate content is in an unexpected format. "
    "Please check if certificate is in valid PEM format."
)
BAD_PFX: Final = (
    "The specified PKCS#12 X.509 certificate content can not be read. "
    "Please check if certificate is in valid PKCS#12 format."
)
FOREIGN_KEY: Final = (
    "The public key of the end-entity certificate in the specified X.509 certificate content does not match "
    "the public part of the specified private key. Please check if certificate is valid."
)
NO_ANSWER: Final = "Property x5c has invalid value\r\nX5C must has at least one valid item"
BAD_ANSWER: Final = "Unable to parse X5c certificate chain and locate leaf certificate"
DER_SEQUENCE: Final = 0x30
OTHER_KEYS: Final = " PRIVATE KEY"
"""End of the labels of private keys that are not plain PKCS#8: PKCS#1, SEC1, encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A leaf, its private key and the other certificates in the order of the upload."""

    key: CertificateKey = field(repr=False)
    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...] = ()
    content_type: str = PFX
    leaf_at: int = 0
    """How many of the others the upload had before the leaf."""

    @property
    def as_uploaded(self) -> tuple[x509.Certificate, ...]:
        """All certificates in the upload's order."""
        return (*self.others[: self.leaf_at], self.leaf, *self.others[self.leaf_at :])


def parse_upload(value: str, password: str | None, content_type: str) -> Bundle:
    """Read what the content type announces: base64 of a PFX, or PEM (plain, or in base64 again).

    As the service, it does not guess: PEM under the content type of PFX is refused. Raises VaultProblem
    (BadParameter).
    """
    if content_type == PEM:
        return _parse_pem(value)
    data = decode_base64(value)
    if not data:
        raise bad_parameter(BAD_PFX)
    return _parse_pfx(data, password)


def _parse_pem(value: str) -> Bundle:
    try:
        text = value if is_pem(value) else (decode_base64(value) or b"").decode()
        blocks = list(parse_pem(text))
    except (CertificateParseError, UnicodeDecodeError):
        raise bad_parameter(BAD_PEM) from None
    keys = [block for block in blocks if block.label == "PRIVATE KEY"]
    if len(keys) != 1 or any(block.label.endswith(OTHER_KEYS) for block in blocks):
        raise bad_parameter(BAD_PEM)
    certificates = [_load(block.der, BAD_PEM) for block in blocks if block.label == "CERTIFICATE"]
    return _bundle(_load_key(keys[0]), certificates, PEM)


def _load_key(block: PemBlock) -> object:
    try:
        return load_der_private_key(block.der, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise bad_parameter(BAD_PEM) from None


def _load(der: bytes, problem: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion):
        raise bad_parameter(problem) from None


def _parse_pfx(data: bytes, password: str | None) -> Bundle:
    content = _open_pfx(data, password) if password else parse_pfx(data)
    if content is None or len(content.private_keys) != 1:
        raise bad_parameter(BAD_PFX)
    return _bundle(content.private_keys[0], list(content.certificates), PFX)


def _open_pfx(data: bytes, password: str) -> PfxContent | None:
    try:
        store = pkcs12.load_pkcs12(data, password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
    entries = (store.cert, *store.additional_certs) if store.cert else tuple(store.additional_certs)
    return PfxContent(
        certificates=tuple(entry.certificate for entry in entries),
        private_keys=(store.key,) if store.key else (),
    )


def _bundle(key: object, certificates: Sequence[x509.Certificate], content_type: str) -> Bundle:
    problem = BAD_PEM if content_type == PEM else BAD_PFX
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or not certificates:
        raise bad_parameter(problem)
    at = _leaf_at(key, certificates)
    if at is None:
        raise bad_parameter(FOREIGN_KEY)
    others = (*certificates[:at], *certificates[at + 1 :])
    return Bundle(key=key, leaf=certificates[at], others=others, content_type=content_type, leaf_at=at)


def _leaf_at(key: CertificateKey, certificates: Iterable[x509.Certificate]) -> int | None:
    public = _public_bytes(key.public_key())
    for at, certificate in enumerate(certificates):
        found = certificate.public_key()
        if isinstance(found, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) and _public_bytes(found) == public:
            return at
    return None


def _public_bytes(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def parse_answer(x5c: Sequence[str], key: CertificateKey) -> Bundle:
    """Read the certificates of a merge, one of which is for the key; raises VaultProblem (BadParameter).

    Each is base64 of DER, or of what clients put there as well: PEM, or base64 once more.
    """
    if not x5c:
        raise bad_parameter(NO_ANSWER)
    certificates = [_load_item(item) for item in x5c]
    at = _leaf_at(key, certificates)
    if at is None:
        raise bad_parameter(FOREIGN_KEY)
    return Bundle(
        key=key, leaf=certificates[at], others=(*certificates[:at], *certificates[at + 1 :]), leaf_at=at
    )


def _load_item(item: str) -> x509.Certificate:
    data = decode_base64(item.replace("-", "+").replace("_", "/") + "=" * (-len(item) % 4))
    if not data:
        raise bad_parameter(NO_ANSWER)
    if data[0] == DER_SEQUENCE:
        return _load(data, BAD_ANSWER)
    try:
        text = data.decode("ascii")
        block = next(parse_pem(text), None)
        inner = block.der if block else decode_base64(text)
    except (CertificateParseError, UnicodeDecodeError):
        inner = None
    if not inner:
        raise bad_parameter(BAD_ANSWER)
    return _load(inner, BAD_ANSWER)


def render_value(bundle: Bundle, content_type: str, *, exportable: bool, preserve_order: bool = False) -> str:
    """Value of a certificate's secret: base64 PFX without password, or PEM with the key first."""
    if content_type == PEM:
        return render_pem(bundle, exportable=exportable, preserve_order=preserve_order)
    if preserve_order and bundle.leaf_at:
        return _render_ordered_pfx(bundle, exportable=exportable)
    return render_pfx(bundle, exportable=exportable)


def _render_ordered_pfx(bundle: Bundle, *, exportable: bool) -> str:
    key = None
    if exportable:
        key = bundle.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    certificates = [certificate.public_bytes(Encoding.DER) for certificate in bundle.as_uploaded]
    return base64.b64encode(write_pfx(key, certificates, bundle.leaf_at)).decode()


def render_pem(bundle: Bundle, *, exportable: bool = True, preserve_order: bool = False) -> str:
    """PKCS#8 key (if exportable), then the leaf and the others; or all in the upload's order."""
    key = bundle.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if exportable else b""
    certificates = bundle.as_uploaded if preserve_order else (bundle.leaf, *bundle.others)
    return b"".join([key, *(one.public_bytes(Encoding.PEM) for one in certificates)]).decode()


def render_pfx(bundle: Bundle, *, exportable: bool = True, password: str = "") -> str:
    """Base64 PFX; the leaf comes first."""
    encryption: KeySerializationEncryption = NoEncryption()
    if password:
        encryption = BestAvailableEncryption(password.encode())
    key = bundle.key if exportable else None
    data = pkcs12.serialize_key_and_certificates(
        None, key, bundle.leaf, list(bundle.others) or None, encryption
    )
    return base64.b64encode(data).decode()
