"""OpenAPI v3 as far as kubectl needs it: parameters of PATCH and the schemas of custom kinds. Pure."""

from collections.abc import Mapping
from typing import Any

from vaultbind.sandbox.documents import JsonObject
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.registry import Registry

_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")
_ROOT = ["openapi", "v3"]


def render_openapi(path: str, registry: Registry) -> JsonObject | None:
    """The document at a path; None when there is none."""
    steps = path.strip("/").split("/")
    if steps == _ROOT:
        return {
            "paths": {
                _place(kind): {"serverRelativeURL": f"/openapi/v3/{_place(kind)}"} for kind in registry.kinds
            }
        }
    if steps[:2] != _ROOT:
        return None
    kinds = [kind for kind in registry.kinds if _place(kind) == "/".join(steps[2:])]
    return _document(kinds) if kinds else None


def _place(kind: ResourceKind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def _document(kinds: list[ResourceKind]) -> JsonObject:
    return {
        "openapi": "3.0.0",
        "info": {"title": "vaultbind sandbox", "version": "v1"},
        "paths": {_path(kind): {"patch": _patch(kind)} for kind in kinds},
        "components": {"schemas": {_component(kind): _schema(kind) for kind in kinds}},
    }


def _path(kind: ResourceKind) -> str:
    scope = "/namespaces/{namespace}" if kind.namespaced else ""
    return f"/{_place(kind)}{scope}/{kind.plural}/{{name}}"


def _identity(kind: ResourceKind) -> Mapping[str, str]:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _patch(kind: ResourceKind) -> JsonObject:
    return {
        "operationId": f"patch{kind.kind}",
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
            for name in _PARAMETERS
        ],
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": _identity(kind),
    }


def _component(kind: ResourceKind) -> str:
    return ".".join([*reversed((kind.group or "core").split(".")), kind.version, kind.kind])


def _schema(kind: ResourceKind) -> Mapping[str, Any]:
    described: Mapping[str, Any] = kind.schema if kind.is_custom else {"type": "object"}
    return {**described, "x-kubernetes-group-version-kind": [_identity(kind)]}
