"""Pure accessors of Kubernetes objects as plain dictionaries; an absent part reads as empty."""

from collections.abc import Mapping
from typing import Any, Final

from vaultbind.api.refs import ObjectKey

KubeObject = Mapping[str, Any]
"""An object as the API server's JSON has it."""

_EMPTY: Final[Mapping[str, Any]] = {}


def metadata_of(obj: KubeObject) -> Mapping[str, Any]:
    """`metadata`, or an empty mapping."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else _EMPTY


def key_of(obj: KubeObject, kind: str = "") -> ObjectKey:
    """Key of an object. Name the kind for metadata-only objects: theirs is PartialObjectMetadata."""
    meta = metadata_of(obj)
    return ObjectKey(
        kind=kind or str(obj.get("kind", "")),
        namespace=str(meta.get("namespace", "")),
        name=str(meta.get("name", "")),
    )


def uid_of(obj: KubeObject) -> str:
    """`metadata.uid`."""
    return str(metadata_of(obj).get("uid", ""))


def resource_version_of(obj: KubeObject) -> str:
    """`metadata.resourceVersion`; opaque, compare for equality only."""
    return str(metadata_of(obj).get("resourceVersion", ""))


def generation_of(obj: KubeObject) -> int:
    """`metadata.generation`, 0 where the resource has none."""
    found = metadata_of(obj).get("generation", 0)
    return found if isinstance(found, int) else 0


def labels_of(obj: KubeObject) -> Mapping[str, str]:
    """`metadata.labels`."""
    return metadata_of(obj).get("labels") or _EMPTY


def annotations_of(obj: KubeObject) -> Mapping[str, str]:
    """`metadata.annotations`."""
    return metadata_of(obj).get("annotations") or _EMPTY


def is_deleting(obj: KubeObject) -> bool:
    """Whether the object waits for finalizers."""
    return bool(metadata_of(obj).get("deletionTimestamp"))


def owners_of(obj: KubeObject) -> tuple[Mapping[str, Any], ...]:
    """`metadata.ownerReferences`."""
    return tuple(metadata_of(obj).get("ownerReferences") or ())


def controller_of(obj: KubeObject) -> Mapping[str, Any] | None:
    """The owner reference that says `controller: true`; there is at most one."""
    return next((owner for owner in owners_of(obj) if owner.get("controller") is True), None)


def is_controlled_by(obj: KubeObject, uid: str) -> bool:
    """Whether the controlling owner has this uid. An empty uid controls nothing."""
    controller = controller_of(obj)
    return bool(uid) and controller is not None and controller.get("uid") == uid


def render_owner_reference(owner: KubeObject) -> dict[str, Any]:
    """Controlling owner reference to a full object (with apiVersion and kind).

    It does not block the owner's deletion: that would need the right to set finalizers on it.
    Raises KeyError when the object lacks one of apiVersion, kind, name, uid.
    """
    meta = metadata_of(owner)
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }
