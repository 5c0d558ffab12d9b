"""A cluster in a dictionary: what the parts of injection ask for, and nothing more."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import Resource

Place = tuple[str, str, str]


@dataclass(slots=True)
class FakeCluster:
    """Objects by (plural, namespace, name); `calls` has a line for each request; `errors` break verbs."""

    objects: dict[Place, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    errors: dict[str, KubeErrorKind] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    """What a create of that plural returns instead of the object."""
    versions: int = 0

    @property
    def client(self) -> KubeClient:
        return cast("KubeClient", self)

    def put(self, resource: Resource, namespace: str, name: str, **fields: Any) -> dict[str, Any]:
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        obj = {"kind": resource.kind, **fields, "metadata": metadata | fields.get("metadata", {})}
        obj["metadata"].setdefault("uid", f"uid-{name}")
        return self._store((resource.plural, namespace, name), obj)

    def _store(self, place: Place, obj: dict[str, Any]) -> dict[str, Any]:
        self.versions += 1
        obj["metadata"]["resourceVersion"] = str(self.versions)
        self.objects[place] = obj
        return copy.deepcopy(obj)

    def _note(self, verb: str, resource: Resource, name: str) -> None:
        self.calls.append(f"{verb} {resource.plural} {name}".strip())
        kind = self.errors.get(f"{verb} {resource.plural}")
        if kind is not None:
            raise KubeError(kind, f"{verb} {resource.plural}: {kind.value}")

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        self._note("get", resource, name)
        found = self.objects.get((resource.plural, namespace, name))
        if found is None:
            raise KubeError(KubeErrorKind.NOT_FOUND, f"{resource.plural} {name}: not found", status=404)
        return copy.deepcopy(found)

    async def list(self, resource: Resource, namespace: str = "", **_: Any) -> dict[str, Any]:
        self._note("list", resource, "")
        items = [obj for place, obj in self.objects.items() if place[0] == resource.plural]
        return {"metadata": {}, "items": copy.deepcopy(items)}

    async def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], **_: Any
    ) -> dict[str, Any]:
        name = str(body.get("metadata", {}).get("name", ""))
        self._note("create", resource, name)
        answer = self.answers.get(resource.plural)
        if answer is not None:
            return cast("dict[str, Any]", answer(body) if callable(answer) else copy.deepcopy(answer))
        place = (resource.plural, namespace, name)
        if place in self.objects:
            raise KubeError(KubeErrorKind.ALREADY_EXISTS, "exists", status=409)
        return self.put(resource, namespace, **{"name": name, **copy.deepcopy(dict(body))})

    async def merge_patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], **_: Any
    ) -> dict[str, Any]:
        self._note("patch", resource, name)
        place = (resource.plural, namespace, name)
        known = self.objects[place]
        wanted = body.get("metadata", {}).get("resourceVersion")
        if wanted is not None and wanted != known["metadata"]["resourceVersion"]:
            raise KubeError(KubeErrorKind.CONFLICT, "changed meanwhile", status=409)
        return self._store(place, _merge(known, body))


def _merge(known: Any, change: Any) -> Any:
    if not isinstance(change, Mapping):
        return copy.deepcopy(change)
    merged = dict(known) if isinstance(known, Mapping) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged
