"""Pure: the text of the source annotation, one per binding on its Secret.

`<source digest>;keys=<16 hex of the key names>;revision=<n>`, and `;generation=<n>` of the spec where the
binding does not follow the vault (`refreshPolicy`). It tells, without a value, from what the
Secret was made, which keys belong to it and how often its content changed. Written with the content in one
request, so that it is true after any crash.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_PATTERN = re.compile(
    r"(?P<digest>[^;]+);keys=(?P<keys>[0-9a-f]{16});revision=(?P<revision>[0-9]{1,18})"
    r"(;generation=(?P<generation>[0-9]{1,18}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Content of the source annotation."""

    digest: str
    keys: str
    revision: int
    generation: int | None = None
    """Of the spec that the Secret was made for; None: the binding followed the vault."""

    def render(self) -> str:
        """Text for the annotation."""
        made_for = f";generation={self.generation}" if self.generation is not None else ""
        return f"{self.digest};keys={self.keys};revision={self.revision}{made_for}"


def parse_mark(text: str | None) -> Mark | None:
    """Read an annotation; None where there is none or a person has changed it beyond recognition."""
    match = _PATTERN.fullmatch(text or "")
    if match is None:
        return None
    return Mark(
        digest=match["digest"],
        keys=match["keys"],
        revision=int(match["revision"]),
        generation=int(match["generation"]) if match["generation"] else None,
    )


def digest_keys(keys: Iterable[str]) -> str:
    """16 hexadecimal digits over the names of keys."""
    return hashlib.sha256("\0".join(sorted(keys)).encode()).hexdigest()[:16]
