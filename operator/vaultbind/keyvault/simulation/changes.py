"""What a caller may ask to change about a version; None means: leave it (or take the default)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vaultbind.keyvault.simulation.limits import check_window
from vaultbind.keyvault.simulation.records import Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Attributes, tags, content type, operations and release policy as a request names them."""

    enabled: bool | None = None
    not_before: int | None = None
    expires: int | None = None
    tags: Mapping[str, str] | None = None
    content_type: str | None = None
    operations: tuple[str, ...] | None = None
    exportable: bool | None = None
    release_policy: Mapping[str, Any] | None = None


NO_CHANGES = Changes()


def new_attributes(changes: Changes, now: int) -> Attributes:
    """Attributes of a version made now; raises VaultProblem (BadParameter) for an impossible window."""
    attributes = Attributes(
        enabled=changes.enabled is not False,
        not_before=changes.not_before,
        expires=changes.expires,
        created=now,
        updated=now,
    )
    check_window(attributes)
    return attributes


def changed_attributes(attributes: Attributes, changes: Changes, now: int) -> Attributes:
    """Attributes after a PATCH; raises VaultProblem (BadParameter) for an impossible window."""
    changed = replace(
        attributes,
        enabled=attributes.enabled if changes.enabled is None else changes.enabled,
        not_before=attributes.not_before if changes.not_before is None else changes.not_before,
        expires=attributes.expires if changes.expires is None else changes.expires,
        updated=now,
    )
    check_window(changed)
    return changed
