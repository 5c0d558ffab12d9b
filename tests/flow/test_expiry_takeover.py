"""A leader loses its Lease in the middle of telling: the next one tells the rest, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.flow.sinks import Sink, start_sink
from tests.flow.test_cloudevents import sent
from tests.flow.test_expiry import judge
from tests.flow.test_keyvaults import DATA, vault_events
from tests.flow.test_vault_crash import Trap, trap
from tests.flow.world import LEASE, World
from vaultbind.api.refs import ObjectKey
from vaultbind.expiry.outlets import OutletSettings
from vaultbind.expiry.sink import parse_sink
from vaultbind.handlers.controller import ControllerError
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, LEASES

DAY = timedelta(days=1)
STATUS = "patch clusterkeyvaults/status"
__all__ = ["trap"]


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with start_sink() as sink:
        yield sink


@pytest.fixture
async def led(quiet_world: World, sink: Sink) -> World:
    """A world with one leader that tells the sink."""
    world = quiet_world
    world.elects = True
    world.settings = replace(world.settings, outlets=OutletSettings(sink=parse_sink(sink.url)))
    await world.start_operator()
    return world


async def take_over(world: World) -> None:
    """Let a standby wait, take the Lease away from the leader, and wait until the other one leads."""
    first = world.lives[-1]
    follows = asyncio.create_task(world.start_operator())
    await world.until(lambda: len(world.lives) > 1)
    await world.cluster.patch(LEASES, world.namespace, LEASE, {"spec": {"holderIdentity": None}})
    with pytest.raises(ControllerError, match="the Lease was lost"):
        await first.end()
    world.lives.remove(first)
    await follows
    await world.settled()


async def begin_to_tell(world: World) -> None:
    """What the timer does; the leader is caught in it."""
    operator = world.life.operator
    uid = (await world.there(CLUSTER_KEY_VAULTS, world.vault_name))["metadata"]["uid"]
    key = ObjectKey("ClusterKeyVault", "", world.vault_name)
    assert await world.life.ask(lambda: operator.judge_expiry(key, uid))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("request_", ["create events", STATUS])
async def test_another_leads_while_a_crossing_is_told(
    led: World, sink: Sink, trap: Trap, moment: str, request_: str
) -> None:
    world = led
    for name in ("a", "b", "c"):
        world.seed.set_secret(name, "1", expires=world.clock.now() + 31 * DAY)
    await world.connect(refreshInterval="365d", expiry={"scope": "All"})
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    await sent(world)
    trap.set(moment, request_)
    world.clock.offset += 2 * 86_400
    await begin_to_tell(world)
    await world.until(trap.sprung.is_set)
    world.clock.offset += 2  # whoever takes over does it later
    await take_over(world)
    await judge(world)
    await sent(world)
    assert await vault_events(world) == ["ExpiresSoon"] * 3
    near = [f"secret.nearexpiry secrets/{name}" for name in "abc"]
    told = {event["id"]: f"secret.nearexpiry {event['subject']}" for event in sink.events}
    assert sorted(told.values()) == near, "what comes twice has the same id"
    world.clock.offset += 22.5 * 86_400
    await judge(world)
    await sent(world)
    assert await vault_events(world) == ["ExpiresSoon"] * 6, "the new leader goes on"
    assert sorted(sink.types()[-3:]) == near
