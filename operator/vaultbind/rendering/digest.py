"""The source digest: from what a Secret was made, without a value or anything to guess one from.

`v1.<second of the look>.<SHA-256>`, the hash over the renderer's version, what the spec says about content,
and per object what a list shows. After a restart it is compared with the first look: equal and settled
means nothing to fetch and nothing to write.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from vaultbind.api.binding import (
    BindingSpec,
    CertificateSource,
    DataEntry,
    FromEntry,
    PublicKeySource,
    SecretSource,
    Source,
    Target,
    Template,
    TlsEntry,
)
from vaultbind.api.data_from import ExtractEntry, FindEntry, Rewrite
from vaultbind.api.refs import VaultObjectRef
from vaultbind.rendering.fingerprint import Fingerprint, is_settled

RENDERER_VERSION: Final = 1
"""Raised when the same spec and values render to other bytes than before: every Secret is made anew."""

_TEXT: Final = re.compile(r"v1\.(?P<second>[0-9]{1,12})\.(?P<hash>[0-9a-f]{64})", re.ASCII)
_SOURCES: Final = {SecretSource: "secret", CertificateSource: "certificate", PublicKeySource: "publicKey"}
_FROM: Final = {TlsEntry: "tls", ExtractEntry: "extract", FindEntry: "find"}
_FIELDS: Final[Mapping[type, tuple[Field[Any], ...]]] = {
    kind: fields(kind) for kind in (Target, Template, Rewrite, *_FROM, *_SOURCES)
}

Objects = Mapping[VaultObjectRef, Fingerprint | None]
"""What a look has shown; None: the vault has no such object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDigest:
    """A digest as read from an annotation; `looked_at` is cut to the second."""

    looked_at: datetime
    hash: str

    def __str__(self) -> str:
        return f"v1.{int(self.looked_at.replace(microsecond=0).timestamp())}.{self.hash}"


def digest_input(spec: BindingSpec) -> Mapping[str, Any]:
    """What a spec says about content. Defaults are left out, so a new field moves no digest.

    The vault stands in it by name: a caller that knows its URL adds that.
    """
    return {
        "vault": str(spec.vault),
        "target": _shown_fields(spec.target),
        "data": [_data_entry(entry) for entry in spec.data],
        "dataFrom": [{_FROM[type(entry)]: _shown_fields(entry)} for entry in spec.data_from],
    }


def source_digest(spec: Mapping[str, Any], objects: Objects, looked_at: datetime) -> str:
    """The annotation's text for what was seen at `looked_at`; `spec` holds JSON values only."""
    return str(SourceDigest(looked_at=looked_at, hash=_hash(spec, objects)))


def parse_digest(text: str | None) -> SourceDigest | None:
    """Read an annotation; None if it is absent or not a digest of this form."""
    match = _TEXT.fullmatch(text or "")
    if match is None:
        return None
    return SourceDigest(looked_at=datetime.fromtimestamp(int(match["second"]), UTC), hash=match["hash"])


def matches(written: SourceDigest | None, spec: Mapping[str, Any], objects: Objects) -> bool:
    """Whether a Secret with that digest was made from just this: nothing to fetch, nothing to write.

    False, too, if an object was so young at that look that a later change may hide (`is_settled`).
    """
    if written is None or written.hash != _hash(spec, objects):
        return False
    return all(seen is None or is_settled(seen, written.looked_at) for seen in objects.values())


def _hash(spec: Mapping[str, Any], objects: Objects) -> str:
    seen = {str(ref): _canonical(fingerprint) for ref, fingerprint in objects.items()}
    content = {"renderer": RENDERER_VERSION, "spec": spec, "objects": seen}
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _canonical(seen: Fingerprint | None) -> list[Any] | None:
    if seen is None:
        return None
    return [
        _second(seen.created),
        _second(seen.updated),
        seen.enabled,
        seen.content_type,
        seen.tags,
        seen.x5t.hex() if seen.x5t is not None else None,
    ]


def _second(time: datetime | None) -> int | None:
    return int(time.timestamp()) if time is not None else None


def _data_entry(entry: DataEntry) -> dict[str, Any]:
    source = {_SOURCES[type(entry.source)]: _shown_fields(entry.source)}
    return {"key": entry.key, "optional": entry.optional, **source}


def _shown_fields(value: Target | Template | Rewrite | FromEntry | Source) -> dict[str, Any]:
    """Fields that are not at their default, as JSON values."""
    pairs = ((field, getattr(value, field.name)) for field in _FIELDS[type(value)])
    return {field.name: _shown(found) for field, found in pairs if found not in (field.default, {})}


def _shown(found: Any) -> Any:
    if isinstance(found, Template | Rewrite):
        return _shown_fields(found)
    if isinstance(found, tuple):
        return [_shown(item) for item in found]
    return found.value if isinstance(found, Enum) else found
