"""Writes Java's own key stores (JKS, version 2), the same bytes for the same content.

No library that is kept writes them. The form is weak, whoever has the file can try millions of passwords per
second: it is for programs that read nothing else.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha1
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from vaultbind.keyvault.certs.der import NULL, OCTETS, SEQUENCE, element
from vaultbind.keyvault.certs.store import KeyStore, derive_salts

_HEAD: Final = bytes.fromhex("feedfeed00000002")
_KEY_ENTRY: Final = 1
_TRUSTED_ENTRY: Final = 2
_WHITENER: Final = b"Mighty Aphrodite"
"""Stands between password and content in the check sum of every JKS."""
_PROTECTION: Final = element(SEQUENCE, bytes.fromhex("060a2b060104012a02110101"), NULL)
_SALT: Final = 20
_LABEL: Final = b"vaultbind JKS v1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def render_jks(store: KeyStore, password: str) -> bytes:
    """The store as JKS: the same bytes for the same content and password, which protects the key, too.

    The password is printable ASCII and not empty. An entry's date is the start of its certificate.
    """
    told = password.encode("utf-16-be")
    entries = list(_entries(store, told))
    content = _HEAD + _number(len(entries)) + b"".join(entries)
    return content + _digest(told, _WHITENER, content)


def _entries(store: KeyStore, password: bytes) -> Iterator[bytes]:
    if store.private_key is None:
        for alias, certificate in store.trusted():
            yield _start(_TRUSTED_ENTRY, alias, certificate) + _certificate(certificate)
        return
    chain = _number(len(store.certificates)) + b"".join(map(_certificate, store.certificates))
    yield (
        _start(_KEY_ENTRY, store.alias, store.certificates[0])
        + _sized(_protected(store.private_key, password))
        + chain
    )


def _start(kind: int, alias: str, certificate: Certificate) -> bytes:
    since = (certificate.not_valid_before_utc - _EPOCH).total_seconds()
    return _number(kind) + _text(alias) + int(since * 1000).to_bytes(8, signed=True)


def _certificate(certificate: Certificate) -> bytes:
    return _text("X.509") + _sized(certificate.public_bytes(Encoding.DER))


def _protected(key: bytes, password: bytes) -> bytes:
    """EncryptedPrivateKeyInfo of Sun's own kind: salt, the key under a stream of digests, a check of it.

    Two keys under one salt would undo each other, so the salt is derived from the key itself.
    """
    salt = derive_salts(_LABEL, _SALT, key)
    stream, last = b"", salt
    while len(stream) < len(key):
        last = _digest(password, last)
        stream += last
    hidden = bytes(one ^ other for one, other in zip(key, stream, strict=False))
    return element(SEQUENCE, _PROTECTION, element(OCTETS, salt, hidden, _digest(password, key)))


def _digest(*parts: bytes) -> bytes:
    return sha1(b"".join(parts)).digest()  # noqa: S324 - the form knows no other


def _text(text: str) -> bytes:
    encoded = text.encode("ascii")
    return len(encoded).to_bytes(2) + encoded


def _number(number: int) -> bytes:
    return number.to_bytes(4)


def _sized(content: bytes) -> bytes:
    return _number(len(content)) + content
