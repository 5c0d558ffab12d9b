"""Objects and lists in the forms that clients ask for, tables apart. Pure."""

from collections.abc import Iterable
from typing import Final

from vaultbind.sandbox.documents import JsonObject, metadata
from vaultbind.sandbox.kinds import ResourceKind

_META: Final = "meta.k8s.io/v1"


def partial_metadata(document: JsonObject) -> JsonObject:
    """A `PartialObjectMetadata`."""
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": metadata(document)}


def list_metadata(listing: JsonObject) -> JsonObject:
    """Metadata of a list: revision, and the token for what is left."""
    return {key: value for key, value in listing.items() if value not in {None, ""}}


def render_list(kind: ResourceKind, documents: Iterable[JsonObject], listing: JsonObject) -> JsonObject:
    """A list; items of built-in kinds do not repeat their kind."""
    items = list(documents)
    if not kind.is_custom:
        items = [
            {key: value for key, value in item.items() if key not in {"apiVersion", "kind"}} for item in items
        ]
    return {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version,
        "metadata": list_metadata(listing),
        "items": items,
    }


def render_metadata_list(documents: Iterable[JsonObject], listing: JsonObject) -> JsonObject:
    """A `PartialObjectMetadataList`; when it is empty its items are null, as on the real server."""
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": _META,
        "metadata": list_metadata(listing),
        "items": [partial_metadata(document) for document in documents] or None,
    }


def render_bookmark(kind: ResourceKind, revision: int, *, partial: bool, ends_initial: bool) -> JsonObject:
    """The object of a BOOKMARK event: nothing but a revision."""
    type_meta = {"kind": "PartialObjectMetadata", "apiVersion": _META} if partial else kind.type_meta
    meta: JsonObject = {"resourceVersion": str(revision)}
    if ends_initial:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {**type_meta, "metadata": meta}
