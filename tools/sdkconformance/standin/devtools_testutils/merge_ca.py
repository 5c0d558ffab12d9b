"""Files that the certificates suite reads and its source distribution lacks: the CA of its merge tests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

V3_BYTES = 5
"""By so much is a certificate without extensions longer than the X.509 v1 one that the suite makes."""


def _certificate(
    issuer: x509.Name, subject: x509.Name, key: rsa.RSAPrivateKey, serial: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key.public_key())
        .serial_number(serial)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=30))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _needs_padding(issuer: x509.Name, key: rsa.RSAPrivateKey) -> bool:
    """Whether the base64 of the suite's certificate ends in `=`.

    The suite cuts its PEM with `rstrip("-----END CERTIFICATE-----")`, which eats letters of the base64 too,
    unless that ends in `=`.
    """
    leaf = _certificate(issuer, _name("MyCert"), key, 1).sign(key, hashes.SHA256())
    return (len(leaf.public_bytes(Encoding.DER)) - V3_BYTES) % 3 != 0


def write_merge_ca(folder: Path) -> None:
    """Write ca.key and ca.crt; the CA's name is as long as it takes for the suite to work."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    names = [_name(f"Conformance CA{more}") for more in ("", "x", "xx")]
    name = next(name for name in names if _needs_padding(name, key))
    basic = x509.BasicConstraints(ca=True, path_length=None)
    builder = _certificate(name, name, key, 1000).add_extension(basic, critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "ca.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "ca.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
