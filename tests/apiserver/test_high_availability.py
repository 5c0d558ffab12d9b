"""Two real processes and one Lease on the real API server: who works when, and what a change costs."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.apiserver.operator_process import OperatorProcess, started
from tests.flow.world_cluster import Cluster, decode, use_real
from tools.realcluster import RealCluster
from tools.realcluster.rules import rules
from vaultbind.emulator import Emulator, EmulatorConfig
from vaultbind.keyvault.simulation import Fault
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.kube.connection import connect
from vaultbind.kube.lease_record import LeaseTimings
from vaultbind.kube.leases import LeaseElector
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, LEASES, NAMESPACES, SECRETS, VAULT_BINDINGS

KILLED, TERMINATED = 20.0, 3.0
"""Seconds that a takeover may take."""
DRAINED = 10.0
"""Seconds after SIGTERM in which it has ended, whatever hangs."""
VAULT = "shop"
STEP = 0.02


@dataclass(slots=True, kw_only=True)
class Stage:
    """A namespace with bindings, a vault, and processes that compete."""

    cluster: Cluster
    emulator: Emulator
    kubeconfig: Path
    folder: Path
    stack: AsyncExitStack
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def namespace(self) -> str:
        return f"ha-{self.token}"

    async def start(self, name: str, kubeconfig: Path | None = None) -> OperatorProcess:
        flags = (
            f"--namespace={self.namespace}",
            f"--lease-namespace={self.namespace}",
            "--lease-name=vaultbind",
            "--log-level=info",
        )
        return await self.stack.enter_async_context(
            started(name, kubeconfig or self.kubeconfig, self.emulator, self.folder, *flags)
        )

    async def bind(self, *names: str) -> None:
        spec = {"vaultRef": {"kind": "ClusterKeyVault", "name": self.namespace}}
        for name in names:
            data = [{"key": "value", "secret": {"name": name}}]
            body = {"metadata": {"name": name}, "spec": {**spec, "data": data}}
            await self.cluster.create(VAULT_BINDINGS, self.namespace, body)

    async def value(self, name: str) -> str:
        secret = await self.cluster.get(SECRETS, self.namespace, name)
        return decode(secret)["value"].decode() if secret else ""

    async def versions(self) -> dict[str, str]:
        """resourceVersion of everything that the operator writes."""
        found = [
            *await self.cluster.objects(SECRETS, self.namespace),
            *await self.cluster.objects(VAULT_BINDINGS, self.namespace),
        ]
        vault = await self.cluster.get(CLUSTER_KEY_VAULTS, "", self.namespace)
        found += [vault] if vault else []
        return {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in found}

    async def holder(self) -> str:
        lease = await self.cluster.get(LEASES, self.namespace, "vaultbind")
        return str((lease or {}).get("spec", {}).get("holderIdentity") or "")

    def gets(self, name: str = "") -> int:
        return sum(
            entry.action == "get" and name in ("", entry.name) and entry.outcome != "401"
            for entry in self.emulator.stats.recent()
        )

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> float:
        """Wait for something that must come; return the seconds that took."""
        begun = time.monotonic()
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - the state of another process has no event
                await asyncio.sleep(STEP)
        return time.monotonic() - begun


@asynccontextmanager
async def stage_on(real: RealCluster, folder: Path) -> AsyncIterator[Stage]:
    everywhere = rules("namespaces", "cluster", "own")
    real.grant("kube-system", "vaultbind-ha", everywhere)
    kubeconfig = real.service_account_kubeconfig("kube-system", "vaultbind-ha")
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(use_real(real, kubeconfig))
        emulator = await stack.enter_async_context(Emulator.start(EmulatorConfig()))
        stage = Stage(cluster=cluster, emulator=emulator, kubeconfig=kubeconfig, folder=folder, stack=stack)
        await cluster.create(NAMESPACES, "", {"metadata": {"name": stage.namespace}})
        spec: dict[str, Any] = {
            "url": emulator.vault_url(VAULT),
            "auth": {"managedIdentity": {}},
            "refreshInterval": "5s",
            "access": [{"namespaces": {"names": [stage.namespace]}}],
        }
        await cluster.create(CLUSTER_KEY_VAULTS, "", {"metadata": {"name": stage.namespace}, "spec": spec})
        try:
            yield stage
        finally:
            await cluster.delete(CLUSTER_KEY_VAULTS, "", stage.namespace)
            await cluster.delete(NAMESPACES, "", stage.namespace)


@pytest.fixture
async def stage(apiserver: RealCluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage_on(apiserver, tmp_path) as stage:
        yield stage


async def lead_and_follow(
    stage: Stage, kubeconfig: Path | None = None
) -> tuple[OperatorProcess, OperatorProcess]:
    """One process that leads and has everything in sync, and one that waits, warm.

    The vault's objects are old: what is read within two seconds of its change is read again by the next one.
    """
    vault = VaultDriver(stage.emulator.estate.vault(VAULT), lambda: datetime.now(UTC) - timedelta(hours=1))
    names = [f"s{number}" for number in range(10)]
    for name in names:
        vault.set_secret(name, f"value of {name}")
    first = await stage.start("first", kubeconfig)
    await stage.until(first.is_working)
    await stage.bind(*names)

    async def is_in_sync() -> bool:
        bindings = await stage.cluster.objects(VAULT_BINDINGS, stage.namespace)
        return all((item.get("status") or {}).get("revision") for item in bindings)

    await stage.until(is_in_sync)
    second = await stage.start("second")
    await stage.until(second.is_standby)
    return first, second


async def test_a_leader_that_ends_hands_over_at_once_and_nothing_is_read_or_written(stage: Stage) -> None:
    first, second = await lead_and_follow(stage)
    await settle(stage)
    before = await stage.versions()
    stage.emulator.stats.clear()
    took = await hand_over(stage, first, second)
    await stage.until(second.is_working)
    await stage.until(lambda: has_looked(stage))
    assert stage.gets() == 0
    assert await stage.versions() == before
    if took >= TERMINATED:  # on a busy machine a second try may tell more of us and less of it
        third = await stage.start("third")
        await stage.until(third.is_standby)
        took = await hand_over(stage, second, third)
    assert took < TERMINATED


async def hand_over(stage: Stage, leader: OperatorProcess, standby: OperatorProcess) -> float:
    """End the leader; seconds until the other one leads."""
    leader.send(signal.SIGTERM)
    took = await stage.until(standby.leads)
    assert await leader.wait_ended() == 0
    return took


async def settle(stage: Stage) -> None:
    """Let two looks pass and the third begin, so that nothing of what there is to do is left."""
    stage.emulator.stats.clear()
    await stage.until(lambda: has_looked(stage, 3))


async def has_looked(stage: Stage, times: int = 2) -> bool:
    """Whether the leader has listed the vault's secrets so often since the last count."""
    return stage.emulator.stats.count(operation="secrets.list", outcome="200") >= times


