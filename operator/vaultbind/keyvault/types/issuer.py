"""Who issues a vault's certificates beside the vault itself, and who is told about them."""

from dataclasses import dataclass, field
from datetime import datetime

from vaultbind.keyvault.types.common import SecretString


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateContact:
    """Somebody who gets mail when a certificate comes to its end."""

    email: str
    name: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIssuer:
    """A certificate authority that the vault asks, by `name` in a certificate's policy.

    `provider` is the service's word for it (`DigiCert`, `GlobalSign`). The password is never read back.
    """

    name: str
    provider: str | None = None
    account_id: str | None = None
    password: SecretString | None = field(default=None, repr=False)
    organization_id: str | None = None
    enabled: bool | None = None
    created_on: datetime | None = None
    updated_on: datetime | None = None
