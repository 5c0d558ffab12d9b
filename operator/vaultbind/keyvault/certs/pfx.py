"""PFX files without a password -> their certificates and keys.

The library's reader proves an RSA key's primes each time: 40 ms for 2048 bits, 260 ms for 4096, with the
interpreter's lock held. The proof is not needed for a key that the vault made and that must fit its
certificate. So the bags with keys are taken out and read without it, and the library reads the rest. A file
that does not follow the usual form goes to the library as it is.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_private_key, pkcs12
from cryptography.x509 import Certificate, InvalidVersion

from vaultbind.keyvault.certs.der import EXPLICIT, OCTETS, SEQUENCE, element, inside, items

_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_KEY_BAG: Final = bytes.fromhex("060b2a864886f70d010c0a0101")
_SHROUDED_KEY_BAG: Final = bytes.fromhex("060b2a864886f70d010c0a0102")
_SHA256: Final = bytes.fromhex("300d06096086480165030402010500")

_NO_PASSWORD: Final = b"\0"
"""As good as an empty one, which the reader of keys does not take: both end in a key padded with zeros."""
_BLOCK: Final = 64
"""Bytes of a block of SHA-256, and of the parts that the PFX's way of deriving keys puts together."""
_FOR_MAC: Final = b"\x03"


@dataclass(frozen=True, slots=True, kw_only=True)
class PfxContent:
    """What a PFX holds."""

    certificates: tuple[Certificate, ...]
    private_keys: tuple[PrivateKeyTypes, ...] = field(repr=False)


def parse_pfx(der: bytes) -> PfxContent | None:
    """Read a PFX that has no password; None if it has one or is damaged."""
    return _parse_parted(der) or _parse_whole(der)


def _parse_whole(der: bytes) -> PfxContent | None:
    try:
        store = pkcs12.load_pkcs12(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidVersion):
        return None
    entries = (store.cert, *store.additional_certs) if store.cert else tuple(store.additional_certs)
    return PfxContent(
        certificates=tuple(entry.certificate for entry in entries),
        private_keys=(store.key,) if store.key else (),
    )


def _parse_parted(der: bytes) -> PfxContent | None:
    """Keys by themselves, all else by the library; None for any other form than the usual one."""
    try:
        rest, keys = _part(der)
        private_keys = tuple(keys)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidVersion):
        return None
    others = _parse_whole(rest)
    if others is None or others.private_keys:
        return None
    return PfxContent(certificates=others.certificates, private_keys=private_keys)


def _part(der: bytes) -> tuple[bytes, Iterator[PrivateKeyTypes]]:
    """The same PFX without keys, and the keys. The check sum is made anew: only the whole has the old one."""
    version, info, *_ = items(inside(der))
    kind, explicit = items(inside(info))
    safes, key_bags = [], []
    for safe in items(inside(inside(inside(explicit)))):
        safe_kind, content = items(inside(safe))
        if safe_kind != _DATA:
            safes.append(safe)
            continue
        bags = list(items(inside(inside(inside(content)))))
        others = [bag for bag in bags if not _holds_key(bag)]
        key_bags += [bag for bag in bags if _holds_key(bag)]
        safes.append(_safe(element(SEQUENCE, *others)))
    content = element(SEQUENCE, *safes)
    parted = element(SEQUENCE, version, element(SEQUENCE, kind, _wrapped(content)), _mac(content))
    return parted, (_load_key(bag) for bag in key_bags)


def _holds_key(bag: bytes) -> bool:
    return next(items(inside(bag)), b"") in {_KEY_BAG, _SHROUDED_KEY_BAG}


def _load_key(bag: bytes) -> PrivateKeyTypes:
    kind, explicit, *_ = items(inside(bag))
    password = _NO_PASSWORD if kind == _SHROUDED_KEY_BAG else None
    return load_der_private_key(inside(explicit), password, unsafe_skip_rsa_key_validation=True)


def _safe(content: bytes) -> bytes:
    return element(SEQUENCE, _DATA, _wrapped(content))


def _wrapped(content: bytes) -> bytes:
    return element(EXPLICIT, element(OCTETS, content))


def _mac(content: bytes) -> bytes:
    """MacData (RFC 7292, appendix B) for an empty password, an all-zero salt and one iteration.

    It tells the library which of the two kinds of empty passwords is meant.
    """
    salt = password = bytes(_BLOCK)
    key = sha256(_FOR_MAC * _BLOCK + salt + password).digest()
    digest = element(OCTETS, hmac.digest(key, content, "sha256"))
    return element(SEQUENCE, element(SEQUENCE, _SHA256, digest), element(OCTETS, salt))
