"""Keys: properties, public part, and its usual forms."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

_RFC_CURVE = {"P-256": "P-256", "P-384": "P-384", "P-521": "P-521", "P-256K": "secp256k1"}
_COORDINATE_BYTES = {"P-256": 32, "P-256K": 32, "P-384": 48, "P-521": 66}


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
class JsonWebKey:
    """The public members of a key as the vault returns them, decoded; `kid` is the versioned id."""

    kid: str
    kty: str
    crv: str | None = None
    n: bytes = b""
    e: bytes = b""
    x: bytes = b""
    y: bytes = b""

    @property
    def size(self) -> int | None:
        """Bits of an RSA modulus; None for other keys: a curve has its name, symmetric keys tell nothing."""
        return int.from_bytes(self.n).bit_length() if self._is_rsa() else None

    def to_json(self) -> str:
        """RFC 7517 JSON with the public members and `kid`; HSM types are told by their plain name.

        Raises KeyVaultError (VALIDATION) for a symmetric key.
        """
        if self._is_rsa():
            members = {
                "kty": "RSA",
                "n": _base64url(self.n.lstrip(b"\0")),
                "e": _base64url(self.e.lstrip(b"\0")),
            }
        else:
            size = self._coordinate_bytes()
            members = {
                "kty": "EC",
                "crv": _RFC_CURVE[self.crv or ""],
                "x": _base64url(self.x.rjust(size, b"\0")),
                "y": _base64url(self.y.rjust(size, b"\0")),
            }
        return json.dumps({**members, "kid": self.kid}, separators=(",", ":"))

    def to_pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM.

        Raises KeyVaultError: VALIDATION for a symmetric key, PROTOCOL when the members make no valid key.
        """
        from cryptography.hazmat.primitives import serialization

        key = self.to_public_key()
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def to_public_key(self) -> "rsa.RSAPublicKey | ec.EllipticCurvePublicKey":
        """Build the key for the `cryptography` package; raises as `to_pem` does."""
        try:
            return self._build_rsa() if self._is_rsa() else self._build_ec()
        except ValueError:
            detail = "the public members make no valid key"
        raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, detail=detail)

    def _build_rsa(self) -> "rsa.RSAPublicKey":
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa.RSAPublicNumbers(int.from_bytes(self.e), int.from_bytes(self.n)).public_key()

    def _build_ec(self) -> "ec.EllipticCurvePublicKey":
        from cryptography.hazmat.primitives.asymmetric import ec

        self._coordinate_bytes()
        curves: dict[str, ec.EllipticCurve] = {
            "P-256": ec.SECP256R1(),
            "P-256K": ec.SECP256K1(),
            "P-384": ec.SECP384R1(),
            "P-521": ec.SECP521R1(),
        }
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(self.x), int.from_bytes(self.y), curves[self.crv or ""]
        )
        return numbers.public_key()

    def _is_rsa(self) -> bool:
        return self.kty in {"RSA", "RSA-HSM"}

    def _coordinate_bytes(self) -> int:
        size = _COORDINATE_BYTES.get(self.crv or "") if self.kty in {"EC", "EC-HSM"} else None
        if size is None:
            raise KeyVaultError(
                KeyVaultErrorKind.VALIDATION, detail="only RSA and EC keys have a public part"
            )
        return size


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


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
