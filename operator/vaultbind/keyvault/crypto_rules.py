"""What a key operation's input must look like: pure checks before the wire.

Every check raises KeyVaultError (VALIDATION) that names the limit and never the value. `key` is the key's
public part where it is known: with it the limits are exact, without it they are those of the largest key, and
the service has the last word.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn, TypeVar

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.validation import KEY_SIZES

AES_BLOCK: Final = 16
GCM_IV: Final = 12
GCM_TAG: Final = 16
MAX_RANDOM_BYTES: Final = 128
RSA_SIZES: Final = KEY_SIZES["RSA"]
_RSA_OVERHEAD: Final = {"RSA-OAEP-256": 66, "RSA-OAEP": 42, "RSA1_5": 11}
"""Bytes of a block that the padding takes."""
_CURVES: Final = {"ES256": "P-256", "ES256K": "P-256K", "ES384": "P-384", "ES512": "P-521"}
_HASHES: Final = {"256": "sha256", "256K": "sha256", "384": "sha384", "512": "sha512"}
Algorithm = TypeVar("Algorithm", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherInput:
    """What encrypt or decrypt is given; `data` is the plaintext or the ciphertext."""

    data: bytes
    iv: bytes | None = None
    aad: bytes | None = None
    tag: bytes | None = None


def parse_algorithm(known: type[Algorithm], algorithm: str) -> Algorithm:
    """Return the member of `known` that `algorithm` names."""
    if algorithm not in list(known):
        _refuse(f"the algorithm is one of {', '.join(known)}")
    return known(algorithm)


def check_encryption(algorithm: EncryptionAlgorithm, given: CipherInput, key: JsonWebKey | None) -> None:
    """RSA: one block and nothing else. CBC: an iv of 16 bytes. GCM: no iv, for the service makes it."""
    _check_type(algorithm, key)
    if algorithm in _RSA_OVERHEAD:
        _refuse_extras(algorithm, given)
        _check_block(algorithm, given.data, key)
    elif algorithm.endswith("GCM"):
        if given.iv is not None:
            _refuse(f"{algorithm} takes no iv: the service makes one and returns it")
        _refuse_tag(algorithm, given)
    else:
        _check_cbc(algorithm, given)
        if not algorithm.endswith("PAD") and len(given.data) % AES_BLOCK:
            _refuse(
                f"{algorithm} encrypts whole blocks of {AES_BLOCK} bytes; {algorithm}PAD takes any length"
            )


def tell_room(algorithm: EncryptionAlgorithm, size: int) -> str:
    """What may be wrong where the service refuses to encrypt `size` bytes by a key that we do not know."""
    overhead = _RSA_OVERHEAD.get(algorithm)
    bits = min(RSA_SIZES)
    if overhead is None or size <= bits // 8 - overhead:
        return ""
    return f"a key of {bits} bits takes at most {bits // 8 - overhead} bytes: use envelope_encrypt for more"


def check_decryption(algorithm: EncryptionAlgorithm, given: CipherInput, key: JsonWebKey | None) -> None:
    """RSA: one block and nothing else. CBC: an iv of 16 bytes. GCM: an iv of 12 bytes, a tag of 16."""
    _check_type(algorithm, key)
    if algorithm in _RSA_OVERHEAD:
        _refuse_extras(algorithm, given)
        _check_ciphertext(algorithm, given.data, key)
    elif algorithm.endswith("GCM"):
        if given.iv is None or len(given.iv) != GCM_IV or given.tag is None or len(given.tag) != GCM_TAG:
            _refuse(f"{algorithm} needs the iv ({GCM_IV} bytes) and tag ({GCM_TAG} bytes) of the encryption")
    else:
        _check_cbc(algorithm, given)
        if not given.data or len(given.data) % AES_BLOCK:
            _refuse(f"a ciphertext of {algorithm} is one or more blocks of {AES_BLOCK} bytes")


def check_wrapping(algorithm: KeyWrapAlgorithm, key_bytes: bytes, key: JsonWebKey | None) -> None:
    """RSA: one block. AES: at least 16 bytes, in steps of 8; with padding at least one byte."""
    _check_type(algorithm, key)
    if algorithm in _RSA_OVERHEAD:
        _check_block(algorithm, key_bytes, key)
    elif algorithm is KeyWrapAlgorithm.CKM_AES_KEY_WRAP_PAD:
        if not key_bytes:
            _refuse(f"{algorithm} wraps at least one byte")
    elif len(key_bytes) < 16 or len(key_bytes) % 8:
        _refuse(f"{algorithm} wraps at least 16 bytes, in steps of 8")


def check_unwrapping(algorithm: KeyWrapAlgorithm, encrypted: bytes, key: JsonWebKey | None) -> None:
    """RSA: one block. AES: at least 24 bytes (16 with padding), in steps of 8."""
    _check_type(algorithm, key)
    if algorithm in _RSA_OVERHEAD:
        _check_ciphertext(algorithm, encrypted, key)
        return
    least = 16 if algorithm is KeyWrapAlgorithm.CKM_AES_KEY_WRAP_PAD else 24
    if len(encrypted) < least or len(encrypted) % 8:
        _refuse(f"a key wrapped by {algorithm} has at least {least} bytes, in steps of 8")


def check_digest(algorithm: SignatureAlgorithm, digest: bytes, key: JsonWebKey | None) -> None:
    """A digest has the length of the algorithm's hash; the key is of the algorithm's type and curve."""
    _check_type(algorithm, key)
    curve = _CURVES.get(algorithm)
    if key is not None and curve is not None and key.crv != curve:
        _refuse(f"{algorithm} needs a key on {curve}, not on {key.crv}")
    size = hashlib.new(_hash_of(algorithm)).digest_size
    if len(digest) != size:
        _refuse(f"{algorithm} signs a digest of {size} bytes")


def hash_message(algorithm: SignatureAlgorithm, message: bytes) -> bytes:
    """Digest of a message by the algorithm's hash."""
    return hashlib.new(_hash_of(algorithm), message).digest()


