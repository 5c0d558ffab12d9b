"""Keys, certificates and signing requests as a policy asks for them."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from vaultbind.keyvault.simulation.bundles import CertificateKey
from vaultbind.keyvault.simulation.keymaterial import generate
from vaultbind.keyvault.simulation.periods import Period, add
from vaultbind.keyvault.simulation.policies import Policy, refuse
from vaultbind.keyvault.simulation.rsapool import RsaSource, make_rsa
from vaultbind.keyvault.simulation.subjects import parse_names, parse_subject, parse_usages

CLOCK_SKEW_SECONDS: Final = 600
SECONDS_PER_DAY: Final = 86_400
USAGES: Final = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}
Extensions = list[tuple[x509.ExtensionType, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate that may sign others, and its key."""

    certificate: x509.Certificate
    key: CertificateKey


def make_certificate_key(policy: Policy, rsa_keys: RsaSource = make_rsa) -> CertificateKey:
    """Key as a policy's `key_props` ask; raises VaultProblem (BadParameter)."""
    asked = policy["key_props"]
    key = generate(asked["kty"], asked.get("key_size"), asked.get("crv"), rsa_keys=rsa_keys)
    if isinstance(key, bytes):
        raise refuse("key_props.kty")
    return key


def issue(policy: Policy, key: CertificateKey, now: int, by: Authority | None = None) -> x509.Certificate:
    """Certificate of a policy, valid from 10 minutes ago, signed by `by` or by itself.

    Raises VaultProblem (BadParameter) for names that no certificate can have.
    """
    subject = parse_subject(policy["x509_props"]["subject"])
    begin, end = validity(policy, now)
    builder = certificate_builder(subject, by.certificate.subject if by else subject, key, begin, end)
    for extension, critical in _extensions(policy):
        builder = builder.add_extension(extension, critical=critical)
    return sign(builder, by.key if by else key, by.certificate if by else None)


def request_signature(policy: Policy, key: CertificateKey) -> bytes:
    """DER of a certificate signing request; raises VaultProblem (BadParameter) as `issue` does."""
    subject = parse_subject(policy["x509_props"]["subject"])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension, critical in _extensions(policy):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def validity(policy: Policy, now: int) -> tuple[int, int]:
    """When a certificate begins and ends that is issued now; epoch seconds."""
    lifetime = Period(months=policy["x509_props"]["validity_months"], days=0)
    return now - CLOCK_SKEW_SECONDS, add(now, lifetime)


def _extensions(policy: Policy) -> Extensions:
    asked: dict[str, Any] = policy["x509_props"]
    extensions: Extensions = [(x509.BasicConstraints(ca=False, path_length=None), False)]
    if asked["key_usage"]:
        extensions.append((key_usage(asked["key_usage"]), True))
    if asked["ekus"]:
        extensions.append((parse_usages(asked["ekus"]), False))
    names = parse_names(asked.get("sans") or {})
    if names:
        is_only_name = not asked["subject"]
        extensions.append((x509.SubjectAlternativeName(names), is_only_name))
    return extensions


def certificate_builder(
    subject: x509.Name, issuer: x509.Name, key: CertificateKey, not_before: int, not_after: int
) -> x509.CertificateBuilder:
    """Begin a certificate with its names, key and times (epoch seconds)."""
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(not_before, UTC))
        .not_valid_after(datetime.fromtimestamp(not_after, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def sign(
    builder: x509.CertificateBuilder, key: CertificateKey, issuer: x509.Certificate | None
) -> x509.Certificate:
    """End a certificate with the signature of `issuer`'s key, or of its own."""
    if issuer is not None:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        builder = builder.add_extension(authority, critical=False)
    return builder.sign(key, hashes.SHA256())


def key_usage(uses: Sequence[str]) -> x509.KeyUsage:
    """Extension of the usages; the two `Only` ones mean nothing without keyAgreement, so they bring it."""
    flags = {flag: use in uses for use, flag in USAGES.items()}
    flags["key_agreement"] |= flags["encipher_only"] or flags["decipher_only"]
    return x509.KeyUsage(**flags)


def alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    """Extension of DNS names and IP addresses."""
    return x509.SubjectAlternativeName([_general_name(name) for name in names])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
