"""Making certificates: self-signed ones for the service, chains of a test CA for seeds and tests."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from vaultbind.keyvault.simulation.bundles import Bundle, CertificateKey
from vaultbind.keyvault.simulation.keymaterial import generate
from vaultbind.keyvault.simulation.policies import PFX
from vaultbind.keyvault.simulation.problems import bad_parameter

CLOCK_SKEW_SECONDS: Final = 600
SECONDS_PER_DAY: Final = 86_400
CA_LIFETIME_DAYS: Final = 3650
USAGES: Final = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate that may sign others, and its key."""

    certificate: x509.Certificate
    key: CertificateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What a test CA issued: the leaf's bundle, the intermediates from the leaf upward, and the root."""

    key: CertificateKey
    leaf: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]
    root: x509.Certificate

    def bundle(self, *, with_root: bool = False, content_type: str = PFX) -> Bundle:
        """Leaf and intermediates (and root) as an upload has them."""
        others = (*self.intermediates, self.root) if with_root else self.intermediates
        return Bundle(key=self.key, leaf=self.leaf, others=others, content_type=content_type)


def issue_chain(
    dns_names: Sequence[str],
    *,
    not_before: int,
    not_after: int,
    intermediates: int = 1,
    key: CertificateKey | None = None,
) -> Chain:
    """Make a root, intermediates and a server certificate for the names; times in epoch seconds."""
    root = _authority("vaultbind test root", None, not_before)
    issuers = [root]
    for number in range(1, intermediates + 1):
        issuers.append(_authority(f"vaultbind test intermediate {number}", issuers[-1], not_before))
    leaf_key = key or ec.generate_private_key(ec.SECP256R1())
    builder = _builder(
        _name(f"CN={dns_names[0]}"), issuers[-1].certificate.subject, leaf_key, not_before, not_after
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_alternative_names(dns_names), critical=False)
    leaf = _sign(builder, issuers[-1].key, issuers[-1].certificate)
    middle = tuple(issuer.certificate for issuer in reversed(issuers[1:]))
    return Chain(key=leaf_key, leaf=leaf, intermediates=middle, root=root.certificate)


def _authority(common_name: str, issuer: Authority | None, not_before: int) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer_name = issuer.certificate.subject if issuer else subject
    end = not_before + CA_LIFETIME_DAYS * SECONDS_PER_DAY
    builder = _builder(subject, issuer_name, key, not_before, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(("digitalSignature", "keyCertSign", "cRLSign")), critical=True)
    certificate = _sign(builder, issuer.key if issuer else key, issuer.certificate if issuer else None)
    return Authority(certificate=certificate, key=key)


def make_certificate_key(policy: Mapping[str, Any]) -> CertificateKey:
    """Key as a policy's `key_props` ask; raises VaultProblem (BadParameter)."""
    asked = policy["key_props"]
    key = generate(asked["kty"], asked.get("key_size"), asked.get("crv"))
    if isinstance(key, bytes):
        raise bad_parameter("Property policy.key_props.kty has invalid value\r\n")
    return key


def self_signed(policy: Mapping[str, Any], key: CertificateKey, now: int) -> x509.Certificate:
    """Certificate of a policy, valid from 10 minutes ago; raises VaultProblem for a bad subject."""
    asked = policy["x509_props"]
    subject = _name(asked["subject"])
    end = _add_months(now, int(asked["validity_months"]))
    builder = _builder(subject, subject, key, now - CLOCK_SKEW_SECONDS, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(asked["key_usage"]), critical=True)
    if asked["ekus"]:
        usages = x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in asked["ekus"]])
        builder = builder.add_extension(usages, critical=False)
    names = (asked.get("sans") or {}).get("dns_names") or ()
    if names:
        builder = builder.add_extension(_alternative_names(names), critical=False)
    return _sign(builder, key, None)


def signing_request(policy: Mapping[str, Any], key: CertificateKey) -> bytes:
    """DER of a certificate signing request for a policy's subject."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(policy["x509_props"]["subject"]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificateKey, not_before: int, not_after: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(not_before, UTC))
        .not_valid_after(datetime.fromtimestamp(not_after, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(
    builder: x509.CertificateBuilder, key: CertificateKey, issuer: x509.Certificate | None
) -> x509.Certificate:
    if issuer is not None:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        builder = builder.add_extension(authority, critical=False)
    return builder.sign(key, hashes.SHA256())


def _key_usage(uses: Sequence[str]) -> x509.KeyUsage:
    flags = {flag: use in uses for use, flag in USAGES.items()}
    return x509.KeyUsage(**flags, encipher_only=False, decipher_only=False)


def _alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(name) for name in names])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(text: str) -> x509.Name:
    try:
        return x509.Name.from_rfc4514_string(text)
    except ValueError:
        raise bad_parameter("Property policy.x509_props.subject has invalid value\r\n") from None


def _add_months(now: int, months: int) -> int:
    moment = datetime.fromtimestamp(now, UTC)
    year, month = divmod(moment.month - 1 + months, 12)
    day = min(moment.day, 28)
    return int(moment.replace(year=moment.year + year, month=month + 1, day=day).timestamp())
