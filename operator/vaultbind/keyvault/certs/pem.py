"""PEM text into its blocks: parts in any order, with whatever stands between them."""

import binascii
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from vaultbind.keyvault.certs.errors import CertificateParseError, CertificateParseErrorKind

_BEGIN: Final = "-----BEGIN "
_DASHES: Final = "-----"
_LEGACY_ENCRYPTION: Final = "Proc-Type:"


@dataclass(frozen=True, slots=True, kw_only=True)
class PemBlock:
    """One block: the words after BEGIN and the DER below it."""

    label: str
    der: bytes = field(repr=False)


def is_pem(text: str) -> bool:
    """Whether the text holds the beginning of a PEM block."""
    return _BEGIN in text


def parse_pem(text: str) -> Iterator[PemBlock]:
    """Yield the blocks in the text's order; line lengths and line ends do not matter.

    Raises :class:`CertificateParseError`: NOT_A_CERTIFICATE for a block that is cut off or no base64,
    PASSWORD_PROTECTED for one in the old form of encryption.
    """
    at = text.find(_BEGIN)
    while at >= 0:
        label, rest_at = _label(text, at + len(_BEGIN))
        end = f"-----END {label}-----"
        end_at = text.find(end, rest_at)
        if end_at < 0:
            raise CertificateParseError(CertificateParseErrorKind.NOT_A_CERTIFICATE)
        yield PemBlock(label=label, der=_der(text[rest_at:end_at]))
        at = text.find(_BEGIN, end_at + len(end))


def decode_base64(text: str) -> bytes | None:
    """Bytes of standard base64 with white space anywhere, None if it is none."""
    try:
        return b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _label(text: str, start: int) -> tuple[str, int]:
    """The label and where the block's body starts; an unclosed BEGIN line yields a label that never ends."""
    stop = text.find(_DASHES, start)
    return (text[start:stop], stop + len(_DASHES)) if stop >= 0 else ("", len(text))


def _der(body: str) -> bytes:
    if _LEGACY_ENCRYPTION in body:
        raise CertificateParseError(CertificateParseErrorKind.PASSWORD_PROTECTED)
    der = decode_base64(body)
    if not der:
        raise CertificateParseError(CertificateParseErrorKind.NOT_A_CERTIFICATE)
    return der
