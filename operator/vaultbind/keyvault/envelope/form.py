"""Form of an envelope, byte by byte. Pure. All numbers are big-endian.

| offset | bytes | what |
|---|---|---|
| 0 | 4 | `VBEN` |
| 4 | 1 | version of the form: 1 |
| 5 | 1 | content encryption: 1, AES-256-GCM in segments |
| 6 | 1 | s: a segment holds 2^s bytes of plaintext, 12 to 24 (written: 16) |
| 7 | 7 | nonce prefix, random |
| 14 | 2 + n | key id: length, then ASCII `https://VAULT/keys/NAME/VERSION` |
| | 2 + n | wrap algorithm: length, then ASCII, as Key Vault names it |
| | 2 + n | wrapped content key: length, then what `wrapKey` returned for 32 random bytes |
| | | the header ends here; segments follow |
| | 2^s + 16 | segment: ciphertext and tag; the last one is shorter or as long, and may be of 0 + 16 |

Nonce of segment i (from 0): prefix, i in 4 bytes, then one byte: 1 for the last segment, 0 for the others.
Additional data of every segment: SHA-256 over the header's length in 8 bytes, the header, the caller's `aad`.
So nothing can be changed, cut off, repeated, reordered or appended without being noticed.
"""

import re
from dataclasses import dataclass
from typing import Final

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind

MAGIC: Final = b"VBEN"
VERSION: Final = 1
AES_256_GCM: Final = 1
SEGMENT_BITS: Final = 16
PREFIX_BYTES: Final = 7
MAX_HEADER: Final = 14 + 3 * (2 + 65_535)
_FIXED: Final = 14
_BITS: Final = range(12, 25)
_KEY_ID: Final = re.compile(r"(https://[^/?#\s]+)/keys/([0-9A-Za-z-]{1,127})/([0-9A-Za-z]{1,32})")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeHeader:
    """What an envelope says about itself; nobody vouches for it before the content is decrypted."""

    key_id: str
    algorithm: str
    """How the content key is wrapped."""
    wrapped_key: bytes
    prefix: bytes
    segment_bits: int = SEGMENT_BITS

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.key_id):
            raise _invalid("it does not name a version of a key")

    @property
    def vault_url(self) -> str:
        """The vault of the key."""
        return self.key_id.partition("/keys/")[0]

    @property
    def key_name(self) -> str:
        """Name of the key."""
        return self.key_id.split("/")[-2]

    @property
    def key_version(self) -> str:
        """Version of the key that wrapped."""
        return self.key_id.split("/")[-1]

    @property
    def segment_size(self) -> int:
        """Bytes of plaintext in a segment."""
        return 1 << self.segment_bits


def render_header(header: EnvelopeHeader) -> bytes:
    """Bytes of a header."""
    fields = (header.key_id.encode("ascii"), header.algorithm.encode("ascii"), header.wrapped_key)
    fixed = MAGIC + bytes((VERSION, AES_256_GCM, header.segment_bits)) + header.prefix
    return fixed + b"".join(len(field).to_bytes(2) + field for field in fields)


def parse_header(data: bytes) -> tuple[EnvelopeHeader, int]:
    """Read the header at the start of `data`; returns its length, too. Raises KeyVaultError (VALIDATION)."""
    if data[:4] != MAGIC:
        raise _invalid("it does not start as one")
    if data[4:5] != bytes((VERSION,)):
        raise _invalid(f"only version {VERSION} of the form is known here")
    if data[5:6] != bytes((AES_256_GCM,)) or len(data) < _FIXED or data[6] not in _BITS:
        raise _invalid("its encryption is not known here")
    key_id, offset = _take(data, _FIXED)
    algorithm, offset = _take(data, offset)
    wrapped_key, offset = _take(data, offset)
    if not (key_id.isascii() and algorithm.isascii()):
        raise _invalid("its header is not ASCII")
    header = EnvelopeHeader(
        key_id=key_id.decode("ascii"),
        algorithm=algorithm.decode("ascii"),
        wrapped_key=wrapped_key,
        prefix=data[7:_FIXED],
        segment_bits=data[6],
    )
    return header, offset


def _take(data: bytes, offset: int) -> tuple[bytes, int]:
    start = offset + 2
    end = start + int.from_bytes(data[offset:start])
    if start > len(data) or end > len(data):
        raise _invalid("its header is cut off")
    return data[start:end], end


def _invalid(detail: str) -> KeyVaultError:
    return KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=f"this is no envelope: {detail}")
