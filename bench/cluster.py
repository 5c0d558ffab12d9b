"""The cluster's side: objects to bind, who is Ready when, and the API server's own counts."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from tools.realcluster import RealCluster
from vaultbind.api.names import API_VERSION
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, SECRETS, VAULT_BINDINGS, Resource

AT_ONCE = 16
"""Connections of the bare loop, as in the measured facts on the API server."""

_METRIC = re.compile(r"apiserver_request_total\{(?P<labels>[^}]*)\} (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_READS = frozenset({"GET", "LIST"})
_REVIEWS = "selfsubjectaccessreviews"
"""Asks what an account may do; stores nothing."""
_OF_THE_SERVER = frozenset({"leases", "services"})
"""What an API server at rest does for itself: it renews its Lease and repairs the addresses of Services.

The operator runs without a Lease here, and may not see Services.
"""
_OF_THE_BENCHMARK = frozenset({("POST", "vaultbindings")})
"""What people do while the operator is measured."""


def requests(cluster: RealCluster) -> Counter[tuple[str, str]]:
    """The API server's `apiserver_request_total` by (verb, resource/subresource)."""
    found: Counter[tuple[str, str]] = Counter()
    for match in _METRIC.finditer(cluster.metrics()):
        labels = dict(_LABEL.findall(match["labels"]))
        name = labels["resource"] + (f"/{labels['subresource']}" if labels.get("subresource") else "")
        found[labels["verb"], name] += int(float(match["value"]))
    return found


def of_operator(counts: Counter[tuple[str, str]]) -> dict[str, int]:
    """All requests but those that others make while the operator is measured: writes, reads, reviews, each.

    Whatever nobody has thought of is the operator's.
    """
    ours = {key: count for key, count in counts.items() if count and _is_operators(*key)}
    kinds = Counter({"writes": 0, "reads": 0, "reviews": 0})
    for (verb, name), count in ours.items():
        kinds[_kind_of(verb, name)] += count
    return {**kinds, **{f"{verb} {name}": count for (verb, name), count in sorted(ours.items())}}


def _is_operators(verb: str, name: str) -> bool:
    if verb == "WATCH" or name.startswith("/"):  # streams, and documents such as /openapi/v3
        return False
    return name not in _OF_THE_SERVER and (verb, name) not in _OF_THE_BENCHMARK


def _kind_of(verb: str, name: str) -> str:
    if name == _REVIEWS:
        return "reviews"
    return "reads" if verb in _READS else "writes"


def render_namespace(name: str) -> dict[str, Any]:
    """A namespace."""
    return {"metadata": {"name": name}}


def render_vault(name: str, url: str, interval: str = "1m") -> dict[str, Any]:
    """A ClusterKeyVault that every namespace may read."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterKeyVault",
        "metadata": {"name": name},
        "spec": {
            "url": url,
            "auth": {"managedIdentity": {}},
            "refreshInterval": interval,
            "access": [{"namespaces": {"all": True}}],
        },
    }


def render_binding(name: str, vault: str, secret: str) -> dict[str, Any]:
    """A binding of one secret."""
    return {
        "apiVersion": API_VERSION,
        "kind": "VaultBinding",
        "metadata": {"name": name},
        "spec": {
            "vaultRef": {"kind": "ClusterKeyVault", "name": vault},
            "data": [{"key": "value", "secret": {"name": secret}}],
        },
    }


def clear_namespace(cluster: RealCluster, namespace: str) -> None:
    """Delete its bindings, then its Secrets: nobody collects garbage here."""
    for path, plural in (("/apis/vaultbind.dev/v1alpha1", "vaultbindings"), ("/api/v1", "secrets")):
        cluster.call("DELETE", f"{path}/namespaces/{namespace}/{plural}")


async def in_parallel(jobs: Iterable[Callable[[], Awaitable[object]]], at_once: int = AT_ONCE) -> None:
    """Run all jobs, so many at a time."""
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            await job()

    await asyncio.gather(*(work() for _ in range(at_once)))


class Watcher:
    """Sees when each binding, or object of another kind, becomes Ready; with Secrets, when each changes.

    What it watches costs the API server, with two processors for all: nothing that is not asked for.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        resource: Resource = VAULT_BINDINGS,
        *,
        with_secrets: bool = False,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._resource = resource
        self._with_secrets = with_secrets
        self.ready: dict[str, float] = {}
        self.secrets: dict[str, list[float]] = {}
        self._news = asyncio.Event()
        self._listed = asyncio.Semaphore(0)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator["Watcher"]:
        """Watch while the block runs."""
        watches = [self._watch(self._resource, self._see_binding, metadata_only=False)]
        if self._with_secrets:
            watches.append(self._watch(SECRETS, self._see_secret, metadata_only=True))
        tasks = [asyncio.create_task(watch) for watch in watches]
        try:
            async with asyncio.timeout(30):
                for _ in tasks:
                    await self._listed.acquire()
            await asyncio.sleep(0.2)  # until the streams are open, too
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(
        self, resource: Resource, see: Callable[[str, dict[str, Any]], None], *, metadata_only: bool
    ) -> None:
        version = (await self._client.list_metadata(resource, self._namespace, limit=1))["metadata"][
            "resourceVersion"
        ]
        self._listed.release()
        async with self._client.watch(
            resource,
            self._namespace,
            resource_version=version,
            timeout=3600,
            silence=3600,
            metadata_only=metadata_only,
        ) as events:
            async for event in events:
                see(event["type"], event["object"])
                self._news.set()

    def _see_binding(self, event: str, obj: dict[str, Any]) -> None:
        conditions = (obj.get("status") or {}).get("conditions") or ()
        name = obj["metadata"]["name"]
        if event != "DELETED" and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            self.ready.setdefault(name, time.monotonic())

    def _see_secret(self, event: str, obj: dict[str, Any]) -> None:
        if event in ("ADDED", "MODIFIED"):
            self.secrets.setdefault(obj["metadata"]["name"], []).append(time.monotonic())

    async def until(self, done: Callable[[], bool], seconds: float) -> float:
        """Wait until `done()`; return the monotonic time. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not done():
                self._news.clear()
                await self._news.wait()
        return time.monotonic()


async def apply_vault(client: KubeClient, body: dict[str, Any]) -> None:
    """Create a ClusterKeyVault, or leave the one that is there."""
    with contextlib.suppress(KubeError):
        await client.create(CLUSTER_KEY_VAULTS, "", body)


async def create_bindings(client: KubeClient, namespace: str, bodies: list[dict[str, Any]]) -> float:
    """Create bindings in parallel; return the monotonic time of the first request."""
    started = time.monotonic()
    await in_parallel(
        [lambda body=body: client.create(VAULT_BINDINGS, namespace, body) for body in bodies]  # type: ignore[misc]
    )
    return started
