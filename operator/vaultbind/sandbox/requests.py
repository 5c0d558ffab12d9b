"""What a request means: path, method and query turned into a verb on a resource. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vaultbind.sandbox.errors import method_not_allowed, unknown_path
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.negotiation import Representation
from vaultbind.sandbox.registry import Registry

_CORE_PREFIX: Final = 2
_GROUP_PREFIX: Final = 3
_MANAGER_LIMIT: Final = 128
_OBJECT_VERBS: Final[Mapping[str, str]] = {
    "GET": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_COLLECTION_VERBS: Final[Mapping[str, str]] = {
    "GET": "list",
    "POST": "create",
    "DELETE": "deletecollection",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The resource, object or subresource that a path names."""

    kind: ResourceKind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One request on a resource, read and understood."""

    verb: str
    target: Target
    query: Mapping[str, str]
    representation: Representation
    manager: str
    body: Any = None
    content_type: str = ""

    def flag(self, name: str) -> bool:
        """Whether a boolean query parameter is set."""
        return self.query.get(name, "").lower() in {"1", "true"}


def parse_target(path: str, registry: Registry) -> Target:
    """The target of `/api/v1/...` or `/apis/<group>/<version>/...`; raises StatusError 404."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"]:
        group, version, rest = "", "".join(parts[1:2]), parts[_CORE_PREFIX:]
    elif parts[:1] == ["apis"]:
        group, version, rest = "".join(parts[1:2]), "".join(parts[2:3]), parts[_GROUP_PREFIX:]
    else:
        raise unknown_path()
    namespace, plural, name, subresource = _split(rest)
    kind = registry.by_path(group, version, plural)
    if kind is None or (namespace and not kind.namespaced):
        raise unknown_path()
    if subresource and subresource not in kind.subresources:
        raise unknown_path()
    return Target(kind=kind, namespace=namespace, name=name, subresource=subresource)


def _split(rest: list[str]) -> tuple[str, str, str, str]:
    """Namespace, plural, name and subresource; what comes after them is an unknown path."""
    namespace = ""
    is_about_namespace = len(rest) <= _CORE_PREFIX or rest[_CORE_PREFIX] in {"status", "finalize"}
    if rest[:1] == ["namespaces"] and not is_about_namespace:
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= _GROUP_PREFIX:
        raise unknown_path()
    plural, name, subresource = (*rest, "", "")[:_GROUP_PREFIX]
    return namespace, plural, name, subresource


def parse_verb(method: str, target: Target, query: Mapping[str, str]) -> str:
    """The verb as RBAC and audit name it; raises StatusError 405."""
    verbs = _OBJECT_VERBS if target.name else _COLLECTION_VERBS
    verb = verbs.get(method)
    if verb == "list" and query.get("watch", "").lower() in {"1", "true"}:
        verb = "watch"
    if target.subresource == "token":
        verb = "create" if method == "POST" else None
    if verb is None or verb not in target.kind.verbs:
        raise method_not_allowed()
    needs_namespace = verb not in {"list", "watch"}
    if target.kind.namespaced and not target.namespace and needs_namespace:
        raise method_not_allowed()
    return verb


def parse_manager(query: Mapping[str, str], user_agent: str) -> str:
    """The field manager: as asked for, else the first word of the User-Agent."""
    return query.get("fieldManager") or user_agent.split("/", maxsplit=1)[0][:_MANAGER_LIMIT] or "unknown"
