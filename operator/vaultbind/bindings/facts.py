"""What `observe` finds out, and what `plan` decides: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.refs import ObjectKey
from vaultbind.bindings.drift import Drift
from vaultbind.bindings.manifest import mark_annotation
from vaultbind.bindings.mark import Mark, parse_mark
from vaultbind.bindings.ownership import Ownership
from vaultbind.bindings.passwords import NOTHING, Found
from vaultbind.vaults.causes import Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the vault's objects make of the Secret; `data` never leaves the process but for the Secret."""

    data: Mapping[str, bytes] = field(repr=False)
    objects: tuple[Mapping[str, Any], ...]
    """Entries of status.objects."""
    digest: str
    told: frozenset[str] = frozenset()
    """Keys that messages may name; the names of others are a part of a value, or may once have been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """The Secret as the cluster has it; `data` only where it had to be read."""

    metadata: Mapping[str, Any]
    ownership: Ownership
    type: str | None = None
    immutable: bool = False
    data: Mapping[str, bytes] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is needed to decide about one binding at one moment."""

    key: ObjectKey
    uid: str
    spec: BindingSpec
    now: datetime
    status: Mapping[str, Any]
    request: str
    """Value of the requestedAt annotation."""
    generation: int | None = None
    """Of the spec, where the Secret's mark has to name it: the binding does not follow the vault."""
    existing: Existing | None = None
    in_sync: bool = False
    """The Secret was made from what the last look shows, and nobody touched it since."""
    kept: bool = False
    """What was written stands, whatever the vault holds now: `spec.refreshPolicy` says so."""
    drift: Drift = Drift()
    gone: tuple[str, ...] = ()
    """Objects that the vault does not have any more, where `spec.target.whenMissing` says what follows."""
    is_held: bool = False
    """What the status tells stands: the vault fails and has shown nothing since we started."""
    content: Content | None = None
    passwords: Found = NOTHING
    trouble: Trouble | None = None
    stale: bool = False
    """The vault has been failing for longer than `staleAfter`."""

    @property
    def mark(self) -> Mark | None:
        """The mark on the Secret as observed."""
        if self.existing is None:
            return None
        annotations = self.existing.metadata.get("annotations") or {}
        return parse_mark(annotations.get(mark_annotation(self.spec, self.uid)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Base of what `apply` can do; `note` is the Event that tells it."""

    note: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(Action):
    """POST the Secret."""

    body: Mapping[str, Any] = field(repr=False)
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch(Action):
    """Merge-patch the Secret, guarded by uid and resourceVersion."""

    body: Mapping[str, Any] = field(repr=False)
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recreate(Action):
    """Dry-run the new Secret, delete the old one, POST at once."""

    body: Mapping[str, Any] = field(repr=False)
    uid: str
    resource_version: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove(Action):
    """Delete the Secret, guarded by uid and resourceVersion."""

    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep(Action):
    """Nothing to write."""

    revision: int | None = None
    """Of the content that was compared; the status may not know it where an answer was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Action):
    """Nothing may be written."""

    reason: Reason
    message: str


Decision = Create | Patch | Recreate | Remove | Keep | Refuse
