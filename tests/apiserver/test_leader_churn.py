"""Leaders that come and go while values, bindings and Secrets change: nothing is lost, nothing stays wrong.

`VAULTBIND_CHURN=1000:50` makes it a thousand bindings and fifty ends of leaders.
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.apiserver.operator_process import OperatorProcess
from tests.apiserver.test_high_availability import VAULT, Stage, stage_on
from tests.flow.world_cluster import decode
from tools.realcluster import RealCluster
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

BINDINGS, ENDS = map(int, os.environ.get("VAULTBIND_CHURN", "40:3").split(":"))
SETTLE_SECONDS = 60.0


@pytest.fixture
async def stage(apiserver: RealCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage_on(apiserver, tmp_path) as stage:
        yield stage


@pytest.mark.timeout(120 + 60 * ENDS + BINDINGS)
async def test_nothing_is_lost_while_leaders_come_and_go(stage: Stage) -> None:
    draw = random.Random(9)
    wanted = {f"s{number}": "first" for number in range(BINDINGS)}
    vault = stage.emulator.driver(VAULT)
    for name, value in wanted.items():
        vault.set_secret(name, value)
    leader, standby = await stage.start("p0"), await stage.start("p1")
    await stage.bind(*wanted)
    enough = asyncio.Event()
    changing = asyncio.create_task(change(stage, wanted, draw, enough))
    for number in range(ENDS):
        leader, standby = await leading(stage, leader, standby)
        leader.send(signal.SIGKILL if number % 5 == 1 else signal.SIGTERM)
        await leader.wait_ended()
        leader, standby = standby, await stage.start(f"p{number + 2}")
    enough.set()
    await changing

    async def is_right() -> bool:
        found = await stage.cluster.objects(SECRETS, stage.namespace)
        values = {item["metadata"]["name"]: decode(item).get("value", b"").decode() for item in found}
        return values == wanted

    await stage.until(is_right, SETTLE_SECONDS)


async def change(stage: Stage, wanted: dict[str, str], draw: random.Random, enough: asyncio.Event) -> None:
    """Rotate, edit, delete and bind anew, until it is enough; `wanted` follows."""
    vault = stage.emulator.driver(VAULT)
    count = 0
    while not enough.is_set():
        count += 1
        name = draw.choice(list(wanted))
        what = draw.choice(("rotate", "rotate", "edit", "delete", "unbind"))
        if what == "rotate":
            wanted[name] = f"value {count}"
            vault.set_secret(name, wanted[name])
        elif what == "edit":
            secret = await stage.cluster.get(SECRETS, stage.namespace, name)
            if secret is not None:
                await stage.cluster.patch(SECRETS, stage.namespace, name, {"data": {"value": None}})
        elif what == "delete":
            await stage.cluster.delete(SECRETS, stage.namespace, name)
        else:
            await stage.cluster.delete(VAULT_BINDINGS, stage.namespace, name)
            await stage.bind(name)
        await asyncio.sleep(0.05)


async def leading(
    stage: Stage, one: OperatorProcess, other: OperatorProcess
) -> tuple[OperatorProcess, OperatorProcess]:
    """Both processes, the one that leads and works first; the other waits, warm."""
    found: list[OperatorProcess] = []

    async def is_settled() -> bool:
        pair = [one, other] if await one.leads() else [other, one]
        found[:] = pair
        return await pair[0].is_working() and await pair[1].is_standby()

    await stage.until(is_settled, 120.0)
    return found[0], found[1]
