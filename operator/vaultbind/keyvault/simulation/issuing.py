"""The test CA: chains for seeds and tests, and the authority that stands behind every issuer of a vault."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vaultbind.keyvault.simulation.bundles import Bundle, CertificateKey
from vaultbind.keyvault.simulation.policies import PFX
from vaultbind.keyvault.simulation.signing import (
    SECONDS_PER_DAY,
    Authority,
    alternative_names,
    certificate_builder,
    key_usage,
    sign,
)

CA_LIFETIME_DAYS: Final = 3650


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
    authorities = issue_authorities(not_before, intermediates)
    leaf_key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns_names[0])])
    builder = certificate_builder(
        subject, authorities[-1].certificate.subject, leaf_key, not_before, not_after
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(alternative_names(dns_names), critical=False)
    leaf = sign(builder, authorities[-1].key, authorities[-1].certificate)
    middle = tuple(authority.certificate for authority in reversed(authorities[1:]))
    return Chain(key=leaf_key, leaf=leaf, intermediates=middle, root=authorities[0].certificate)


def issue_authorities(not_before: int, intermediates: int = 1) -> tuple[Authority, ...]:
    """Make a root and its intermediates, root first; they last ten years."""
    issuers = [_authority("vaultbind test root", None, not_before)]
    for number in range(1, intermediates + 1):
        issuers.append(_authority(f"vaultbind test intermediate {number}", issuers[-1], not_before))
    return tuple(issuers)


def _authority(common_name: str, issuer: Authority | None, not_before: int) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer_name = issuer.certificate.subject if issuer else subject
    end = not_before + CA_LIFETIME_DAYS * SECONDS_PER_DAY
    builder = certificate_builder(subject, issuer_name, key, not_before, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(key_usage(("digitalSignature", "keyCertSign", "cRLSign")), critical=True)
    certificate = sign(builder, issuer.key if issuer else key, issuer.certificate if issuer else None)
    return Authority(certificate=certificate, key=key)
