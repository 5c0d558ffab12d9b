"""The operator dies at every await of `cryptojobs/`: the next start ends the job, with one result."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.flow import jobs
from tests.flow.await_points import Gate, Point, find_points, gated
from tests.flow.crash_jobs import check_end, set_up, snapshot, submit_all
from tests.flow.world import World
from vaultbind.handlers import controller
from vaultbind.kube.resources import CRYPTO_JOBS

PACKAGE = "vaultbind.cryptojobs"
POINTS = find_points(PACKAGE)
MODULES = {point.module for point in POINTS}


def test_the_points_are_those_of_the_room() -> None:
    """A control: the syntax tree knows as many awaits as the text has words of that name."""
    names = {module.rpartition(".")[2] for module in MODULES}
    assert names == {"apply", "deadline", "observe", "operate", "reconcile"}
    assert len(POINTS) > 25
    assert len(set(POINTS)) == len(POINTS)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    monkeypatch.setattr(controller, "DRAIN_SECONDS", 0.05)
    with gated(PACKAGE) as made:
        yield made


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the dead close no sockets
@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_a_crash_at_any_await(world: World, gate: Gate, point: Point) -> None:
    world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    await set_up(world)
    for moment in ("before", "after"):
        await _crash(world, gate, point, moment, moment)
    end: dict[str, Any] = {}
    await snapshot(world, "", end)
    await world.restart()
    later: dict[str, Any] = {}
    await snapshot(world, "", later)
    assert later == end


async def _crash(world: World, gate: Gate, point: Point, moment: str, number: str) -> None:
    gate.set(point, moment)
    lasting = await submit_all(world, number)
    await world.until(gate.sprung.is_set)
    seen: dict[str, Any] = {}
    await world.restart(lambda: snapshot(world, f"{number}-", seen))
    await jobs.complete(world, *lasting)
    assert await world.get(CRYPTO_JOBS, f"{number}-brief") is None
    await check_end(world, number, seen, f"{point} {moment}")
