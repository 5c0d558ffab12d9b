"""Rules of built-in kinds: what the server fills in and what it refuses. Pure.

A `prepare` function changes the new object in place; a `validate` function lists causes and holds no value of
a Secret in any message.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vaultbind.sandbox.documents import JsonObject, find
from vaultbind.sandbox.errors import Cause, bad_request
from vaultbind.sandbox.store import StorageKey

_KEY: Final = re.compile(r"^[-._a-zA-Z0-9]+$")
_KEY_LIMIT: Final = 253
_SIZE_LIMIT: Final = 1024 * 1024
_IMMUTABLE: Final = "Forbidden: field is immutable when `immutable` is set"
_REQUIRED_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_ACCOUNT_ANNOTATION: Final = "kubernetes.io/service-account.name"

Prepare = Callable[[JsonObject], None]
Validate = Callable[[JsonObject, JsonObject | None], Iterator[Cause]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is special about one kind; `validate` gets the new object and the live one."""

    prepare: Prepare
    validate: Validate


def _string_map(document: JsonObject, member: str) -> dict[str, str]:
    """A member that must be a map of strings, null taken for empty; raises StatusError 400."""
    found = document.get(member)
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, str | None) for value in found.values()):
        raise bad_request(
            f"{document.get('kind')} in version v1 cannot be handled: .{member} must hold strings"
        )
    return {key: value or "" for key, value in found.items()}


def _decoded(document: JsonObject, member: str) -> dict[str, bytes]:
    """Values of a map of base64 strings; raises StatusError 400 without telling the value."""
    try:
        return {
            key: base64.b64decode(value, validate=True)
            for key, value in _string_map(document, member).items()
        }
    except binascii.Error:
        message = f"{document.get('kind')} in version v1 cannot be handled: .{member}: illegal base64 data"
        raise bad_request(message) from None


def _prepare_secret(document: JsonObject) -> None:
    data = dict(_string_map(document, "data"))
    for key, text in _string_map(document, "stringData").items():
        data[key] = base64.b64encode(text.encode()).decode()
    document.pop("stringData", None)
    document.pop("data", None)
    if data:
        document["data"] = data
    document["type"] = document.get("type") or "Opaque"


def _validate_secret(document: JsonObject, live: JsonObject | None) -> Iterator[Cause]:
    data = _decoded(document, "data")
    yield from _validate_keys(data, "data")
    if sum(map(len, data.values())) > _SIZE_LIMIT:
        message = f"Too long: may not be more than {_SIZE_LIMIT} bytes"
        yield Cause(field="data", message=message, reason="FieldValueTooLong")
    yield from _validate_secret_type(document, data)
    if live is not None:
        if live.get("type") != document["type"]:
            message = f'Invalid value: "{document["type"]}": field is immutable'
            yield Cause(field="type", message=message)
        yield from _validate_frozen(document, live, "data")


def _validate_secret_type(document: JsonObject, data: Mapping[str, bytes]) -> Iterator[Cause]:
    kind = document["type"]
    for key in _REQUIRED_KEYS.get(kind, ()):
        if key not in data:
            yield Cause(field=f"data[{key}]", message="Required value", reason="FieldValueRequired")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        for key in ("username", "password"):
            yield Cause(field=f"data[{key}]", message="Required value", reason="FieldValueRequired")
    account = find(document, "metadata", "annotations", _ACCOUNT_ANNOTATION)
    if kind == "kubernetes.io/service-account-token" and not account:
        field = f"metadata.annotations[{_ACCOUNT_ANNOTATION}]"
        yield Cause(field=field, message="Required value", reason="FieldValueRequired")


def _validate_keys(data: Mapping[str, Any], member: str) -> Iterator[Cause]:
    for key in data:
        if not _KEY.match(key) or len(key) > _KEY_LIMIT or key == "." or key.startswith(".."):
            problem = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
            yield Cause(field=f"{member}[{key}]", message=f'Invalid value: "{key}": {problem}')


def _validate_frozen(document: JsonObject, live: JsonObject, *members: str) -> Iterator[Cause]:
    """An object with `immutable: true` keeps its content and stays immutable."""
    if not live.get("immutable"):
        return
    for member in ("immutable", *members):
        if document.get(member) != live.get(member):
            yield Cause(field=member, message=_IMMUTABLE, reason="FieldValueForbidden")


def _prepare_config_map(document: JsonObject) -> None:
    for member in ("data", "binaryData"):
        found = _string_map(document, member)
        document.pop(member, None)
        if found:
            document[member] = found


def _validate_config_map(document: JsonObject, live: JsonObject | None) -> Iterator[Cause]:
    data, binary = _string_map(document, "data"), _decoded(document, "binaryData")
    yield from _validate_keys(data, "data")
    yield from _validate_keys(binary, "binaryData")
    size = sum(len(value.encode()) for value in data.values()) + sum(map(len, binary.values()))
    if size > _SIZE_LIMIT:
        message = f"Too long: may not be more than {_SIZE_LIMIT} bytes"
        yield Cause(field="", message=message, reason="FieldValueTooLong")
    if live is not None:
        yield from _validate_frozen(document, live, "data", "binaryData")


def _prepare_namespace(document: JsonObject) -> None:
    meta = document["metadata"]
    meta["labels"] = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": meta["name"]}
    document.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    document.setdefault("status", {}).setdefault("phase", "Active")


def _prepare_pod(document: JsonObject) -> None:
    document.setdefault("status", {}).setdefault("phase", "Pending")


def _prepare_nothing(document: JsonObject) -> None:
    """Most kinds have nothing to fill in."""


def _validate_nothing(_document: JsonObject, _live: JsonObject | None) -> Iterator[Cause]:
    yield from ()


def _validate_lease(document: JsonObject, _live: JsonObject | None) -> Iterator[Cause]:
    duration = find(document, "spec", "leaseDurationSeconds")
    if duration is not None and duration <= 0:
        message = f"Invalid value: {duration}: must be greater than 0"
        yield Cause(field="spec.leaseDurationSeconds", message=message)


def _validate_event(document: JsonObject, _live: JsonObject | None) -> Iterator[Cause]:
    regarding = find(document, "involvedObject", "namespace") or "default"
    if not document.get("eventTime") and regarding != document["metadata"].get("namespace"):
        message = f'Invalid value: "{regarding}": does not match event.namespace'
        yield Cause(field="involvedObject.namespace", message=message)


_NO_RULES: Final = Rules(prepare=_prepare_nothing, validate=_validate_nothing)
_RULES: Final[Mapping[StorageKey, Rules]] = {
    ("", "secrets"): Rules(prepare=_prepare_secret, validate=_validate_secret),
    ("", "configmaps"): Rules(prepare=_prepare_config_map, validate=_validate_config_map),
    ("", "namespaces"): Rules(prepare=_prepare_namespace, validate=_validate_nothing),
    ("", "pods"): Rules(prepare=_prepare_pod, validate=_validate_nothing),
    ("", "events"): Rules(prepare=_prepare_nothing, validate=_validate_event),
    ("coordination.k8s.io", "leases"): Rules(prepare=_prepare_nothing, validate=_validate_lease),
}


def rules_of(storage: StorageKey) -> Rules:
    """The rules of a kind; empty ones for most."""
    return _RULES.get(storage, _NO_RULES)
