"""Events are one storage with two faces, core/v1 and events.k8s.io/v1; they are stored as core/v1. Pure."""

from collections.abc import Mapping
from typing import Final

from vaultbind.sandbox.documents import JsonObject

_NEW_TO_CORE: Final[Mapping[str, str]] = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_CORE_TO_NEW: Final[Mapping[str, str]] = {core: new for new, core in _NEW_TO_CORE.items()}


def to_core(document: JsonObject) -> JsonObject:
    """An event of events.k8s.io/v1 as core/v1."""
    return {**_renamed(document, _NEW_TO_CORE), "apiVersion": "v1"}


def from_core(document: JsonObject) -> JsonObject:
    """An event of core/v1 as events.k8s.io/v1."""
    return {**_renamed(document, _CORE_TO_NEW), "apiVersion": "events.k8s.io/v1"}


def _renamed(document: JsonObject, names: Mapping[str, str]) -> JsonObject:
    return {names.get(key, key): value for key, value in document.items()}
