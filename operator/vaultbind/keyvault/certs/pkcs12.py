"""Writes PKCS#12 (RFC 7292) as Java 17 and OpenSSL 3 do, but the same bytes for the same content.

PBES2 with PBKDF2-HMAC-SHA-256 and AES-256 for the key and for the certificates, HMAC-SHA-256 over all. The
library's own writer makes random salts and takes none.
"""

import hmac
from collections.abc import Iterable, Sequence
from hashlib import pbkdf2_hmac, sha256
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from vaultbind.keyvault.certs.der import (
    BMP_TEXT,
    EXPLICIT,
    IMPLICIT_OCTETS,
    NULL,
    OCTETS,
    SEQUENCE,
    element,
    integer,
    set_of,
)
from vaultbind.keyvault.certs.store import KeyStore, derive_salts

ROUNDS: Final = 10_000
"""Of both derivations, as in Java 17."""
_SALT: Final = 16
_BLOCK: Final = 16
_KEY: Final = 32
_MAC_BLOCK: Final = 64
"""Bytes of a block of SHA-256, in which RFC 7292, appendix B counts."""
_FOR_MAC: Final = b"\x03"
_LABEL: Final = b"vaultbind PKCS#12 v1"

_VERSION: Final = integer(3)
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_ENCRYPTED_DATA: Final = bytes.fromhex("06092a864886f70d010706")
_SHROUDED_KEY_BAG: Final = bytes.fromhex("060b2a864886f70d010c0a0102")
_CERTIFICATE_BAG: Final = bytes.fromhex("060b2a864886f70d010c0a0103")
_X509: Final = bytes.fromhex("060a2a864886f70d01091601")
_FRIENDLY_NAME: Final = bytes.fromhex("06092a864886f70d010914")
_LOCAL_KEY_ID: Final = bytes.fromhex("06092a864886f70d010915")
_TRUSTED_KEY_USAGE: Final = bytes.fromhex("060c6086480186f966adca7b0101")
"""Java's own attribute: it sees only certificates with it as trusted ones."""
_ANY_USAGE: Final = bytes.fromhex("0604551d2500")
_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256: Final = bytes.fromhex("06082a864886f70d0209")
_AES256_CBC: Final = bytes.fromhex("060960864801650304012a")
_SHA256: Final = bytes.fromhex("0609608648016503040201")


def render_pkcs12(store: KeyStore, password: str) -> bytes:
    """The store as PKCS#12: the same bytes for the same content and password.

    The password is printable ASCII, on whose bytes all readers agree; an empty one is no protection.
    """
    certificates = element(SEQUENCE, *_certificate_bags(store))
    key = store.private_key or b""
    salts = derive_salts(_LABEL, 2 * _SALT + 2 * _BLOCK, key, certificates)
    salt, mac_salt, key_iv, iv = (salts[at : at + _BLOCK] for at in range(0, len(salts), _BLOCK))
    secret = pbkdf2_hmac("sha256", password.encode("ascii"), salt, ROUNDS, _KEY)
    safes = [_encrypted_data(_algorithm(salt, iv), _encrypt(certificates, secret, iv))]
    if store.private_key is not None:
        shrouded = element(SEQUENCE, _algorithm(salt, key_iv), element(OCTETS, _encrypt(key, secret, key_iv)))
        safes.append(_data(element(SEQUENCE, _bag(_SHROUDED_KEY_BAG, shrouded, _key_attributes(store)))))
    content = element(SEQUENCE, *safes)
    return element(SEQUENCE, _VERSION, _data(content), _mac(content, password, mac_salt))


def _certificate_bags(store: KeyStore) -> list[bytes]:
    if store.private_key is None:
        usage = _attribute(_TRUSTED_KEY_USAGE, _ANY_USAGE)
        return [
            _certificate_bag(certificate, [_friendly_name(alias), usage])
            for alias, certificate in store.trusted()
        ]
    leaf, *others = store.certificates
    return [
        _certificate_bag(leaf, _key_attributes(store)),
        *(_certificate_bag(other, []) for other in others),
    ]


def _certificate_bag(certificate: Certificate, attributes: Sequence[bytes]) -> bytes:
    der = certificate.public_bytes(Encoding.DER)
    content = element(SEQUENCE, _X509, element(EXPLICIT, element(OCTETS, der)))
    return _bag(_CERTIFICATE_BAG, content, attributes)


def _bag(kind: bytes, content: bytes, attributes: Iterable[bytes]) -> bytes:
    """A bag; a set of attributes that would be empty is left out."""
    told = list(attributes)
    return element(SEQUENCE, kind, element(EXPLICIT, content), set_of(told) if told else b"")


def _key_attributes(store: KeyStore) -> list[bytes]:
    """What ties the key to its certificate, and the name under which Java finds both."""
    key_id = sha256(store.certificates[0].public_bytes(Encoding.DER)).digest()
    return [_friendly_name(store.alias), _attribute(_LOCAL_KEY_ID, element(OCTETS, key_id))]


def _friendly_name(alias: str) -> bytes:
    return _attribute(_FRIENDLY_NAME, element(BMP_TEXT, alias.encode("utf-16-be")))


def _attribute(kind: bytes, value: bytes) -> bytes:
    return element(SEQUENCE, kind, set_of([value]))


def _data(content: bytes) -> bytes:
    return element(SEQUENCE, _DATA, element(EXPLICIT, element(OCTETS, content)))


def _encrypted_data(algorithm: bytes, encrypted: bytes) -> bytes:
    content = element(SEQUENCE, _DATA, algorithm, element(IMPLICIT_OCTETS, encrypted))
    return element(SEQUENCE, _ENCRYPTED_DATA, element(EXPLICIT, element(SEQUENCE, integer(0), content)))


def _algorithm(salt: bytes, iv: bytes) -> bytes:
    """PBES2 (RFC 8018): how the password becomes a key, and what the key does."""
    prf = element(SEQUENCE, _HMAC_SHA256, NULL)
    parameters = element(SEQUENCE, element(OCTETS, salt), integer(ROUNDS), integer(_KEY), prf)
    derivation = element(SEQUENCE, _PBKDF2, parameters)
    cipher = element(SEQUENCE, _AES256_CBC, element(OCTETS, iv))
    return element(SEQUENCE, _PBES2, element(SEQUENCE, derivation, cipher))


def _encrypt(content: bytes, secret: bytes, iv: bytes) -> bytes:
    padder = PKCS7(_BLOCK * 8).padder()
    padded = padder.update(content) + padder.finalize()
    encryptor = Cipher(AES256(secret), CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def _mac(content: bytes, password: str, salt: bytes) -> bytes:
    """MacData, its key derived as RFC 7292, appendix B says: one block of SHA-256 is as long as the key."""
    told = f"{password}\0".encode("utf-16-be")
    key = _FOR_MAC * _MAC_BLOCK + _filled(salt) + _filled(told)
    for _ in range(ROUNDS):
        key = sha256(key).digest()
    digest = element(
        SEQUENCE,
        element(SEQUENCE, _SHA256, NULL),
        element(OCTETS, hmac.digest(key, content, "sha256")),
    )
    return element(SEQUENCE, digest, element(OCTETS, salt), integer(ROUNDS))


def _filled(part: bytes) -> bytes:
    """The part over and over, until it fills whole blocks."""
    size = -(-len(part) // _MAC_BLOCK) * _MAC_BLOCK
    return (part * (size // len(part) + 1))[:size]
