"""Certificates and their policy."""

from dataclasses import dataclass
from typing import ClassVar

from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateProperties(ObjectProperties):
    """Properties of a certificate; `x509_thumbprint` is the SHA-1 that Azure calls x5t."""

    kind: ClassVar[ObjectKind] = ObjectKind.CERTIFICATE

    x509_thumbprint: bytes | None = None
    subject: str | None = None
    """Only in lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePolicy:
    """How the vault makes the certificate's next version; None where the policy does not say."""

    issuer: str | None = None
    exportable: bool | None = None
    """False: the secret of the same name holds no private key."""
    key_type: str | None = None
    key_size: int | None = None
    curve: str | None = None
    reuse_key: bool | None = None
    content_type: str | None = None
    subject: str | None = None
    dns_names: tuple[str, ...] = ()
    validity_months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One version of a certificate; `cer` is the leaf in DER, empty while its first creation is pending."""

    properties: CertificateProperties
    cer: bytes
    policy: CertificatePolicy | None = None
    key_id: str | None = None
    secret_id: str | None = None

    @property
    def name(self) -> str:
        """The certificate's name."""
        return self.properties.name

    @property
    def version(self) -> str:
        """The version that was read."""
        return self.properties.version
