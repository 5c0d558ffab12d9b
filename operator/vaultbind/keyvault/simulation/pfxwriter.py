"""A PFX whose certificates stand in a given order (RFC 7292), without password.

The library puts the leaf first, always; an upload whose order is to be kept may have it elsewhere.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
OCTETS: Final = 0x04
EXPLICIT: Final = 0xA0
DATA: Final = bytes.fromhex("06092a864886f70d010701")
KEY_BAG: Final = bytes.fromhex("060b2a864886f70d010c0a0101")
CERTIFICATE_BAG: Final = bytes.fromhex("060b2a864886f70d010c0a0103")
X509: Final = bytes.fromhex("060a2a864886f70d01091601")
LOCAL_KEY_ID: Final = bytes.fromhex("06092a864886f70d010915")
SHA256: Final = bytes.fromhex("300d06096086480165030402010500")
VERSION: Final = bytes.fromhex("020103")
ITERATIONS: Final = bytes.fromhex("02020800")
ROUNDS: Final = 2048
BLOCK: Final = 64
"""Bytes of a block of SHA-256."""
FOR_MAC: Final = b"\x03"
SHORT: Final = 0x80
"""From this length on, an element's length has the long form."""


def write_pfx(key: bytes | None, certificates: Sequence[bytes], leaf_at: int) -> bytes:
    """Put a PKCS#8 key (or none) and certificates, all DER, into a PFX in this order."""
    mark = _mark(certificates[leaf_at])
    bags = [
        _bag(CERTIFICATE_BAG, _certificate(der), mark if at == leaf_at else b"")
        for at, der in enumerate(certificates)
    ]
    safes = [_data(_element(SEQUENCE, *bags))]
    if key is not None:
        safes.append(_data(_element(SEQUENCE, _bag(KEY_BAG, key, mark))))
    content = _element(SEQUENCE, *safes)
    return _element(SEQUENCE, VERSION, _data(content), _mac(content, hashlib.sha256(content).digest()[:8]))


def _mark(leaf: bytes) -> bytes:
    """The attribute that ties key and certificate together."""
    key_id = hashlib.sha1(leaf, usedforsecurity=False).digest()
    return _element(SET, _element(SEQUENCE, LOCAL_KEY_ID, _element(SET, _element(OCTETS, key_id))))


def _bag(kind: bytes, content: bytes, attributes: bytes) -> bytes:
    return _element(SEQUENCE, kind, _element(EXPLICIT, content), attributes)


def _certificate(der: bytes) -> bytes:
    return _element(SEQUENCE, X509, _element(EXPLICIT, _element(OCTETS, der)))


def _data(content: bytes) -> bytes:
    return _element(SEQUENCE, DATA, _element(EXPLICIT, _element(OCTETS, content)))


def _mac(content: bytes, salt: bytes) -> bytes:
    """MacData for an empty password, which is a block of zeros when it is put together with the salt."""
    key = hashlib.sha256(FOR_MAC * BLOCK + salt * (BLOCK // len(salt)) + bytes(BLOCK)).digest()
    for _ in range(ROUNDS - 1):
        key = hashlib.sha256(key).digest()
    digest = _element(SEQUENCE, SHA256, _element(OCTETS, hmac.digest(key, content, "sha256")))
    return _element(SEQUENCE, digest, _element(OCTETS, salt), ITERATIONS)


def _element(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    if size < SHORT:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, SHORT | len(length))) + length + content
