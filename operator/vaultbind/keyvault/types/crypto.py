"""Algorithms of key operations, and what the operations return.

Results name the versioned key that was used: keep `key_id` with a ciphertext or signature, for the key's
latest version may be another one when it is needed again.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class EncryptionAlgorithm(StrEnum):
    """How `encrypt` and `decrypt` work; RSA-OAEP and RSA1_5 are there for old data only."""

    RSA_OAEP_256 = "RSA-OAEP-256"
    RSA_OAEP = "RSA-OAEP"
    RSA1_5 = "RSA1_5"
    A128GCM = "A128GCM"
    A192GCM = "A192GCM"
    A256GCM = "A256GCM"
    A128CBC = "A128CBC"
    A192CBC = "A192CBC"
    A256CBC = "A256CBC"
    A128CBCPAD = "A128CBCPAD"
    A192CBCPAD = "A192CBCPAD"
    A256CBCPAD = "A256CBCPAD"


class KeyWrapAlgorithm(StrEnum):
    """How `wrap_key` and `unwrap_key` work; the CKM ones are those of a Managed HSM."""

    RSA_OAEP_256 = "RSA-OAEP-256"
    RSA_OAEP = "RSA-OAEP"
    RSA1_5 = "RSA1_5"
    A128KW = "A128KW"
    A192KW = "A192KW"
    A256KW = "A256KW"
    CKM_AES_KEY_WRAP = "CKM_AES_KEY_WRAP"
    CKM_AES_KEY_WRAP_PAD = "CKM_AES_KEY_WRAP_PAD"


class SignatureAlgorithm(StrEnum):
    """How `sign` and `verify` work; signatures of elliptic curves are r and s, one after the other."""

    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    ES256 = "ES256"
    ES256K = "ES256K"
    ES384 = "ES384"
    ES512 = "ES512"
    HS256 = "HS256"
    HS384 = "HS384"
    HS512 = "HS512"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptResult:
    """A ciphertext, and what AES needs beside the key to decrypt it: `iv`, with GCM also `tag` and `aad`."""

    key_id: str
    algorithm: EncryptionAlgorithm
    ciphertext: bytes
    iv: bytes | None = None
    tag: bytes | None = None
    aad: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptResult:
    """A plaintext; its repr does not show it."""

    key_id: str
    algorithm: EncryptionAlgorithm
    plaintext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignResult:
    """A signature."""

    key_id: str
    algorithm: SignatureAlgorithm
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """Whether a signature is right; as a condition it is what `is_valid` is.

    `key_id` has a version only when one was asked for: the service does not tell which one it used.
    """

    key_id: str
    algorithm: SignatureAlgorithm
    is_valid: bool

    def __bool__(self) -> bool:
        return self.is_valid


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapResult:
    """A key that only the vault can unwrap."""

    key_id: str
    algorithm: KeyWrapAlgorithm
    encrypted_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnwrapResult:
    """A key in clear; its repr does not show it."""

    key_id: str
    algorithm: KeyWrapAlgorithm
    key: bytes = field(repr=False)
