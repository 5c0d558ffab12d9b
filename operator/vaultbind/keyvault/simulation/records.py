"""Values that a simulated vault holds, never changed in place. Times are epoch seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from vaultbind.keyvault.simulation.keymaterial import KeyMaterial


class Kind(StrEnum):
    """The three kinds of objects, in the plural that paths use."""

    SECRETS = "secrets"
    KEYS = "keys"
    CERTIFICATES = "certificates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What all versions have: on or off, its time window, and when it was made and changed."""

    enabled: bool = True
    not_before: int | None = None
    expires: int | None = None
    created: int = 0
    updated: int = 0


class Version(Protocol):
    """What the store needs to know of a version."""

    @property
    def name(self) -> str:
        """Name of the object as it was first written."""

    @property
    def version(self) -> str:
        """32 hexadecimal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVersion:
    """One version of a secret."""

    name: str
    version: str
    value: str = field(repr=False)
    content_type: str | None = None
    attributes: Attributes
    tags: Mapping[str, str] | None = None
    managed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVersion:
    """One version of a key: `public` holds the public members of its JWK."""

    name: str
    version: str
    key_type: str
    material: KeyMaterial = field(repr=False)
    public: Mapping[str, str]
    operations: tuple[str, ...]
    attributes: Attributes
    tags: Mapping[str, str] | None = None
    managed: bool = False
    exportable: bool = False
    release_policy: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateVersion:
    """One version of a certificate; key and secret of the same name and version are in their own stores.

    As long as nobody has signed the first one, `der`, `thumbprint` and `subject` are empty.
    """

    name: str
    version: str
    der: bytes
    thumbprint: bytes
    subject: str
    content_type: str
    attributes: Attributes
    tags: Mapping[str, str] | None = None
    preserve_order: bool = False
    managed: bool = False

    @property
    def is_issued(self) -> bool:
        """Tell whether the certificate is there."""
        return bool(self.der)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """How a vault behaves. `deletion_seconds`: what deleting, recovering and purging take (0: at once)."""

    retention_days: int = 90
    purgeable: bool = True
    deletion_seconds: int = 0
    issuance_seconds: int = 0
    """How long an issuer takes to answer a certificate request (0: it is there with the next request)."""
    subscription: str = "00000000-0000-0000-0000-00000000beef"
    """Backups are restored into vaults of the same one only."""
    seed: str = ""
    """Version ids are derived from it: the same seed and calls give the same ids."""

    @property
    def recovery_level(self) -> str:
        """`Recoverable+Purgeable` and its siblings."""
        base = "Recoverable" if self.retention_days == 90 else "CustomizedRecoverable"
        return f"{base}+Purgeable" if self.purgeable else base
