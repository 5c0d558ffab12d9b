"""How objects are deleted: preconditions, finalizers for propagation, the mark of deletion. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from vaultbind.sandbox.builtin_kinds import CRDS, NAMESPACES
from vaultbind.sandbox.documents import JsonObject, clone, find, metadata
from vaultbind.sandbox.errors import bad_request, conflict
from vaultbind.sandbox.kinds import ResourceKind

FOREGROUND_FINALIZER: Final = "foregroundDeletion"
ORPHAN_FINALIZER: Final = "orphan"


class Propagation(StrEnum):
    """What happens to the dependents of a deleted object."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """Preconditions and manner of a deletion."""

    uid: str | None = None
    resource_version: str | None = None
    propagation: Propagation = Propagation.BACKGROUND
    dry_run: bool = False


def parse_delete_options(body: Any, query: Mapping[str, str]) -> DeleteOptions:
    """Options from the body and the query of a DELETE; raises StatusError 400."""
    given = body if isinstance(body, dict) else {}
    asked = query.get("propagationPolicy") or given.get("propagationPolicy") or Propagation.BACKGROUND
    if given.get("orphanDependents"):
        asked = Propagation.ORPHAN
    if asked not in Propagation.__members__.values():
        raise bad_request(f"propagationPolicy: Unsupported value: {asked!r}")
    return DeleteOptions(
        uid=find(given, "preconditions", "uid"),
        resource_version=find(given, "preconditions", "resourceVersion"),
        propagation=Propagation(asked),
        dry_run=query.get("dryRun") == "All" or "All" in (given.get("dryRun") or ()),
    )


def is_container(kind: ResourceKind) -> bool:
    """Namespaces and definitions go only after what is in them."""
    return kind.stored_as in {NAMESPACES.stored_as, CRDS.stored_as}


def check_preconditions(kind: ResourceKind, live: JsonObject, options: DeleteOptions) -> None:
    """Raise StatusError 409 when the object is not the one that the caller means."""
    stored = metadata(live)
    if options.uid not in {None, stored["uid"]}:
        problem = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record "
            f"({stored['uid']}). The object might have been deleted and then recreated"
        )
        raise conflict(kind.group, kind.kind, stored["name"], problem)
    if options.resource_version not in {None, stored["resourceVersion"]}:
        problem = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
            f"ResourceVersion in record ({stored['resourceVersion']}). The object might have been modified"
        )
        raise conflict(kind.group, kind.kind, stored["name"], problem)


def finalizers_after_delete(live: JsonObject, propagation: Propagation) -> list[str]:
    """The finalizers that stand for the wanted propagation, in place of former ones."""
    special = {FOREGROUND_FINALIZER, ORPHAN_FINALIZER}
    kept = [name for name in metadata(live).get("finalizers") or () if name not in special]
    if propagation is Propagation.FOREGROUND:
        return [*kept, FOREGROUND_FINALIZER]
    return [*kept, ORPHAN_FINALIZER] if propagation is Propagation.ORPHAN else kept


def marked_for_deletion(live: JsonObject, finalizers: list[str], now: str) -> JsonObject:
    """The object as it looks while it waits for its finalizers; the first mark's time stays."""
    marked = clone(live)
    meta = marked["metadata"]
    if "deletionTimestamp" not in meta:
        meta["deletionTimestamp"] = now
        if live.get("kind") != NAMESPACES.kind:
            meta["deletionGracePeriodSeconds"] = 0
        if "generation" in meta:
            meta["generation"] += 1
    if finalizers:
        meta["finalizers"] = finalizers
    if live.get("kind") == NAMESPACES.kind:
        marked.setdefault("status", {})["phase"] = "Terminating"
    return marked
