"""A cluster that answers from memory, for tests of the composition root's parts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.unit.engine.objects import NOW, FakeClock, FakeSink, Work
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.cache import ObjectCache
from vaultbind.engine.engine import Engine
from vaultbind.kube.resources import Resource

__all__ = ["NOW", "FakeKube", "binding", "engine_at_rest", "keyvault"]


def binding(name: str = "db", *, uid: str = "u1", version: int = 1, **parts: Any) -> dict[str, Any]:
    """A VaultBinding; `parts` are members beside metadata."""
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": uid,
        "resourceVersion": str(version),
        "generation": 1,
    }
    return {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": "VaultBinding",
        "metadata": metadata,
        "spec": {
            "vaultRef": {"kind": "ClusterKeyVault", "name": "main"},
            "data": [{"key": "password", "secret": {"name": "db"}}],
        },
        **parts,
    }


def keyvault(name: str = "main", *, uid: str = "v1", **spec: Any) -> dict[str, Any]:
    """A ClusterKeyVault."""
    metadata = {"name": name, "uid": uid, "resourceVersion": "1", "generation": 1}
    return {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": "ClusterKeyVault",
        "metadata": metadata,
        "spec": {
            "url": "https://shop.vault.azure.net",
            "access": [{"namespaces": {"all": True}}],
            **spec,
        },
    }


@dataclass
class FakeKube:
    """Answers lists, patches and creations; notes what it was asked."""

    items: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By plural."""
    error: Exception | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Verb, plural, namespace or name."""
    bodies: list[Mapping[str, Any]] = field(default_factory=list)
    versions: list[str | None] = field(default_factory=list)
    before_answer: Any = None

    async def list_metadata(self, resource: Resource, namespace: str = "", **query: Any) -> dict[str, Any]:
        answer = await self.list(resource, namespace, **query)
        return {**answer, "items": [{"metadata": item["metadata"]} for item in answer["items"]]}

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        self.asked.append(("list", resource.plural, namespace))
        self.versions.append(resource_version)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        found = self.items.get(resource.plural, [])
        answer = {"items": list(found), "metadata": {"resourceVersion": str(len(self.versions))}}
        if self.before_answer is not None:
            self.before_answer()
        return answer

    async def merge_patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], *, subresource: str = ""
    ) -> dict[str, Any]:
        self.asked.append(("patch", f"{resource.plural}/{subresource}", f"{namespace}/{name}"))
        self.bodies.append(body)
        if self.error is not None:
            raise self.error
        stored = binding(name, version=2)
        stored["metadata"]["managedFields"] = [{}]
        return {**stored, **body, "metadata": stored["metadata"]}

    async def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], **_: Any
    ) -> dict[str, Any]:
        self.asked.append(("create", resource.plural, namespace))
        self.bodies.append(body)
        if self.error is not None:
            raise self.error
        return dict(body)


def engine_at_rest() -> Engine:
    """An engine that nobody runs: what it was told waits in its queue."""

    async def room(key: ObjectKey, *_: Any) -> None:
        raise AssertionError(f"{key} should not be worked on")

    return Engine(
        clock=FakeClock(),
        cache=ObjectCache(),
        sink=FakeSink(),
        rooms=dict.fromkeys(("VaultBinding", "KeyVault", "ClusterKeyVault"), room),
        observer=Work(),
        lane_of=str,
    )
