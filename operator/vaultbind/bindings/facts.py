"""What `observe` finds out, and what `plan` decides: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.refs import ObjectKey
from vaultbind.bindings.drift import Drift
from vaultbind.bindings.ownership import Ownership
from vaultbind.vaults.causes import Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the vault's objects make of the Secret; `data` never leaves the process but for the Secret."""

    data: Mapping[str, bytes] = field(repr=False)
    objects: tuple[Mapping[str, Any], ...]
    """Entries of status.objects."""
    digest: str


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
    existing: Existing | None = None
    in_sync: bool = False
    """The Secret was made from what the last look shows, and nobody touched it since."""
    drift: Drift = Drift()
    content: Content | None = None
    trouble: Trouble | None = None
    stale: bool = False
    """The vault has been failing for longer than `staleAfter`."""


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
class Keep(Action):
    """Nothing to write."""

    revision: int | None = None
    """Of the content that was compared; the status may not know it where an answer was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Action):
    """Nothing may be written."""

    reason: Reason
    message: str


Decision = Create | Patch | Recreate | Keep | Refuse
