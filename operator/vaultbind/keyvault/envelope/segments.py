"""Content of an envelope, segment by segment: pure but for the stream that it reads."""

import hashlib
from collections.abc import Iterator
from typing import Final, Protocol, runtime_checkable

from vaultbind.keyvault.envelope.form import EnvelopeHeader, render_header
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind

KEY_BYTES: Final = 32
TAG_BYTES: Final = 16
MAX_SEGMENTS: Final = 1 << 32


@runtime_checkable
class Readable(Protocol):
    """What an open binary file can do."""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end."""
        ...


def encrypt_segments(header: EnvelopeHeader, key: bytes, source: Readable, aad: bytes) -> Iterator[bytes]:
    """Encrypt what `source` holds; raises KeyVaultError (VALIDATION) for more than 2^32 segments."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher, bound = AESGCM(key), bind(header, aad)
    for number, (plaintext, is_last) in enumerate(_pieces(source, header.segment_size)):
        yield cipher.encrypt(nonce_of(header, number, is_last=is_last), plaintext, bound)


def decrypt_segments(header: EnvelopeHeader, key: bytes, source: Readable, aad: bytes) -> Iterator[bytes]:
    """Decrypt the segments in `source`; raises KeyVaultError (VALIDATION) at the first that is not right."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher, bound = AESGCM(key), bind(header, aad)
    for number, (sealed, is_last) in enumerate(_pieces(source, header.segment_size + TAG_BYTES)):
        try:
            plaintext = cipher.decrypt(nonce_of(header, number, is_last=is_last), sealed, bound)
        except (InvalidTag, ValueError):
            plaintext = None
        if plaintext is None:
            raise broken()
        yield plaintext


def bind(header: EnvelopeHeader, aad: bytes) -> bytes:
    """Additional data of every segment."""
    head = render_header(header)
    return hashlib.sha256(len(head).to_bytes(8) + head + aad).digest()


def nonce_of(header: EnvelopeHeader, number: int, *, is_last: bool) -> bytes:
    """Nonce of a segment; raises KeyVaultError (VALIDATION) where the numbers end."""
    if number >= MAX_SEGMENTS:
        raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail="an envelope has at most 2^32 segments")
    return header.prefix + number.to_bytes(4) + bytes((is_last,))


def broken() -> KeyVaultError:
    """Error of a content that does not decrypt."""
    detail = "the envelope was changed or cut off, or belongs to other additional data"
    return KeyVaultError(KeyVaultErrorKind.VALIDATION, code="EnvelopeBroken", detail=detail)


def _pieces(source: Readable, size: int) -> Iterator[tuple[bytes, bool]]:
    """Cut a stream into pieces of `size`; there is always a last one, even if it is empty."""
    piece = read_fully(source, size)
    while True:
        following = read_fully(source, size) if len(piece) == size else b""
        yield piece, not following
        if not following:
            return
        piece = following


def read_fully(source: Readable, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: a pipe or socket gives less than it is asked for."""
    parts = []
    left = size
    while left and (part := source.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
