"""A process that may not lead any more: what it had begun ends with the vault call in flight."""

import pytest

from tests.flow.world import INTERVAL, World
from vaultbind.keyvault.simulation import Fault

TWO_PAGES = 30


def asked(world: World, action: str) -> int:
    return sum(entry.action == action and entry.outcome != "401" for entry in world.emulator.stats.recent())


@pytest.mark.parametrize(("detection", "action", "most"), [("List", "list", 1), ("Get", "get", 8)])
async def test_a_look_that_was_begun_asks_no_further(
    world: World, detection: str, action: str, most: int
) -> None:
    """Lists come page by page, gets eight at once."""
    names = [f"s{number:02}" for number in range(TWO_PAGES)]
    for name in names:
        world.seed.set_secret(name, "1")
    await world.connect(detection=detection)
    await world.bind("app", data=[{"key": name, "secret": {"name": name}} for name in names])
    await world.ready("app")
    await world.calm()
    leads = True
    await world.life.ask(lambda: world.life.operator.lead_while(lambda: leads))
    world.emulator.faults.add(Fault(method="GET", route="/secrets*", delay=2.0))
    world.clock.offset += INTERVAL + 1
    await world.life.ask(world.life.operator.engine.wake)
    await world.until(lambda: asked(world, action) > 0)
    leads = False
    world.emulator.faults.clear()
    engine = world.life.operator.engine
    await world.until(lambda: not engine.queue.active)
    assert 0 < asked(world, action) <= most
    leads = True
    await world.next_look()
    await world.ready("app")
