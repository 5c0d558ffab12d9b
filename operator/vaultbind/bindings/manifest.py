"""Pure: the Secret that a binding asks for, and the patch that leads there."""

import base64
from collections.abc import Mapping
from typing import Any

from vaultbind.api.binding import BindingSpec, CreationPolicy
from vaultbind.api.names import (
    ANNOTATION_ADOPT,
    ANNOTATION_BINDING,
    ANNOTATION_SOURCE,
    API_VERSION,
    FIELD_MANAGER,
    KIND_BINDING,
    LABEL_BINDING_UID,
    LABEL_MANAGED,
    merge_field_manager,
    merge_source_annotation,
)
from vaultbind.api.refs import ObjectKey


def is_merge(spec: BindingSpec) -> bool:
    """Whether the binding adds keys to a Secret of somebody else."""
    return spec.target.creation_policy is CreationPolicy.MERGE


def is_orphan(spec: BindingSpec) -> bool:
    """Whether the Secret is to stay when the binding goes, and is known as ours by its label."""
    return spec.target.creation_policy is CreationPolicy.ORPHAN


def is_unwritten(spec: BindingSpec) -> bool:
    """Whether the binding writes no Secret at all: it is for pods, which ask the broker."""
    return spec.target.creation_policy is CreationPolicy.NONE


def manager_of(spec: BindingSpec, uid: str) -> str:
    """Field manager of this binding's writes."""
    return merge_field_manager(uid) if is_merge(spec) else FIELD_MANAGER


def mark_annotation(spec: BindingSpec, uid: str) -> str:
    """Annotation that holds this binding's mark."""
    return merge_source_annotation(uid) if is_merge(spec) else ANNOTATION_SOURCE


def render_metadata(key: ObjectKey, uid: str, spec: BindingSpec, mark: str) -> dict[str, Any]:
    """Labels, annotations and owner that the Secret must have, whatever else it has."""
    labels = {**spec.target.labels, LABEL_MANAGED: "true"}
    annotations = {**spec.target.annotations, mark_annotation(spec, uid): mark}
    if is_merge(spec):
        return {"labels": labels, "annotations": annotations}
    labels[LABEL_BINDING_UID] = uid
    annotations[ANNOTATION_BINDING] = key.name
    owners = [] if is_orphan(spec) else [_owner(key, uid)]
    return {"labels": labels, "annotations": annotations, "ownerReferences": owners}


def _owner(key: ObjectKey, uid: str) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND_BINDING,
        "name": key.name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def render_secret(
    key: ObjectKey, spec: BindingSpec, metadata: Mapping[str, Any], data: Mapping[str, bytes]
) -> dict[str, Any]:
    """Body of the POST that creates the Secret."""
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": spec.target.name, "namespace": key.namespace, **metadata},
        "type": spec.target.type,
        "data": {name: encode(value) for name, value in data.items()},
    }
    return body | {"immutable": True} if spec.target.immutable else body


def render_metadata_patch(
    have: Mapping[str, Any], wanted: Mapping[str, Any], stale: Mapping[str, list[str]]
) -> dict[str, Any]:
    """The `metadata` part of a merge patch, guarded by uid and resourceVersion."""
    patch: dict[str, Any] = {"uid": have["uid"], "resourceVersion": have["resourceVersion"]}
    for part in ("labels", "annotations"):
        now = have.get(part) or {}
        changes: dict[str, str | None] = {
            key: value for key, value in wanted[part].items() if now.get(key) != value
        }
        changes |= dict.fromkeys(stale.get(part, ()))
        if part == "annotations" and ANNOTATION_ADOPT in now and "ownerReferences" in wanted:
            changes[ANNOTATION_ADOPT] = None
        if changes:
            patch[part] = changes
    references = decide_references(have, wanted)
    if references is not None:
        patch["ownerReferences"] = references
    return patch


def decide_references(have: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """Owner references that the Secret should have, where it does not: who controls it is ours to say.

    References of others that do not control it stay.
    """
    if "ownerReferences" not in wanted:
        return None
    present, references = have.get("ownerReferences") or [], list(wanted["ownerReferences"])
    ours = {wanted["labels"].get(LABEL_BINDING_UID), *(reference["uid"] for reference in references)}
    others = [item for item in present if not item.get("controller") and item.get("uid") not in ours]
    unwanted = [item for item in present if item not in others and item not in references]
    missing = [item for item in references if item not in present]
    return others + references if unwanted or missing else None


def render_data_patch(
    have: Mapping[str, bytes], wanted: Mapping[str, bytes], pruned: frozenset[str]
) -> dict[str, str | None]:
    """The `data` part of a merge patch: changed keys, and null for pruned ones."""
    changes: dict[str, str | None] = {
        key: encode(value) for key, value in wanted.items() if have.get(key) != value
    }
    return changes | dict.fromkeys(sorted(pruned & frozenset(have)))


def encode(value: bytes) -> str:
    """Base64 as the API carries it."""
    return base64.b64encode(value).decode("ascii")


def decode_data(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """Values of a Secret as the API carries them."""
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
