"""Throwaway certificates for tests: made once per process, EC keys, fixed serials and times."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def key_of(name: str) -> ec.EllipticCurvePrivateKey:
    """One key per name: certificates of one name are twins unless `key` says otherwise."""
    return ec.generate_private_key(ec.SECP256R1()) if name else ec.generate_private_key(ec.SECP384R1())


@cache
def issue(
    subject: str,
    issuer: str | None = None,
    *,
    key: str | None = None,
    issuer_key: str | None = None,
    ca: bool = True,
    start: datetime = START,
    days: int = 36500,
    key_ids: bool = True,
) -> Issued:
    """A certificate for `subject` by `issuer` (itself if None); keys are named, by default as the subject."""
    own, above = key_of(key or subject), key_of(issuer_key or issuer or key or subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer or subject))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if key_ids:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False
        ).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False
        )
    return Issued(certificate=builder.sign(above, SHA256()), key=own)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def root() -> Issued:
    return issue("root")


def upper() -> Issued:
    return issue("upper", "root")


def lower() -> Issued:
    return issue("lower", "upper")


def leaf() -> Issued:
    return issue("leaf", "lower", ca=False)


def pem_value(*parts: Issued, key: Issued | None = None) -> str:
    """A PEM value as Key Vault writes it: the key first, then the certificates as given."""
    return (key.key_pem if key else "") + "".join(part.pem for part in parts)
