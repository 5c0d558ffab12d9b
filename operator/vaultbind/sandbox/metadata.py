"""Metadata of objects: what the server sets, and the rules for names, labels and annotations. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, Final

from vaultbind.sandbox.documents import JsonObject
from vaultbind.sandbox.errors import Cause
from vaultbind.sandbox.kinds import ResourceKind

_NAME: Final = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_NAME_LIMIT: Final = 253
_PATH_SEGMENT: Final = re.compile(r"^(?!\.{1,2}$)[^/%]+$")
_QUALIFIED: Final = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_LABEL_LIMIT: Final = 63
_ANNOTATIONS_LIMIT: Final = 256 * 1024
_FREE_NAMES: Final = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})

SERVER_SET: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
    "selfLink",
    "managedFields",
)
"""Metadata that a client cannot set; an update keeps what is stored."""


def validate_metadata(document: JsonObject, kind: ResourceKind) -> list[Cause]:
    """What is wrong with an object's name, labels, annotations and owners."""
    meta = document["metadata"]
    return [
        *_validate_name(str(meta.get("name", "")), kind),
        *_validate_labels(meta.get("labels")),
        *_validate_annotations(meta.get("annotations")),
        *_validate_owners(meta.get("ownerReferences")),
    ]


def _validate_name(name: str, kind: ResourceKind) -> Iterator[Cause]:
    if kind.plural in _FREE_NAMES:
        if not _PATH_SEGMENT.match(name):
            yield Cause(field="metadata.name", message=f'Invalid value: "{name}": may not contain / or %')
    elif not _NAME.match(name) or len(name) > _NAME_LIMIT:
        problem = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            "and must start and end with an alphanumeric character"
        )
        yield Cause(field="metadata.name", message=f'Invalid value: "{name}": {problem}')


def is_qualified_name(key: str) -> bool:
    """Whether a label or annotation key is well formed: `[prefix/]name`."""
    prefix, slash, name = key.rpartition("/")
    if slash and (not _NAME.match(prefix) or len(prefix) > _NAME_LIMIT):
        return False
    return len(name) <= _LABEL_LIMIT and bool(_QUALIFIED.match(name))


def _validate_labels(found: Any) -> Iterator[Cause]:
    for key, value in (found or {}).items():
        if not is_qualified_name(key):
            yield Cause(field="metadata.labels", message=f'Invalid value: "{key}": not a qualified name')
        if value and (len(value) > _LABEL_LIMIT or not _QUALIFIED.match(value)):
            problem = (
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'"
            )
            yield Cause(field="metadata.labels", message=f'Invalid value: "{value}": {problem}')


def _validate_annotations(found: Any) -> Iterator[Cause]:
    for key in found or {}:
        if not is_qualified_name(key.lower()):
            yield Cause(field="metadata.annotations", message=f'Invalid value: "{key}": not a qualified name')
    if sum(len(key) + len(value) for key, value in (found or {}).items()) > _ANNOTATIONS_LIMIT:
        message = f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes"
        yield Cause(field="metadata.annotations", message=message, reason="FieldValueTooLong")


def _validate_owners(found: Any) -> Iterator[Cause]:
    controllers = 0
    for index, owner in enumerate(found or ()):
        for member in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(member):
                yield Cause(
                    field=f"metadata.ownerReferences[{index}].{member}",
                    message="Required value: must not be empty",
                    reason="FieldValueRequired",
                )
        controllers += bool(owner.get("controller"))
    if controllers > 1:
        message = "Only one reference can have Controller set to true"
        yield Cause(field="metadata.ownerReferences", message=f"Invalid value: {message}")


def is_well_formed(meta: Mapping[str, Any]) -> bool:
    """Whether the members that are used here have the types that they must have."""
    maps = [meta.get(name) or {} for name in ("labels", "annotations")]
    lists = [meta.get("finalizers") or [], meta.get("ownerReferences") or []]
    return (
        all(isinstance(meta.get(name) or "", str) for name in ("name", "namespace", "generateName"))
        and all(isinstance(found, dict) and _holds(found.values(), str | None) for found in maps)
        and all(isinstance(found, list) for found in lists)
        and _holds(lists[0], str)
        and _holds(lists[1], dict)
    )


def _holds(values: Iterable[Any], wanted: type | UnionType) -> bool:
    return all(isinstance(value, wanted) for value in values)


def keep_server_set(new: JsonObject, live: Mapping[str, Any]) -> None:
    """Put the server's own metadata of the live object into a changed copy."""
    meta, stored = new["metadata"], live["metadata"]
    for name in SERVER_SET:
        if name in stored:
            meta[name] = stored[name]
        else:
            meta.pop(name, None)


def drop_empty(meta: JsonObject) -> None:
    """Remove empty optional members, as the real server does when it writes them down."""
    for name in ("labels", "annotations", "ownerReferences", "finalizers", "managedFields"):
        if name in meta and not meta[name]:
            del meta[name]
    for name in ("labels", "annotations"):
        if name in meta:
            meta[name] = {key: value or "" for key, value in meta[name].items()}
