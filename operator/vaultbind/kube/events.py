"""Kubernetes Events: what people read in `kubectl describe`."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from vaultbind.api.names import FIELD_MANAGER
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.objects import KubeObject, metadata_of
from vaultbind.kube.resources import EVENTS

MAX_MESSAGE: Final = 1024
"""The API server refuses longer ones."""
_MAX_NAME: Final = 230
"""Of the object's name, so that the suffix fits into 253 characters."""
_HOME_OF_CLUSTER_SCOPED: Final = "default"


class EventType(StrEnum):
    """`type` of an Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


def render_event(
    about: KubeObject,
    *,
    type: EventType,
    reason: str,
    message: str,
    now: datetime,
    instance: str = "",
    once: str = "",
) -> dict[str, Any]:
    """Event on a full object (with apiVersion and kind); `now` is aware and in UTC.

    Its name follows from what it says and when, or from what `once` names, as long as the cluster keeps it:
    told twice, it exists once. Raises KeyError where the object lacks apiVersion, kind, name or uid.
    """
    meta = metadata_of(about)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    told = "\0".join((meta["uid"], type, reason, once or message, "" if once else stamp))
    suffix = hashlib.sha256(told.encode()).hexdigest()[:16]
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {
            "name": f"{meta['name'][:_MAX_NAME].rstrip('-.')}.{suffix}",
            "namespace": meta.get("namespace") or _HOME_OF_CLUSTER_SCOPED,
        },
        "involvedObject": _reference(about),
        "type": type.value,
        "reason": reason,
        "message": message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…",
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": instance,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


async def post_event(client: KubeClient, event: dict[str, Any]) -> None:
    """Send it with one POST; one that is there already is fine. Raises `KubeError` otherwise."""
    try:
        await client.create(EVENTS, event["metadata"]["namespace"], event, metadata_only=True)
    except KubeError as error:
        if error.kind is not KubeErrorKind.ALREADY_EXISTS:
            raise


def _reference(about: KubeObject) -> dict[str, Any]:
    meta = metadata_of(about)
    reference = {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
    }
    optional = ("namespace", "resourceVersion")
    return reference | {key: meta[key] for key in optional if meta.get(key)}
