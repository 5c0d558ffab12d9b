"""Pure: the JSON patch (RFC 6902) between a pod and what `mutate` made of it."""

from collections.abc import Mapping
from typing import Any, Final

from vaultbind.injection.containers import JsonObject

_CHANGED: Final = (
    ("metadata", "annotations"),
    ("spec", "initContainers"),
    ("spec", "containers"),
    ("spec", "volumes"),
)
"""All that `mutate` ever changes: each is sent as a whole, which costs a tenth of a comparison in depth."""


def render_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[JsonObject]:
    """Operations that make `after` of `before`; none where they are equal."""
    operations: list[JsonObject] = []
    for part, field in _CHANGED:
        old, new = (before.get(part) or {}).get(field), (after.get(part) or {}).get(field)
        if new is not None and old != new:
            operations.append({"op": "add", "path": f"/{part}/{field}", "value": new})
    return operations
