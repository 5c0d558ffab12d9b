"""Parsed spec of a CryptoJob."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from vaultbind.api.binding import Decode
from vaultbind.api.refs import ObjectKey


class CryptoOperation(StrEnum):
    """`spec.operation`."""

    ENCRYPT = "Encrypt"
    DECRYPT = "Decrypt"
    SIGN = "Sign"
    VERIFY = "Verify"
    WRAP_KEY = "WrapKey"
    UNWRAP_KEY = "UnwrapKey"
    ROTATE_KEY = "RotateKey"


class MessageType(StrEnum):
    """`spec.messageType`: whether the input is hashed first."""

    MESSAGE = "Message"
    DIGEST = "Digest"


class SignatureForm(StrEnum):
    """`output.format` and `signature.format`."""

    RAW = "Raw"
    DER = "DER"
    JWS = "JWS"
    JWS_DETACHED = "JWSDetached"

    @property
    def is_jws(self) -> bool:
        """Whether it is text with a header of its own."""
        return self in {SignatureForm.JWS, SignatureForm.JWS_DETACHED}


class HolderKind(StrEnum):
    """What holds inputs and outputs; a job's own status is none of the two."""

    SECRET = "Secret"  # noqa: S105 - the name of a kind
    CONFIG_MAP = "ConfigMap"


class OutputOwner(StrEnum):
    """`output.*.owner`: whether the output goes with the job."""

    JOB = "Job"
    NONE = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """Bytes that stand in the job."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineText:
    """Text that stands in the job."""

    text: str = field(repr=False)
    decode: Decode = Decode.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRef:
    """One key of a Secret or ConfigMap of the job's namespace."""

    kind: HolderKind
    name: str
    key: str
    decode: Decode = Decode.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRef:
    """A whole Secret or ConfigMap of the job's namespace."""

    kind: HolderKind
    name: str


Source = Inline | InlineText | KeyRef | WholeRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where the result goes; without `kind` into the status."""

    kind: HolderKind | None = None
    name: str = ""
    key: str = "result"
    owner: OutputOwner = OutputOwner.JOB


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoJobSpec:
    """What a CryptoJob asks for, defaults filled in; `algorithm` is empty where the key's type decides."""

    vault: ObjectKey
    """Key of the KeyVault (job's namespace) or ClusterKeyVault (no namespace)."""
    key: str
    operation: CryptoOperation
    key_version: str = ""
    algorithm: str = ""
    input: Source | None = None
    """None for RotateKey only."""
    message_type: MessageType = MessageType.MESSAGE
    signature: Source | None = None
    form: SignatureForm = SignatureForm.RAW
    """Of the signature that Sign gives or Verify takes."""
    iv: Source | None = None
    aad: Source | None = None
    tag: Source | None = None
    envelope: bool = False
    output: Output = Output()
    min_age: timedelta = timedelta(hours=24)
    fail_on_invalid: bool = False
    suspend: bool = False
    active_deadline: timedelta | None = None
    ttl: timedelta | None = None
    backoff_limit: int = 6


_RSA: Final = frozenset({"RSA-OAEP-256", "RSA-OAEP", "RSA1_5"})
_SIZES: Final = (128, 192, 256)
_AES: Final = frozenset(f"A{size}{mode}" for size in _SIZES for mode in ("GCM", "CBC", "CBCPAD"))
_WRAPS: Final = frozenset({*(f"A{size}KW" for size in _SIZES), "CKM_AES_KEY_WRAP", "CKM_AES_KEY_WRAP_PAD"})
_HASHES: Final = (256, 384, 512)
_SIGNATURES: Final = frozenset(
    {
        *(f"{family}{size}" for family in ("PS", "RS", "HS") for size in _HASHES),
        *("ES256", "ES256K", "ES384", "ES512"),
    }
)
ENVELOPE_ALGORITHMS: Final = _RSA | _WRAPS
"""How the key of an envelope may be wrapped."""
ALGORITHMS: Final[Mapping[CryptoOperation, frozenset[str]]] = {
    CryptoOperation.ENCRYPT: _RSA | _AES,
    CryptoOperation.DECRYPT: _RSA | _AES,
    CryptoOperation.SIGN: _SIGNATURES,
    CryptoOperation.VERIFY: _SIGNATURES,
    CryptoOperation.WRAP_KEY: ENVELOPE_ALGORITHMS,
    CryptoOperation.UNWRAP_KEY: ENVELOPE_ALGORITHMS,
    CryptoOperation.ROTATE_KEY: frozenset(),
}
"""What each operation takes, in the service's words; an envelope takes ENVELOPE_ALGORITHMS instead."""
RESULT_KEY: Final = "result"
"""Key of the result in an output that can be named whole."""
RESERVED_KEYS: Final = frozenset({"keyId", "algorithm", "iv", "tag", "aad", "content"})
"""Keys of an output beside the result."""
