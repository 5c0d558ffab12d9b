"""A reader of JKS files for tests, written from the form's description: it shares nothing with the writer."""

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(kw_only=True)
class Jks:
    """Entries in the file's order; `dates` are milliseconds."""

    aliases: list[str] = field(default_factory=list)
    dates: list[int] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict)
    certificates: list[x509.Certificate] = field(default_factory=list)

    def key_of(self, alias: str) -> bytes:
        return self.keys[alias]


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> int:
        return int(struct.unpack(f">{form}", self.take(struct.calcsize(f">{form}")))[0])

    def text(self) -> str:
        return self.take(self.number("H")).decode()

    def sized(self) -> bytes:
        return self.take(self.number("i"))

    def certificate(self) -> x509.Certificate:
        assert self.text() == "X.509"
        return x509.load_der_x509_certificate(self.sized())


def read_jks(data: bytes, password: str) -> Jks:
    """Read a file, with its check sum and those of its keys; the wrong password is an AssertionError."""
    secret = b"".join(struct.pack(">H", ord(letter)) for letter in password)
    assert hashlib.sha1(secret + b"Mighty Aphrodite" + data[:-20]).digest() == data[-20:]
    source, found = Bytes(data[:-20]), Jks()
    assert (source.take(4), source.number("i")) == (b"\xfe\xed\xfe\xed", 2)
    for _ in range(source.number("i")):
        kind = source.number("i")
        alias = source.text()
        found.aliases.append(alias)
        found.dates.append(source.number("q"))
        if kind == 2:
            found.certificates.append(source.certificate())
            continue
        assert kind == 1
        found.keys[alias] = unprotect(source.sized(), secret)
        found.certificates += [source.certificate() for _ in range(source.number("i"))]
    assert source.at == len(source.data)
    return found


def unprotect(info: bytes, secret: bytes) -> bytes:
    """EncryptedPrivateKeyInfo: two lengths of any form, the kind of protection, then what it protects."""
    assert bytes.fromhex("060a2b060104012a021101010500") in info[:24]
    start = info.index(bytes.fromhex("2a021101010500")) + 7
    length = info[start + 1]
    start += 2 + (length - 0x80 if length > 0x80 else 0)
    salt, hidden, check = info[start : start + 20], info[start + 20 : -20], info[-20:]
    key, last = b"", salt
    for at in range(0, len(hidden), 20):
        last = hashlib.sha1(secret + last).digest()
        key += bytes(a ^ b for a, b in zip(hidden[at : at + 20], last, strict=False))
    assert hashlib.sha1(secret + key).digest() == check
    return key


def pkcs8(key: Any) -> bytes:
    der: bytes = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return der
