"""What a write makes of an object: pruning, defaults, metadata, generation, validation. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from vaultbind.sandbox.builtin_kinds import CRDS, EVENTS_V1
from vaultbind.sandbox.crds import prepare_crd, validate_crd
from vaultbind.sandbox.documents import JsonObject, clone, is_same
from vaultbind.sandbox.errors import Cause, bad_request, invalid
from vaultbind.sandbox.events import to_core
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.metadata import (
    SERVER_SET,
    drop_empty,
    is_well_formed,
    keep_server_set,
    validate_metadata,
)
from vaultbind.sandbox.rules import rules_of
from vaultbind.sandbox.schema import apply_defaults, prune_unknown
from vaultbind.sandbox.validation import validate

_SUFFIX_LENGTH = 5


class FieldValidation(StrEnum):
    """What is done about fields that a schema does not know."""

    IGNORE = "Ignore"
    WARN = "Warn"
    STRICT = "Strict"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """Who writes, and how."""

    manager: str
    subresource: str = ""
    dry_run: bool = False
    force: bool = False
    field_validation: FieldValidation = FieldValidation.WARN


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An object on its way into the store."""

    kind: ResourceKind
    document: JsonObject
    causes: list[Cause] = field(default_factory=list)
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the object."""
        return str(self.document["metadata"].get("name", ""))

    def refuse_if_invalid(self) -> None:
        """Raise StatusError 422 when anything is wrong with the object."""
        if self.causes:
            raise invalid(self.kind.group, self.kind.kind, self.name, self.causes)


def draft_new(
    kind: ResourceKind, namespace: str, body: JsonObject, options: WriteOptions, *, now: str, uid: str
) -> Draft:
    """A new object; raises StatusError 400 for a body of another kind or namespace."""
    document, warnings = _read(kind, body, options)
    meta = _metadata_of(document)
    _check_namespace(kind, namespace, document)
    for name in SERVER_SET:
        meta.pop(name, None)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = f"{meta['generateName']}{uid.replace('-', '')[-_SUFFIX_LENGTH:]}"
    meta.update({"uid": uid, "creationTimestamp": now})
    if kind.namespaced:
        meta["namespace"] = namespace
    if kind.has_generation:
        meta["generation"] = 1
    if kind.has_status:
        document.pop("status", None)
    document = _finish(kind, document, now)
    causes = _causes(kind, document, None)
    if not meta.get("name"):
        message = "Required value: name or generateName is required"
        causes = [Cause(field="metadata.name", message=message, reason="FieldValueRequired")]
    return Draft(kind=kind, document=document, causes=causes, warnings=warnings)


def draft_successor(
    kind: ResourceKind, live: JsonObject, body: JsonObject, options: WriteOptions, *, now: str
) -> Draft:
    """The next state of an object; raises StatusError 400 for a body of another kind or namespace."""
    document, warnings = _read(kind, body, options)
    _metadata_of(document)
    _check_namespace(kind, live["metadata"].get("namespace", ""), document)
    document = _only_own_part(kind, live, document, options.subresource)
    keep_server_set(document, live)
    document = _finish(kind, document, now)
    causes = _causes(kind, document, live)
    if kind.has_generation and _is_next_generation(kind, live, document):
        document["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
    return Draft(kind=kind, document=document, causes=causes, warnings=warnings)


def _read(kind: ResourceKind, body: JsonObject, options: WriteOptions) -> tuple[JsonObject, tuple[str, ...]]:
    """The body as it will be stored, without unknown fields; warnings name those. Raises StatusError 400."""
    if (
        body.get("kind", kind.kind) != kind.kind
        or body.get("apiVersion", kind.api_version) != kind.api_version
    ):
        raise bad_request(
            f"the object provided is unrecognized: {body.get('apiVersion')}, Kind={body.get('kind')} "
            f"does not match {kind.api_version}, Kind={kind.kind}"
        )
    if kind.is_custom and not (body.get("kind") and body.get("apiVersion")):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind.kind}): Object 'Kind' is missing"
        )
    document = {**kind.type_meta, **clone(body)}
    if kind.group == EVENTS_V1.group:
        return to_core(document), ()
    if not kind.is_custom:
        return document, ()
    document, unknown = prune_unknown(document, kind.schema)
    warnings = tuple(f'unknown field "{path}"' for path in unknown)
    if warnings and options.field_validation is FieldValidation.STRICT:
        told = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
        raise bad_request(f"{told}: strict decoding error: {', '.join(warnings)}")
    return document, warnings if options.field_validation is FieldValidation.WARN else ()


def _metadata_of(document: JsonObject) -> JsonObject:
    """The metadata of a body, which may be absent; raises StatusError 400 for a strange form."""
    meta = document.setdefault("metadata", {})
    if not isinstance(meta, dict) or not is_well_formed(meta):
        raise bad_request(f"{document['kind']} cannot be handled: metadata is not of the expected form")
    return meta


def _check_namespace(kind: ResourceKind, namespace: str, document: JsonObject) -> None:
    asked = document["metadata"].get("namespace") or namespace
    if kind.namespaced and asked != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request "
            f"({asked}, {namespace})"
        )
    if kind.namespaced:
        document["metadata"]["namespace"] = namespace


def _only_own_part(
    kind: ResourceKind, live: JsonObject, document: JsonObject, subresource: str
) -> JsonObject:
    """A write to the status changes only that, and any other write changes all but that."""
    if not kind.has_status:
        return document
    base, status_from = (clone(live), document) if subresource == "status" else (document, clone(live))
    mixed = {key: value for key, value in base.items() if key != "status"}
    if "status" in status_from:
        mixed["status"] = status_from["status"]
    if subresource == "status":
        mixed["metadata"]["name"] = document["metadata"].get("name")
    return mixed


def _finish(kind: ResourceKind, document: JsonObject, now: str) -> JsonObject:
    """Defaults and what the rules of the kind fill in."""
    if kind.is_custom:
        document = apply_defaults(document, kind.schema)
    if kind.stored_as == CRDS.stored_as:
        prepare_crd(document, now)
    rules_of(kind.stored_as).prepare(document)
    drop_empty(document["metadata"])
    return document


def _causes(kind: ResourceKind, document: JsonObject, live: JsonObject | None) -> list[Cause]:
    causes = validate_metadata(document, kind)
    if kind.is_custom:
        causes += validate(document, kind.schema)
    if kind.stored_as == CRDS.stored_as:
        causes += validate_crd(document)
    causes += rules_of(kind.stored_as).validate(document, live)
    if live is not None and live["metadata"].get("deletionTimestamp"):
        added = set(document["metadata"].get("finalizers") or ()) - set(
            live["metadata"].get("finalizers") or ()
        )
        if added:
            message = "Forbidden: no new finalizers can be added if the object is being deleted"
            causes.append(Cause(field="metadata.finalizers", message=message, reason="FieldValueForbidden"))
    return causes


def _is_next_generation(kind: ResourceKind, live: JsonObject, document: JsonObject) -> bool:
    """Whether anything but metadata changed; the status does not count when it is a subresource."""
    apart = {"metadata", "status", "apiVersion"} if kind.has_status else {"metadata", "apiVersion"}
    old, new = (
        {key: value for key, value in state.items() if key not in apart} for state in (live, document)
    )
    return not is_same(old, new)
