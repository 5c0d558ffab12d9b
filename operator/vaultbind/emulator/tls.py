"""The emulator's own certificate authority and the server certificate that it signs at every start."""

import errno
import ipaddress
import os
import re
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES: Final = (
    "localhost",
    "*.localhost",
    "*.vault.localhost",
    "*.vault.azure.net",
    "*.managedhsm.azure.net",
)
ADDRESSES: Final = ("127.0.0.1", "::1")
DNS_NAME: Final = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?")
CA_NAME: Final = "vaultbind emulator CA"
CA_LIFETIME: Final = timedelta(days=3650)
SERVER_LIFETIME: Final = timedelta(days=365)
SKEW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """CA certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def pem(self) -> str:
        """Certificate in PEM, for those who shall trust it."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


def new_authority(now: datetime) -> Authority:
    """Make a CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CA_NAME)])
    builder = _builder(name, name, key, now, CA_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_ca_usage(), critical=True)
    return Authority(certificate=builder.sign(key, hashes.SHA256()), key=key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(identifier, critical=False)
    )


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def server_context(authority: Authority, now: datetime, more: Sequence[str] = ()) -> ssl.SSLContext:
    """Context with a server certificate for all names and `more`; its key touches the disk for a moment."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vaultbind emulator")])
    names = [general_name(name) for name in dict.fromkeys((*NAMES, *ADDRESSES, *more))]
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = _builder(name, authority.certificate.subject, key, now, SERVER_LIFETIME)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(usage, critical=False).add_extension(identifier, critical=False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "server.pem")
        path.write_bytes(_private_pem(key) + certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(path)
    return context


def general_name(name: str) -> x509.GeneralName:
    """Name or address as a certificate has it; raises ValueError for what is neither."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not DNS_NAME.fullmatch(name.lower()):
            raise ValueError(f"{name} is neither a host name nor an address") from None
        return x509.DNSName(name.lower())


def load_authority(ca_file: Path | None, now: datetime) -> Authority:
    """Read the CA from `ca_file` and `ca_file.key`, or make one and write it there.

    Raises OSError, also where that would overwrite what this emulator did not write.
    """
    if ca_file is None:
        return new_authority(now)
    key_file = ca_file.with_name(f"{ca_file.name}.key")
    existing = _read_authority(ca_file, key_file, now)
    if existing is not None:
        return existing
    _check_replaceable(ca_file, key_file)
    authority = new_authority(now)
    write_private(key_file, _private_pem(authority.key))
    ca_file.write_text(authority.pem(), encoding="ascii")
    return authority


def _read_authority(ca_file: Path, key_file: Path, now: datetime) -> Authority | None:
    if not (ca_file.is_file() and key_file.is_file()):
        return None
    try:
        certificate = x509.load_pem_x509_certificate(ca_file.read_bytes())
        key = load_pem_private_key(key_file.read_bytes(), None)
    except ValueError:
        return None
    usable = certificate.not_valid_after_utc > now.astimezone(UTC) + SERVER_LIFETIME
    if not usable or not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    return (
        Authority(certificate=certificate, key=key) if certificate.public_key() == key.public_key() else None
    )


def _check_replaceable(ca_file: Path, key_file: Path) -> None:
    """Raise FileExistsError if a file there is not of our making: a wrong path must cost nobody a key."""
    foreign = ca_file
    if not ca_file.exists() or not ca_file.stat().st_size:
        if not key_file.exists():
            return
        foreign = key_file
    elif _is_ours(ca_file.read_bytes()):
        return
    reason = "not written by the emulator, so it stays: remove it or name another --ca-file"
    raise FileExistsError(errno.EEXIST, reason, str(foreign))


def _is_ours(pem: bytes) -> bool:
    try:
        subject = x509.load_pem_x509_certificate(pem).subject
    except ValueError:
        return False
    return [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [CA_NAME]


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, from the first byte on; raises OSError."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
