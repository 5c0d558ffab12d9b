"""Keys: properties, and how they are made, imported and rotated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from vaultbind.keyvault.types.common import DeletedObject, ObjectKind, ObjectProperties
from vaultbind.keyvault.types.jwk import JsonWebKey


class KeyType(StrEnum):
    """Kinds of keys; the HSM ones never leave the hardware. A standard vault has no symmetric keys."""

    RSA = "RSA"
    RSA_HSM = "RSA-HSM"
    EC = "EC"
    EC_HSM = "EC-HSM"
    OCT = "oct"
    OCT_HSM = "oct-HSM"


class KeyCurve(StrEnum):
    """Curves of EC keys."""

    P_256 = "P-256"
    P_256K = "P-256K"
    P_384 = "P-384"
    P_521 = "P-521"


class KeyOperation(StrEnum):
    """What a key may be used for."""

    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    SIGN = "sign"
    VERIFY = "verify"
    WRAP_KEY = "wrapKey"
    UNWRAP_KEY = "unwrapKey"
    IMPORT = "import"
    EXPORT = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReleasePolicy:
    """Under which attestation an exportable key is released: `data` is the policy's JSON."""

    data: bytes
    content_type: str = "application/json; charset=utf-8"
    immutable: bool = False


class KeyExportEncryptionAlgorithm(StrEnum):
    """How a released key is sealed for the environment that asked for it."""

    CKM_RSA_AES_KEY_WRAP = "CKM_RSA_AES_KEY_WRAP"
    RSA_AES_KEY_WRAP_256 = "RSA_AES_KEY_WRAP_256"
    RSA_AES_KEY_WRAP_384 = "RSA_AES_KEY_WRAP_384"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseResult:
    """A released key: a JWS that the vault signed, with the key sealed in it; its repr does not show it."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAttestation:
    """What hardware says about a key, in its maker's own forms; a member that it does not have is None."""

    certificate_pem_file: bytes | None = None
    private_key_attestation: bytes | None = None
    public_key_attestation: bytes | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKeyOptions:
    """How a new key is to be; what is None the service decides (RSA: 2048 bits, EC: P-256).

    `size` is in bits: 2048, 3072, 4096 for RSA, 128, 192, 256 for symmetric keys. `exportable` needs a
    `release_policy`, and both an HSM key of a premium vault.
    """

    key_type: KeyType
    size: int | None = None
    curve: KeyCurve | None = None
    operations: tuple[KeyOperation, ...] | None = None
    public_exponent: int | None = None
    enabled: bool | None = None
    not_before: datetime | None = None
    expires_on: datetime | None = None
    tags: Mapping[str, str] | None = None
    exportable: bool | None = None
    release_policy: KeyReleasePolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyProperties(ObjectProperties):
    """Properties of a key; `key_type` is unknown in lists."""

    kind: ClassVar[ObjectKind] = ObjectKind.KEY

    managed: bool = False
    key_type: str | None = None
    exportable: bool | None = None
    release_policy: KeyReleasePolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One version of a key with its public part; private parts never leave the vault."""

    properties: KeyProperties
    key: JsonWebKey
    operations: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The key's name."""
        return self.properties.name

    @property
    def version(self) -> str:
        """The version that was read."""
        return self.properties.version

    @property
    def key_type(self) -> str:
        """`RSA`, `EC`, `oct` or one of their HSM forms."""
        return self.key.kty


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedKey(DeletedObject[KeyProperties]):
    """A deleted key; without its public part in lists."""

    key: JsonWebKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportKeyOptions:
    """How an imported key is to be; what is None the service decides.

    `hardware_protected` puts an RSA or EC key into the HSM of a premium vault.
    """

    hardware_protected: bool | None = None
    operations: tuple[KeyOperation, ...] | None = None
    enabled: bool | None = None
    not_before: datetime | None = None
    expires_on: datetime | None = None
    tags: Mapping[str, str] | None = None
    exportable: bool | None = None
    release_policy: KeyReleasePolicy | None = None


class KeyRotationAction(StrEnum):
    """What happens at a moment of a key's life."""

    ROTATE = "Rotate"
    NOTIFY = "Notify"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotationLifetimeAction:
    """A KeyRotationAction at one of two moments, ISO 8601 durations (`P90D`, `P2Y`): give exactly one."""

    action: str
    time_after_create: str | None = None
    time_before_expiry: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotationPolicy:
    """When the service makes new versions of a key and how long these live (`expires_in`, ISO 8601).

    The service adds a notification 30 days before expiry to a policy that has none.
    """

    lifetime_actions: tuple[KeyRotationLifetimeAction, ...] = ()
    expires_in: str | None = None
    id: str | None = None
    created_on: datetime | None = None
    updated_on: datetime | None = None
