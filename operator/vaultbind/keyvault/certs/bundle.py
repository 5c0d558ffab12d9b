"""A certificate's secret value -> leaf, chain, roots and private key."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509 import Certificate

from vaultbind.keyvault.certs.chain import build_chain
from vaultbind.keyvault.certs.errors import CertificateParseError, CertificateParseErrorKind
from vaultbind.keyvault.certs.parts import parse_parts
from vaultbind.keyvault.certs.pem import parse_pem

MAX_CERTIFICATES: Final = 64
"""More than fit into one Key Vault value; bounds the search for other callers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateBundle:
    """What a certificate's value holds, put in order.

        bundle = await (await client.get_certificate("shop")).with_chain()
        print(bundle.leaf.subject, [item.issuer for item in bundle.intermediates], len(bundle.roots))

    Its repr shows no key.
    """

    leaf: Certificate
    intermediates: tuple[Certificate, ...] = ()
    """From the leaf's issuer upwards, each the issuer of the one before; no self-signed one."""
    roots: tuple[Certificate, ...] = ()
    """Self-signed certificates above the leaf, or the leaf itself if it is self-signed."""
    left_out: tuple[Certificate, ...] = ()
    """Certificates that do not belong to the chain."""
    private_key_pem: bytes | None = field(default=None, repr=False)
    """Unencrypted PKCS#8."""

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """Leaf first, then the intermediates: what a server sends."""
        return (self.leaf, *self.intermediates)

    def require_private_key(self) -> bytes:
        """The private key as PEM; raises :class:`CertificateParseError` of kind NO_PRIVATE_KEY."""
        if self.private_key_pem is None:
            raise CertificateParseError(CertificateParseErrorKind.NO_PRIVATE_KEY)
        return self.private_key_pem


def parse_bundle(value: str, content_type: str | None = None) -> CertificateBundle:
    """Read the value of the secret behind a certificate.

    The leaf is the certificate of the private key; without a key, the one that issued no other. The parts'
    order has no influence on the result. Raises :class:`CertificateParseError`.
    """
    parts = parse_parts(value, content_type)
    if not parts.certificates:
        raise CertificateParseError(CertificateParseErrorKind.NO_CERTIFICATE)
    if len(parts.certificates) > MAX_CERTIFICATES:
        raise CertificateParseError(CertificateParseErrorKind.TOO_MANY_CERTIFICATES)
    keys: dict[bytes | None, PrivateKeyTypes | None] = {_public_half(key): key for key in parts.private_keys}
    for public, key in sorted(keys.items(), key=lambda item: item[0] or b"") or [(None, None)]:
        bundle = _bundle(parts.certificates, public, key)
        if bundle is not None:
            return bundle
    raise CertificateParseError(CertificateParseErrorKind.KEY_MISMATCH)


def render_pem(certificates: Iterable[Certificate]) -> bytes:
    """The certificates as PEM, one after the other."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def render_der(certificate: Certificate) -> bytes:
    """The certificate as DER."""
    return certificate.public_bytes(Encoding.DER)


def render_key_der(private_key_pem: bytes) -> bytes:
    """A bundle's private key as DER: unencrypted PKCS#8."""
    (block,) = parse_pem(private_key_pem.decode("ascii"))
    return block.der


def _bundle(
    certificates: Iterable[Certificate], public: bytes | None, key: PrivateKeyTypes | None
) -> CertificateBundle | None:
    """The bundle around the certificate of that key; None if there is none."""
    chain = build_chain(certificates, public)
    if chain is None:
        return None
    return CertificateBundle(
        leaf=chain.leaf,
        intermediates=chain.intermediates,
        roots=chain.roots,
        left_out=chain.left_out,
        private_key_pem=None if key is None else _pkcs8(key),
    )


def _pkcs8(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public_half(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
