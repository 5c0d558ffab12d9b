"""What a key store holds, and the bytes that make two stores of different content different.

A store's salts and initialisation vectors are usually random, and so is the file, although nothing has
changed. Here they are derived from what the store holds: the private key, which nobody can guess, and the
certificates, but never from the password: a quick hash of a password in the file would let it be guessed
without the thousand rounds that the store's own derivation takes (ADR 0033).
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStore:
    """A private key with its chain, or certificates that are trusted; its repr shows no key."""

    alias: str
    """Lower case letters, digits and `-`: Java looks entries up in lower case."""
    certificates: tuple[Certificate, ...]
    """Leaf first. Without a key each one is an entry of its own."""
    private_key: bytes | None = field(default=None, repr=False)
    """Unencrypted PKCS#8 as DER."""

    def trusted(self) -> tuple[tuple[str, Certificate], ...]:
        """Entries of a store without key: the alias, then with `-1`, `-2` and so on for further ones."""
        return tuple(
            (f"{self.alias}-{number}" if number else self.alias, certificate)
            for number, certificate in enumerate(self.certificates)
        )


def derive_salts(label: bytes, size: int, *contents: bytes) -> bytes:
    """`size` bytes for one use, the same for the same content; they tell nothing of a key among it."""
    return HKDF(algorithm=SHA256(), length=size, salt=None, info=label).derive(b"".join(contents))
