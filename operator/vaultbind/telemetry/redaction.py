"""Takes what looks like a secret out of a text.

Best effort and second in line: the first rule is that no value is ever put into a message. This catches what
foreign code logs: headers, tokens, keys, long encoded blobs. It rather takes too much than too little.
"""

import re
from collections.abc import Iterable
from typing import Final

REDACTED: Final = "[redacted]"

_PEM: Final = re.compile(
    r"-----BEGIN (?P<what>[A-Z0-9 ]*PRIVATE KEY)-----.*?(?:-----END (?P=what)-----|\Z)", re.DOTALL
)
_JWT: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}")
_HEADER: Final = re.compile(
    r"(?P<name>\b(?:proxy-)?authorization\b[\"']?\s*[:=,]\s*[\"']?)(?:(?:bearer|basic|pop)\s+)?[^\s\"',;}]+",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"(?P<name>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_PAIR: Final = re.compile(
    r"(?P<name>\b(?:client[_-]?secret|client[_-]?assertion|access[_-]?token|refresh[_-]?token|id[_-]?token"
    r"|password|passwd|pwd|api[_-]?key|account[_-]?key|sharedaccesskey|sig)\b[\"']?\s*[:=]\s*[\"']?)"
    r"[^\s\"',;&}]+",
    re.IGNORECASE,
)
_BLOB: Final = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_WORD: Final = re.compile(
    r"[A-Za-z]?[a-z]*(?:[-_][a-z0-9]+)*"  # ordinary names, as in paths
    r"|[0-9a-f]{32}"  # versions of vault objects
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # uids
)


class Redactor:
    """Replaces secret-looking parts of texts. `patterns` adds expressions whose whole match is taken out."""

    def __init__(self, patterns: Iterable[re.Pattern[str]] = ()) -> None:
        self._patterns = tuple(patterns)

    def redact(self, text: str) -> str:
        """The text without what looks like a secret."""
        text = _PEM.sub(REDACTED, text)
        text = _HEADER.sub(_keep_name, text)
        text = _SCHEME.sub(_keep_name, text)
        text = _PAIR.sub(_keep_name, text)
        text = _JWT.sub(REDACTED, text)
        for pattern in self._patterns:
            text = pattern.sub(REDACTED, text)
        return _BLOB.sub(_drop_encoded, text)


def _keep_name(found: re.Match[str]) -> str:
    return f"{found['name']}{REDACTED}"


def _drop_encoded(found: re.Match[str]) -> str:
    return REDACTED if _is_encoded(found[0]) else found[0]


def _is_encoded(run: str) -> bool:
    """Whether a long run looks like base64: mixed characters, and not a path of ordinary names."""
    mixed = any(c.isupper() for c in run) and any(c.islower() for c in run) and any(c.isdigit() for c in run)
    return mixed and not all(_WORD.fullmatch(part) for part in run.split("/"))
