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


def decide_ownership(metadata: Mapping[str, Any], *, binding: str, uid: str) -> Ownership:
    """Tell whether the Secret is this binding's, may be adopted by it, or is somebody else's.

    Adopted are Secrets that a person hands over by annotation, and those that name this binding in our label
    and annotation while their owner is gone or absent (a restored backup).
    """
    controller = _controller(metadata)
    if controller is not None and controller.get("uid") == uid:
        return Ownership(owner=Owner.OURS)
    annotations = metadata.get("annotations") or {}
    if annotations.get(ANNOTATION_ADOPT) == binding:
        return Ownership(owner=Owner.ADOPTABLE)
    if controller is None:
        labels = metadata.get("labels") or {}
        if labels.get(LABEL_MANAGED) == "true" and annotations.get(ANNOTATION_BINDING) == binding:
            return Ownership(owner=Owner.ADOPTABLE)
        return Ownership(owner=Owner.FOREIGN, other="nobody that controls it")
    if _is_former_self(controller, binding):
        return Ownership(owner=Owner.ADOPTABLE)
    return Ownership(owner=Owner.FOREIGN, other=f"{controller.get('kind')} {controller.get('name')}")


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
