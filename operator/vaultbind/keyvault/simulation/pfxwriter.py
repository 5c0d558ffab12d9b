"""A PFX whose certificates stand in a given order (RFC 7292), without password.

The library puts the leaf first, always; an upload whose order is to be kept may have it elsewhere.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from vaultbind.keyvault.certs.der import EXPLICIT, OCTETS, SEQUENCE, SET, element

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


def write_pfx(key: bytes | None, certificates: Sequence[bytes], leaf_at: int) -> bytes:
    """Put a PKCS#8 key (or none) and certificates, all DER, into a PFX in this order."""
    mark = _mark(certificates[leaf_at])
    bags = [
        _bag(CERTIFICATE_BAG, _certificate(der), mark if at == leaf_at else b"")
        for at, der in enumerate(certificates)
    ]
    safes = [_data(element(SEQUENCE, *bags))]
    if key is not None:
        safes.append(_data(element(SEQUENCE, _bag(KEY_BAG, key, mark))))
    content = element(SEQUENCE, *safes)
    return element(SEQUENCE, VERSION, _data(content), _mac(content, hashlib.sha256(content).digest()[:8]))


def _mark(leaf: bytes) -> bytes:
    """The attribute that ties key and certificate together."""
    key_id = hashlib.sha1(leaf, usedforsecurity=False).digest()
    return element(SET, element(SEQUENCE, LOCAL_KEY_ID, element(SET, element(OCTETS, key_id))))


def _bag(kind: bytes, content: bytes, attributes: bytes) -> bytes:
    return element(SEQUENCE, kind, element(EXPLICIT, content), attributes)


def _certificate(der: bytes) -> bytes:
    return element(SEQUENCE, X509, element(EXPLICIT, element(OCTETS, der)))


def _data(content: bytes) -> bytes:
    return element(SEQUENCE, DATA, element(EXPLICIT, element(OCTETS, content)))


def _mac(content: bytes, salt: bytes) -> bytes:
    """MacData for an empty password, which is a block of zeros when it is put together with the salt."""
    key = hashlib.sha256(FOR_MAC * BLOCK + salt * (BLOCK // len(salt)) + bytes(BLOCK)).digest()
    for _ in range(ROUNDS - 1):
        key = hashlib.sha256(key).digest()
    digest = element(SEQUENCE, SHA256, element(OCTETS, hmac.digest(key, content, "sha256")))
    return element(SEQUENCE, digest, element(OCTETS, salt), ITERATIONS)
