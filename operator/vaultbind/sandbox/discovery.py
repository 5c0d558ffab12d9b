"""Discovery documents: which groups, versions and resources are served. Pure."""

from collections.abc import Iterable
from typing import Final

from vaultbind.sandbox.documents import JsonObject
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.registry import Registry

VERSION: Final[JsonObject] = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.2+vaultbind-sandbox",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}
_HEALTH: Final = frozenset({"/healthz", "/livez", "/readyz"})


def render_discovery(path: str, registry: Registry) -> JsonObject | str | None:
    """The document at a path; a string for plain text; None when the path is no discovery."""
    steps = path.strip("/").split("/")
    match steps:
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["api", version]:
            return _resources(registry, "", version)
        case ["apis", *rest]:
            return _named_groups(registry, rest)
        case ["version"]:
            return VERSION
        case _:
            return "ok" if path.rstrip("/") in _HEALTH else None


def _named_groups(registry: Registry, steps: list[str]) -> JsonObject | None:
    match steps:
        case []:
            groups = [_group(registry, name) for name in _group_names(registry)]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case [group] if group in _group_names(registry):
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(registry, group)}
        case [group, version]:
            return _resources(registry, group, version)
        case _:
            return None


def _group_names(registry: Registry) -> list[str]:
    return list(dict.fromkeys(kind.group for kind in registry.kinds if kind.group))


def _group(registry: Registry, name: str) -> JsonObject:
    found = dict.fromkeys(kind.version for kind in registry.kinds if kind.group == name)
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in found]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resources(registry: Registry, group: str, version: str) -> JsonObject | None:
    kinds = [kind for kind in registry.kinds if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": list(_entries(kinds)),
    }


def _entries(kinds: Iterable[ResourceKind]) -> Iterable[JsonObject]:
    for kind in kinds:
        base = {"singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind}
        named = {
            "shortNames": list(kind.short_names),
            "categories": list(kind.categories),
        }
        extra = {name: values for name, values in named.items() if values}
        yield {"name": kind.plural, **base, "verbs": sorted(kind.verbs), **extra}
        for subresource in kind.subresources:
            yield {
                "name": f"{kind.plural}/{subresource}",
                **base,
                "singularName": "",
                "verbs": ["create"] if subresource == "token" else ["get", "patch", "update"],
            }
