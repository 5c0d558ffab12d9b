"""DER elements, as far as PFX files need them: written, and taken apart."""

from collections.abc import Iterable, Iterator
from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
OCTETS: Final = 0x04
BMP_TEXT: Final = 0x1E
EXPLICIT: Final = 0xA0
"""[0] around an element."""
IMPLICIT_OCTETS: Final = 0x80
"""[0] instead of the tag of an OCTET STRING."""
NULL: Final = bytes.fromhex("0500")

_INTEGER: Final = 0x02
_HEAD: Final = 2
"""Bytes of an element's tag and length, unless the length has the long form."""
_LONG_FORM: Final = 0x80


def element(tag: int, *contents: bytes) -> bytes:
    """One element around others, or around plain bytes."""
    content = b"".join(contents)
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG_FORM | len(length))) + length + content


def integer(number: int) -> bytes:
    """A whole number that is not negative."""
    return element(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def set_of(elements: Iterable[bytes]) -> bytes:
    """A SET OF in the one order that DER allows."""
    return element(SET, *sorted(elements))


def items(content: bytes) -> Iterator[bytes]:
    """The elements that stand one after the other. Raises ValueError for anything else."""
    at = 0
    while at < len(content):
        _, end = _bounds(content, at)
        yield content[at:end]
        at = end


def inside(found: bytes) -> bytes:
    """What an element holds."""
    start, end = _bounds(found, 0)
    return found[start:end]


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` starts and ends."""
    start = at + _HEAD
    size = data[start - 1] if start <= len(data) else len(data)
    if size > _LONG_FORM:
        start, size = start + size - _LONG_FORM, int.from_bytes(data[start : start + size - _LONG_FORM])
    elif size == _LONG_FORM:
        raise ValueError("an element of indefinite length")
    if start + size > len(data):
        raise ValueError("an element is cut off")
    return start, start + size
