"""Leaders that come and go while values, bindings and Secrets change: nothing is lost, nothing stays wrong.

`VAULTBIND_CHURN=1000:50` makes it a thousand bindings and fifty ends of leaders.
"""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.apiserver.operator_process import OperatorProcess
from tests.apiserver.test_high_availability import VAULT, Stage, stage_on
from tests.flow.world_cluster import ApiError, decode
from tools.realcluster import RealCluster
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

BINDINGS, ENDS = map(int, os.environ.get("VAULTBIND_CHURN", "40:3").split(":"))
SETTLE_SECONDS = 120.0


@pytest.fixture
async def stage(apiserver: RealCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage_on(apiserver, tmp_path) as stage:
        yield stage


@pytest.mark.timeout(600 + 60 * ENDS + BINDINGS)
async def test_nothing_is_lost_while_leaders_come_and_go(stage: Stage) -> None:
    team = Team(stage=stage, wanted={f"s{number}": "first" for number in range(BINDINGS)})
    async with team.under_churn() as changing:
        for number in range(ENDS):
            leader = await team.leader()
            leader.send(signal.SIGKILL if number % 5 == 1 else signal.SIGTERM)
            await leader.wait_ended()
            team.members.remove(leader)
            assert not changing.done(), changing.result()
    await team.settle()


async def test_a_cluster_that_stands_still_costs_a_leader_and_nothing_else(
    stage: Stage, apiserver: RealCluster
) -> None:
    """As a starved machine does it: nobody can renew, the leader gives up by itself and is started anew."""
    team = Team(stage=stage, wanted={f"s{number}": "first" for number in range(20)})
    async with team.under_churn():
        leader = await team.leader()
        pid = apiserver.pids["kube-apiserver"]
        os.kill(pid, signal.SIGSTOP)
        try:
            assert await leader.wait_ended(30.0) == 1
        finally:
            os.kill(pid, signal.SIGCONT)
    await team.settle()
    assert "not renewed for 10 s" in leader.log


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
            try:
                await stage.cluster.patch(SECRETS, stage.namespace, name, {"data": {"value": None}})
            except ApiError as error:
                if error.status != 404:  # deleted, and not written again yet
                    raise
        elif what == "delete":
            await stage.cluster.delete(SECRETS, stage.namespace, name)
        else:
            await stage.cluster.delete(VAULT_BINDINGS, stage.namespace, name)
            await stage.bind(name)
        await asyncio.sleep(0.05)


@dataclass(slots=True, kw_only=True)
class Team:
    """Two processes of which one leads; who ended is replaced, as a kubelet would."""

    stage: Stage
    wanted: dict[str, str]
    """What each Secret is to hold in the end."""
    members: list[OperatorProcess] = field(default_factory=list)
    started: int = 0

    @asynccontextmanager
    async def under_churn(self) -> AsyncIterator["asyncio.Task[None]"]:
        """Bind all, and change things until the block ends."""
        vault = self.stage.emulator.driver(VAULT)
        for name, value in self.wanted.items():
            vault.set_secret(name, value)
        await self.stage.bind(*self.wanted)
        enough = asyncio.Event()
        changing = asyncio.create_task(change(self.stage, self.wanted, random.Random(9), enough))
        try:
            yield changing
        finally:
            enough.set()
            await changing

    async def settle(self) -> None:
        """Wait until each Secret holds what the vault holds; fail with what differs."""
        await self.leader()
        wrong: dict[str, tuple[str | None, str | None]] = {}

        async def is_right() -> bool:
            found = await self.stage.cluster.objects(SECRETS, self.stage.namespace)
            values = {item["metadata"]["name"]: decode(item).get("value", b"").decode() for item in found}
            wrong.clear()
            for name in values.keys() | self.wanted.keys():
                if values.get(name) != self.wanted.get(name):
                    wrong[name] = (values.get(name), self.wanted.get(name))
            return not wrong

        try:
            await self.stage.until(is_right, SETTLE_SECONDS)
        except TimeoutError:
            pytest.fail(f"Secret and vault differ: {wrong}\n{await self.status_of(wrong)}")

    async def leader(self) -> OperatorProcess:
        """The one that leads and works, once the other waits, warm."""
        found: list[OperatorProcess] = []

        async def is_settled() -> bool:
            await self.fill()
            one, other = self.members
            try:
                found[:] = [one, other] if await one.leads() else [other, one]
                return await found[0].is_working() and await found[1].is_standby()
            except aiohttp.ClientError:  # it has just ended
                return False

        await self.stage.until(is_settled, 120.0)
        return found[0]

    async def fill(self) -> None:
        """Replace who ended: where the machine stands still for 10 s a leader ends by itself, and says so."""
        for member in [item for item in self.members if item.child.returncode is not None]:
            assert (member.child.returncode, "the lease is lost" in member.log) == (1, True), member.log
            self.members.remove(member)
        while len(self.members) < 2:
            self.members.append(await self.stage.start(f"p{self.started}"))
            self.started += 1

    async def status_of(self, names: Iterable[str]) -> str:
        """What bindings say, and what was logged of them last."""
        bindings = {item["metadata"]["name"]: item for item in await self.bindings()}
        told = [json.dumps(bindings.get(name, {}).get("status")) for name in list(names)[:3]]
        logs = [line for item in self.members for line in item.log.splitlines()[-15:]]
        return "\n".join((*told, *logs))

    async def bindings(self) -> list[dict[str, Any]]:
        return await self.stage.cluster.objects(VAULT_BINDINGS, self.stage.namespace)
