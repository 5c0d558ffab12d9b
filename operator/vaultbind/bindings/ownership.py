"""Pure: whose a Secret is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from vaultbind.api.names import (
    ANNOTATION_ADOPT,
    ANNOTATION_BINDING,
    API_VERSION,
    KIND_BINDING,
    LABEL_BINDING_UID,
    LABEL_MANAGED,
)


class Owner(Enum):
    """Relation of a Secret to a binding."""

    OURS = auto()
    ADOPTABLE = auto()
    FOREIGN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The relation, and who else it is for the message."""

    owner: Owner
    other: str = ""


def decide_ownership(
    metadata: Mapping[str, Any], *, binding: str, uid: str, by_label: bool = False
) -> Ownership:
    """Tell whether the Secret is this binding's, may be adopted by it, or is somebody else's.

    Adopted are Secrets that a person hands over by annotation, and those that name this binding in our label
    and annotation while their owner is gone or absent (a restored backup). `by_label`: a Secret that nobody
    controls is this binding's where our label has its uid (creationPolicy Orphan).
    """
    controller = _controller(metadata)
    if controller is None:
        named, label_uid = _names(metadata)
        is_ours, is_former = by_label and label_uid == uid, named == binding
        other = f"VaultBinding {named} by its annotation" if named else "nobody that controls it"
    else:
        is_ours, is_former = controller.get("uid") == uid, _is_former_self(controller, binding)
        other = f"{controller.get('kind')} {controller.get('name')}"
    if is_ours:
        return Ownership(owner=Owner.OURS)
    if is_former or (metadata.get("annotations") or {}).get(ANNOTATION_ADOPT) == binding:
        return Ownership(owner=Owner.ADOPTABLE)
    return Ownership(owner=Owner.FOREIGN, other=other)


def _names(metadata: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Name and uid of the binding that wrote a Secret, as our annotation and labels have them."""
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    named = annotations.get(ANNOTATION_BINDING) if labels.get(LABEL_MANAGED) == "true" else None
    return named, labels.get(LABEL_BINDING_UID)


def _controller(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None


def _is_former_self(controller: Mapping[str, Any], binding: str) -> bool:
    """An owner of our name and kind with another uid no longer exists: names are unique."""
    return (
        controller.get("kind") == KIND_BINDING
        and controller.get("name") == binding
        and str(controller.get("apiVersion", "")).partition("/")[0] == API_VERSION.partition("/")[0]
    )