async def test_a_leader_whose_vault_hangs_ends_in_time_and_leaves_the_lease(stage: Stage) -> None:
    vault, names = stage.emulator.driver(VAULT), ("s0", "s1", "s2", "s3")
    for name in names:
        vault.set_secret(name, f"value of {name}")
    leader = await stage.start("leader")
    await stage.until(leader.is_working)
    assert await stage.holder()
    stage.emulator.faults.add(Fault(method="GET", route="/secrets/*", delay=60.0))
    await stage.bind(*names)

    async def is_hanging() -> bool:
        return all(stage.gets(name) for name in names)

    await stage.until(is_hanging)
    leader.send(signal.SIGTERM)
    begun = time.monotonic()
    assert await leader.wait_ended() == 0, leader.log
    assert time.monotonic() - begun < DRAINED, leader.log
    assert await stage.holder() == ""
    assert await stage.cluster.objects(SECRETS, stage.namespace) == [], "nothing hung"


async def test_a_leader_that_is_killed_is_replaced(stage: Stage) -> None:
    first, second = await lead_and_follow(stage)
    stage.emulator.driver(VAULT).set_secret("s0", "changed while nobody leads")
    first.send(signal.SIGKILL)
    assert await stage.until(second.leads) < KILLED

    async def has_arrived() -> bool:
        return await stage.value("s0") == "changed while nobody leads"

    await stage.until(has_arrived)


