"""Certificates: properties, policy, and the way from a certificate to its private key."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.common import DeletedObject, ObjectKind, ObjectProperties
from vaultbind.keyvault.types.secret import Secret

if TYPE_CHECKING:
    from cryptography import x509

    from vaultbind.keyvault.certs.bundle import CertificateBundle

SecretReader = Callable[[str, str], Awaitable[Secret]]
"""Reads the secret of a name and version; raises KeyVaultError."""


class CertificateContentType(StrEnum):
    """Form in which the secret of the same name holds certificate and private key."""

    PKCS12 = "application/x-pkcs12"
    PEM = "application/x-pem-file"


class WellKnownIssuer(StrEnum):
    """Issuers that every vault knows; UNKNOWN: somebody outside signs the request, `merge_certificate`."""

    SELF = "Self"
    UNKNOWN = "Unknown"


class CertificatePolicyAction(StrEnum):
    """What happens at a moment of a certificate's life."""

    AUTO_RENEW = "AutoRenew"
    EMAIL_CONTACTS = "EmailContacts"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLifetimeAction:
    """A CertificatePolicyAction at one of two moments: give exactly one. `lifetime_percentage` is 1 to 99."""

    action: str
    lifetime_percentage: int | None = None
    days_before_expiry: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateProperties(ObjectProperties):
    """Properties of a certificate; `x509_thumbprint` is the SHA-1 that Azure calls x5t."""

    kind: ClassVar[ObjectKind] = ObjectKind.CERTIFICATE

    x509_thumbprint: bytes | None = None
    subject: str | None = None
    """Only in lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePolicy:
    """How the vault makes the certificate's next version; None where the policy does not say.

        CertificatePolicy(issuer=WellKnownIssuer.SELF, subject="CN=shop", dns_names=("shop.example",))

    What a new policy does not say the service decides: an exportable RSA key of 2048 bits, 12 months,
    PKCS#12.
    """

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
    emails: tuple[str, ...] = ()
    user_principal_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    enhanced_key_usage: tuple[str, ...] = ()
    """Object identifiers."""
    key_usage: tuple[str, ...] = ()
    validity_months: int | None = None
    lifetime_actions: tuple[CertificateLifetimeAction, ...] = ()
    certificate_type: str | None = None
    certificate_transparency: bool | None = None
    enabled: bool | None = None
    created_on: datetime | None = None
    updated_on: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One version of a certificate.

        certificate = await client.get_certificate("shop")
        bundle = await certificate.with_private_key()
        print(certificate.leaf.not_valid_after_utc, len(bundle.chain))

    `cer` is the leaf in DER, empty while its first creation is pending.
    """

    properties: CertificateProperties
    cer: bytes
    policy: CertificatePolicy | None = None
    key_id: str | None = None
    secret_id: str | None = None
    read_secret: SecretReader | None = field(default=None, repr=False, compare=False)
    """How `with_private_key` gets the secret; set by the service that read the certificate."""

    @property
    def name(self) -> str:
        """The certificate's name."""
        return self.properties.name

    @property
    def version(self) -> str:
        """The version that was read."""
        return self.properties.version

    @property
    def leaf(self) -> "x509.Certificate":
        """The certificate itself, parsed; raises KeyVaultError (PROTOCOL), also while it is pending."""
        from vaultbind.keyvault.certs import CertificateParseError, parse_certificate

        try:
            return parse_certificate(self.cer)
        except CertificateParseError as error:
            detail = str(error)
        raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, detail=detail, object_name=self.name)

    async def with_chain(self) -> "CertificateBundle":
        """Read leaf, intermediates and roots, in order, from the secret of the same name and version.

        Needs `secrets/get`. The bundle holds the private key where the policy lets it out. Raises
        KeyVaultError: PROTOCOL (the value is no certificate), those of `get_secret`, VALIDATION for a
        certificate that no service read.
        """
        from vaultbind.keyvault.certs import CertificateParseError, parse_bundle

        if self.read_secret is None:
            detail = "this certificate does not come from a vault"
            raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail, object_name=self.name)
        secret = await self.read_secret(self.name, self.version)
        try:
            return parse_bundle(secret.value.expose_secret(), secret.properties.content_type)
        except CertificateParseError as error:
            code, detail = error.kind.name, str(error)
        raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, code=code, detail=detail, object_name=self.name)

    async def with_private_key(self) -> "CertificateBundle":
        """Read the chain and the private key (`private_key_pem`), as `with_chain` does.

        Raises KeyVaultError (OPERATION_FORBIDDEN) for a key that is not exportable, and as `with_chain` does.
        """
        bundle = await self.with_chain()
        if bundle.private_key_pem is None:
            raise KeyVaultError(
                KeyVaultErrorKind.OPERATION_FORBIDDEN,
                code="NotExportable",
                detail="the policy keeps the private key in the vault",
                object_name=self.name,
            )
        return bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedCertificate(DeletedObject[CertificateProperties]):
    """A deleted certificate; `cer` is empty in lists."""

    cer: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOperation:
    """The making of a certificate: `inProgress`, `completed`, `cancelled` or `failed`.

    `csr` is the request (PKCS#10, DER) for an issuer outside; `error_code` says why it failed, if it did.
    """

    name: str
    status: str
    issuer: str | None = None
    csr: bytes = b""
    cancellation_requested: bool = False
    request_id: str | None = None
    error_code: str | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether the service is still at it."""
        return self.status == "inProgress"
