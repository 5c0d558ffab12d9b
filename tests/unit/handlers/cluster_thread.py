"""The embedded cluster API in a thread and loop of its own.

At its end Kopf cancels every task of its loop that began after it: the cluster's must not be there.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.flow.world_cluster import Cluster, start_sandbox
from tests.loop import wait_for_sockets
from vaultbind.kube.resources import Resource
from vaultbind.sandbox import Stats

T = TypeVar("T")


@dataclass(frozen=True)
class ClusterThread:
    """The cluster and how to ask it from another loop."""

    cluster: Cluster
    loop: asyncio.AbstractEventLoop

    async def ask(self, question: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(question, self.loop))

    async def create(self, resource: Resource, namespace: str, name: str, spec: Any) -> str:
        """Create an object and return its uid."""
        body = {"metadata": {"name": name}, "spec": spec}
        created = await self.ask(self.cluster.create(resource, namespace, body))
        return str(created["metadata"]["uid"])

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        return await self.ask(self.cluster.get(resource, namespace, name))

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        await self.ask(self.cluster.delete(resource, namespace, name))

    @property
    def stats(self) -> Stats:
        assert self.cluster.sandbox is not None
        return self.cluster.sandbox.stats


@contextmanager
def start_cluster(folder: Path) -> Iterator[ClusterThread]:
    """Run a cluster with our CRDs as long as the block lasts."""
    ready: Future[ClusterThread] = Future()
    over = asyncio.Event()

    async def serve() -> None:
        async with start_sandbox(folder) as cluster:
            ready.set_result(ClusterThread(cluster, asyncio.get_running_loop()))
            await over.wait()
        await wait_for_sockets()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="cluster", daemon=True)
    thread.start()
    found = ready.result(60)
    try:
        yield found
    finally:
        found.loop.call_soon_threadsafe(over.set)
        thread.join(60)