async def test_a_paused_leader_that_wakes_up_is_refused_and_ends(stage: Stage) -> None:
    """It wakes up with an old value in its hands, on its way to the Secret."""
    first, second = await lead_and_follow(stage)
    await settle(stage)
    vault = stage.emulator.driver(VAULT)
    vault.set_secret("s0", "old")
    stage.emulator.stats.clear()
    stage.emulator.faults.add(Fault(method="GET", route="/secrets/*", delay=1.0, count=1))

    async def is_reading() -> bool:
        return stage.gets("s0") > 0

    await stage.until(is_reading)
    first.send(signal.SIGSTOP)
    stage.emulator.faults.clear()
    vault.set_secret("s0", "new")
    assert await stage.until(second.leads) < KILLED

    async def has_arrived() -> bool:
        return await stage.value("s0") == "new"

    await stage.until(has_arrived)
    await settle(stage)
    before = await stage.versions()
    stage.emulator.stats.clear()
    first.send(signal.SIGCONT)
    assert await first.wait_ended() == 1
    assert "the lease is lost" in first.log
    assert await stage.value("s0") == "new"
    assert await stage.versions() == before
    assert stage.gets() <= 1, "at most the call in flight is repeated"
    assert await second.leads()


@dataclass(slots=True, kw_only=True)
class Wire:
    """A line to the API server that can be cut: what is sent is lost, and nobody is told."""

    port: int
    is_cut: bool = False
    _pumps: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def laid(cls, target: int) -> AsyncIterator["Wire"]:
        wire = cls(port=0)

        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", target)
            for pump in (wire._pump(reader, back), wire._pump(there, writer)):
                task = asyncio.create_task(pump)
                wire._pumps.add(task)
                task.add_done_callback(wire._pumps.discard)

        server = await asyncio.start_server(connect, "127.0.0.1", 0)
        wire.port = server.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:
            server.close()
            for task in list(wire._pumps):
                task.cancel()
            await asyncio.gather(*wire._pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if not self.is_cut:
                    sink.write(data)
                    await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()


async def test_a_leader_that_is_cut_off_gives_up_before_another_leads(
    stage: Stage, apiserver: RealCluster
) -> None:
    async with Wire.laid(apiserver.port) as wire:
        through = stage.folder / "through-the-wire.kubeconfig"
        through.write_text(
            stage.kubeconfig.read_text().replace(f"127.0.0.1:{apiserver.port}", f"127.0.0.1:{wire.port}")
        )
        first, second = await lead_and_follow(stage, through)
        wire.is_cut = True

        async def has_given_up() -> bool:
            try:
                return not await first.leads()
            except aiohttp.ClientError:  # it has ended
                return True

        assert not await has_given_up()
        given_up = asyncio.create_task(stage.until(has_given_up))
        assert await stage.until(second.leads) < KILLED
        assert given_up.done(), "both led at once"
        await given_up
        assert await first.wait_ended() == 1
        assert "not renewed for 10 s" in first.log


async def test_clocks_that_jump_move_no_lease(stage: Stage, apiserver: RealCluster) -> None:
    """What a Lease's times say is for people: each process goes by its own steady clock."""
    ahead = timedelta(days=1)
    leases = (("ahead", ahead), ("back", -ahead))
    await asyncio.gather(*(jump_about(stage, apiserver.kubeconfig, *lease) for lease in leases))


async def jump_about(stage: Stage, kubeconfig: Path, lease: str, jump: timedelta) -> None:
    """Two electors whose clocks differ, and jump while one of them leads."""
    jumps = {"first": timedelta(0), "second": -jump}
    timings = LeaseTimings(interval=0.3, deadline=10.0, duration=12.0)

    async def elector(name: str) -> LeaseElector:
        client = await stage.stack.enter_async_context(await connect(kubeconfig=kubeconfig))
        place = (stage.namespace, lease, name)
        return LeaseElector(client, *place, timings=timings, now=lambda: datetime.now(UTC) + jumps[name])

    first, second = await elector("first"), await elector("second")
    await first.wait_until_leader()
    waiting = asyncio.create_task(second.wait_until_leader())
    for shift in (jump, timedelta(0), 2 * jump):
        jumps["first"] = shift
        await asyncio.sleep(timings.duration * 1.2)
        assert (first.is_leader, waiting.done(), second.holder) == (True, False, "first")

    await first.release()
    await asyncio.wait_for(waiting, timings.duration)
    assert second.is_leader
    await second.release()
