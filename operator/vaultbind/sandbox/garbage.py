"""What a controller manager does: dependents follow owners, content its namespace or definition.

`collect` is one pass without I/O; the server runs it soon after changes.
"""

from collections import defaultdict
from collections.abc import Iterator

from vaultbind.sandbox.builtin_kinds import CRDS, NAMESPACES
from vaultbind.sandbox.cluster import Cluster
from vaultbind.sandbox.deletion import FOREGROUND_FINALIZER, ORPHAN_FINALIZER, DeleteOptions
from vaultbind.sandbox.documents import JsonObject, clone, metadata
from vaultbind.sandbox.store import ObjectKey


def collect(cluster: Cluster) -> int:
    """Delete what has lost its owner, namespace or definition; gives the number of writes."""
    before = cluster.store.revision
    everything = dict(cluster.store.everything())
    living = {str(metadata(document)["uid"]): key for key, document in everything.items()}
    dependents: defaultdict[str, list[ObjectKey]] = defaultdict(list)
    for key, document in everything.items():
        for owner in metadata(document).get("ownerReferences") or ():
            dependents[owner["uid"]].append(key)
        _follow_owners(cluster, key, document, living)
    for key in everything:
        left = cluster.store.get(key)
        if left is not None and metadata(left).get("deletionTimestamp"):
            _finish_deletion(cluster, key, left, dependents)
    return cluster.store.revision - before


def _follow_owners(
    cluster: Cluster, key: ObjectKey, document: JsonObject, living: dict[str, ObjectKey]
) -> None:
    """Delete an object whose owners are all gone; drop dangling references where one is left."""
    owners = metadata(document).get("ownerReferences") or []
    left = [owner for owner in owners if _is_reachable(living.get(owner["uid"]), key)]
    if len(left) == len(owners):
        return
    if not left:
        _delete(cluster, key)
    else:
        _change_metadata(cluster, key, document, "ownerReferences", left)


def _is_reachable(owner: ObjectKey | None, dependent: ObjectKey) -> bool:
    """An owner counts when it exists cluster-wide or in the dependent's namespace."""
    return owner is not None and owner.namespace in ("", dependent.namespace)


def _finish_deletion(
    cluster: Cluster, key: ObjectKey, document: JsonObject, dependents: dict[str, list[ObjectKey]]
) -> None:
    if key.storage == NAMESPACES.stored_as:
        _finish_container(cluster, key, list(_content_of_namespace(cluster, key.name)))
    elif key.storage == CRDS.stored_as:
        _finish_container(cluster, key, list(_content_of_definition(cluster, document)))
    finalizers = metadata(document).get("finalizers") or ()
    if FOREGROUND_FINALIZER in finalizers:
        _finish_foreground(cluster, key, document, dependents[metadata(document)["uid"]])
    elif ORPHAN_FINALIZER in finalizers:
        _finish_orphaning(cluster, key, document, dependents[metadata(document)["uid"]])


def _finish_container(cluster: Cluster, key: ObjectKey, content: list[ObjectKey]) -> None:
    """Delete the content of a namespace or definition, and itself once that is empty."""
    for inner in content:
        _delete(cluster, inner)
    if not any(cluster.store.get(inner) for inner in content):
        cluster.remove(key)


def _content_of_namespace(cluster: Cluster, name: str) -> Iterator[ObjectKey]:
    return (key for key, _ in cluster.store.everything() if key.namespace == name)


def _content_of_definition(cluster: Cluster, crd: JsonObject) -> Iterator[ObjectKey]:
    storage = (crd["spec"]["group"], crd["spec"]["names"]["plural"])
    return (key for key, _ in cluster.store.everything() if key.storage == storage)


def _finish_foreground(
    cluster: Cluster, key: ObjectKey, document: JsonObject, dependents: list[ObjectKey]
) -> None:
    """Delete what depends on it, and itself once none is left that blocks it."""
    for dependent in dependents:
        _delete(cluster, dependent)
    uid = metadata(document)["uid"]
    if not any(_blocks(cluster.store.get(dependent), uid) for dependent in dependents):
        _drop_finalizer(cluster, key, document, FOREGROUND_FINALIZER)


def _blocks(dependent: JsonObject | None, uid: str) -> bool:
    """Whether it is still there and asks its owner to wait for it."""
    owners = metadata(dependent).get("ownerReferences") or () if dependent is not None else ()
    return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)


def _finish_orphaning(
    cluster: Cluster, key: ObjectKey, document: JsonObject, dependents: list[ObjectKey]
) -> None:
    for dependent in dependents:
        found = cluster.store.get(dependent)
        if found is not None:
            uid = metadata(document)["uid"]
            left = [owner for owner in metadata(found)["ownerReferences"] if owner["uid"] != uid]
            _change_metadata(cluster, dependent, found, "ownerReferences", left)
    _drop_finalizer(cluster, key, document, ORPHAN_FINALIZER)


def _drop_finalizer(cluster: Cluster, key: ObjectKey, document: JsonObject, name: str) -> None:
    left = [finalizer for finalizer in metadata(document)["finalizers"] if finalizer != name]
    if left:
        _change_metadata(cluster, key, document, "finalizers", left)
    else:
        cluster.remove(key)


def _change_metadata(
    cluster: Cluster, key: ObjectKey, document: JsonObject, member: str, left: list[str]
) -> None:
    changed = clone(document)
    if left:
        changed["metadata"][member] = left
    else:
        del changed["metadata"][member]
    cluster.store.put(key, changed)


def _delete(cluster: Cluster, key: ObjectKey) -> None:
    """Delete in the background unless that is under way."""
    document = cluster.store.get(key)
    if document is None or metadata(document).get("deletionTimestamp"):
        return
    kind = cluster.registry.by_storage(key.storage)
    cluster.delete(kind, key.namespace, key.name, DeleteOptions())
