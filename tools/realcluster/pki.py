"""Certificates and keys of one short-lived cluster."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
SERVER_ADDRESSES = ("127.0.0.1", "10.96.0.1")
LIFETIME = dt.timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    """Everything that the processes and the administrator need, written below `folder`."""

    folder: Path
    ca_pem: bytes
    admin: Identity
    ca: x509.Certificate
    ca_key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def create(cls, folder: Path, *, addresses: Sequence[str] = ()) -> Self:
        """Make the CA, the serving certificate, the ServiceAccount key pair and the administrator.

        `addresses` are those that the API server is reached by beside :data:`SERVER_ADDRESSES`.
        """
        folder.mkdir(parents=True)
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("vaultbind-test-ca", ca_key, None)
        names = server_names(SERVER_NAMES, (*SERVER_ADDRESSES, *addresses))
        server = _issue("kube-apiserver", ca, ca_key, names=names)
        admin = _issue("admin", ca, ca_key, organization="system:masters")
        accounts = ec.generate_private_key(ec.SECP256R1())
        ca_pem = ca.public_bytes(serialization.Encoding.PEM)
        files = {
            "ca.crt": ca_pem,
            "server.crt": server.certificate,
            "server.key": server.key,
            "accounts.key": _key_pem(accounts),
            "accounts.pub": accounts.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            "admin.crt": admin.certificate,
            "admin.key": admin.key,
        }
        for name, content in files.items():
            _write(folder / name, content)
        return cls(folder=folder, ca_pem=ca_pem, admin=admin, ca=ca, ca_key=ca_key)

    def issue_client(self, name: str, organization: str) -> Identity:
        """A further user of the API: its name, its group."""
        return _issue(name, self.ca, self.ca_key, organization=organization)

    def write_server(self, file: str, name: str, addresses: Sequence[str]) -> None:
        """Write `file`.crt and `file`.key of a further server, such as a kubelet."""
        made = _issue(name, self.ca, self.ca_key, names=server_names((name,), addresses))
        _write(self.folder / f"{file}.crt", made.certificate)
        _write(self.folder / f"{file}.key", made.key)

    def path(self, name: str) -> str:
        """Path of one file, for a command line."""
        return str(self.folder / name)


def server_names(names: Sequence[str], addresses: Sequence[str]) -> list[x509.GeneralName]:
    """What a server's certificate is good for."""
    found: list[x509.GeneralName] = [x509.DNSName(item) for item in names]
    return [*found, *(x509.IPAddress(ipaddress.ip_address(item)) for item in addresses)]


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _issue(
    name: str,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    *,
    organization: str = "",
    names: Sequence[x509.GeneralName] = (),
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(name, key, (ca, ca_key), organization=organization, names=names)
    return Identity(certificate=certificate.public_bytes(serialization.Encoding.PEM), key=_key_pem(key))


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    *,
    organization: str = "",
    names: Sequence[x509.GeneralName] = (),
) -> x509.Certificate:
    now = dt.datetime.now(tz=dt.UTC)
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    subject = x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    signer = issuer[1] if issuer else key
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    builder = builder.add_extension(_usage(ca=issuer is None), critical=True)
    if issuer:
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
