"""What a world promises its flows: a request too many is seen, whoever sends it."""

from pathlib import Path

import pytest

from tests.flow.world import World, start_world
from tests.flow.world_cluster import MERGE, start_sandbox
from vaultbind.kube.resources import NAMESPACES
from vaultbind.sandbox.faults import Fault


async def annotate_as_kopf(world: World) -> None:
    """What Kopf would do that wanted to remember something, by its own way to the cluster."""
    connection = world.life.operator.client.connection
    async with connection.open_session() as session:
        answer = await session.patch(
            connection.server + NAMESPACES.path("", world.namespace),
            json={"metadata": {"annotations": {"a": "b"}}},
            headers={"Content-Type": MERGE},
        )
        assert answer.status == 200, await answer.text()


async def test_one_write_of_kopfs_is_one_too_many(tmp_path: Path) -> None:
    """One of ours that was refused does not make up for it."""
    bindings = "vaultbindings.vaultbind.dev"
    with pytest.raises(AssertionError, match="Kopf wrote"):  # noqa: PT012 - the end of the block raises it
        async with start_sandbox(tmp_path) as cluster, start_world(cluster) as world:
            await world.start_operator()
            world.sandbox.inject(Fault(verb="patch", resource=bindings, status=500))
            await world.bind("app", data=[{"key": "a", "secret": {"name": "a"}}])
            await world.until(lambda: world.sandbox.stats.count(resource=bindings, status=500) > 0)
            await world.life.ask(lambda: annotate_as_kopf(world))