def check_random_count(count: int) -> None:
    """The service makes 1 to 128 random bytes at once."""
    if not 1 <= count <= MAX_RANDOM_BYTES:
        _refuse(f"random bytes come 1 to {MAX_RANDOM_BYTES} at once")


def _check_type(algorithm: StrEnum, key: JsonWebKey | None) -> None:
    if key is None:
        return
    if algorithm in _RSA_OVERHEAD or algorithm[:2] in {"PS", "RS"}:
        wanted = "RSA"
    else:
        wanted = "EC" if algorithm.startswith("ES") else "oct"
    if key.kty.removesuffix("-HSM") != wanted:
        _refuse(f"{algorithm} needs a key of type {wanted}, not {key.kty}")


def _check_block(algorithm: StrEnum, data: bytes, key: JsonWebKey | None) -> None:
    bits = (key.size if key is not None else None) or max(RSA_SIZES)
    room = (bits + 7) // 8 - _RSA_OVERHEAD[algorithm]
    if len(data) > room:
        known = key is not None and key.size
        limit = f"with {bits} bits takes at most {room} bytes"
        if not known:
            limit = f"takes at most {room} bytes even with the largest key ({bits} bits)"
        _refuse(f"{algorithm} {limit}: use envelope_encrypt for more")


def _check_ciphertext(algorithm: StrEnum, data: bytes, key: JsonWebKey | None) -> None:
    sizes = (key.size,) if key is not None and key.size else RSA_SIZES
    lengths = [(bits + 7) // 8 for bits in sizes]
    if len(data) not in lengths:
        _refuse(f"a ciphertext of {algorithm} has {' or '.join(map(str, lengths))} bytes, as its key has")


def _check_cbc(algorithm: StrEnum, given: CipherInput) -> None:
    if given.iv is None or len(given.iv) != AES_BLOCK:
        _refuse(f"{algorithm} needs an iv of {AES_BLOCK} bytes")
    if given.aad is not None:
        _refuse(f"{algorithm} takes no aad: only the GCM algorithms do")
    _refuse_tag(algorithm, given)


def _refuse_tag(algorithm: StrEnum, given: CipherInput) -> None:
    if given.tag is not None:
        _refuse(f"{algorithm} takes no tag here")


def _refuse_extras(algorithm: StrEnum, given: CipherInput) -> None:
    if given.iv is not None or given.aad is not None or given.tag is not None:
        _refuse(f"{algorithm} takes neither iv nor aad nor tag")


def _hash_of(algorithm: SignatureAlgorithm) -> str:
    return _HASHES[algorithm[2:]]


def _refuse(detail: str) -> NoReturn:
    raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)
