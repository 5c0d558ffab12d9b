"""What a crypto operation is given and what it gives back, as bytes."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoInput:
    """Algorithm and bytes of a request; `value` is plaintext, ciphertext, key or digest."""

    algorithm: str
    value: bytes = field(repr=False)
    iv: bytes | None = field(default=None, repr=False)
    aad: bytes | None = field(default=None, repr=False)
    tag: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoOutput:
    """Bytes of an answer."""

    value: bytes = field(repr=False)
    iv: bytes | None = field(default=None, repr=False)
    aad: bytes | None = field(default=None, repr=False)
    tag: bytes | None = field(default=None, repr=False)
