"""`secret.decode`: text -> bytes."""

import re
from base64 import b64decode, b64encode, urlsafe_b64decode
from typing import Final

from vaultbind.api.binding import Decode

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*", re.ASCII)
_QUANTUM: Final = 4
"""Characters of base64 that make three bytes."""


def decode_text(text: str, how: Decode) -> bytes | None:
    """The text's bytes; None if it is not what `how` says.

    White space is passed over in base64 and hexadecimal texts, padding may be absent in both kinds of
    base64. `Auto` takes the text as base64, else as base64url, if it is not empty, has no white space inside,
    is padded to a multiple of four and is exactly what encoding the result gives; else as it is. That is a
    guess: `password` is base64, too. It never fails on Unicode text.
    """
    if how is Decode.BASE64:
        return _decode_base64(_compact(text))
    if how is Decode.BASE64URL:
        return _decode_base64url(_compact(text))
    if how is Decode.HEX:
        return _decode_hex(_compact(text))
    if how is Decode.AUTO:
        guessed = _guess(text.strip())
        return guessed if guessed is not None else _encode(text)
    return _encode(text)


def _compact(text: str) -> str:
    return "".join(text.split())


def _encode(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate; the error would show the text
        return None


def _decode_base64(text: str) -> bytes | None:
    return b64decode(_padded(text)) if _is_base64(text, _BASE64) else None


def _decode_base64url(text: str) -> bytes | None:
    return urlsafe_b64decode(_padded(text)) if _is_base64(text, _BASE64URL) else None


def _decode_hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def _is_base64(text: str, alphabet: re.Pattern[str]) -> bool:
    """Right letters, and a length that some bytes have; padding, where there is any, fills a quantum."""
    if not alphabet.fullmatch(text):
        return False
    length = len(text.rstrip("="))
    return length % _QUANTUM != 1 and (length == len(text) or len(text) % _QUANTUM == 0)


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % _QUANTUM)


def _guess(text: str) -> bytes | None:
    if not text or len(text) % _QUANTUM:
        return None
    plain = text.replace("-", "+").replace("_", "/")
    if _BASE64.fullmatch(text) is None and _BASE64URL.fullmatch(text) is None:
        return None
    decoded = b64decode(plain)
    return decoded if b64encode(decoded).decode() == plain else None
