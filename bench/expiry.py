"""Expiry in one process: what many objects cost, from the lists of vaults to what is told of them.

make bench ARGS=expiry       10,000 objects over 20 vaults; writes bench/results/expiry.json

The operator's own parts run: engine, looks, judgement, ends of certificates, notices of keys, renewals. The
vaults are an emulator in another process, over TLS; the cluster keeps statuses and Events and does nothing
else; there is no binding and no sink. CPU is that of the operator's process with its client.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from bench.expiry_vaults import DAY, KeepingCluster, Service, name_vault, render_seed
from bench.machine import describe_machine
from bench.processes import Vault
from vaultbind.api.refs import ObjectKey
from vaultbind.app.operator import Operator
from vaultbind.engine.queue import Priority
from vaultbind.expiry.memory import GRACE
from vaultbind.kube.client import KubeClient
from vaultbind.settings import RunSettings
from vaultbind.telemetry.metrics import Metrics
from vaultbind.vaults.policy import VaultPolicy
from vaultbind.vaults.watcher import look_key

SUBJECT: Final = "expiry"
ROOT: Final = Path(__file__).resolve().parent.parent
PASSES: Final = 20
"""Judgements with nothing new, of which the mean is taken."""
LOOKS: Final = 3
"""Looks with nothing new, of which the mean is taken."""
MONTH: Final = 30
"""Days that are followed."""
MOST_TICKS: Final = 500
"""After which something is wrong: what can be read on a day is bounded."""


ROWS: Final = (
    ("first look at all vaults, with the first judgement", "{first_look_cpu_s} s CPU"),
    ("a judgement with nothing new", "{quiet_pass_cpu_ms} ms CPU, {quiet_pass_cpu_ms_each} µs for an object"),
    ("a look by list with nothing new", "{look_cpu_ms} ms CPU, {look_cpu_ms_each} µs for an object"),
    ("writes to the cluster and own reads with nothing new", "{quiet_writes} and {quiet_reads}"),
    (
        "own reads within an hour of a start (ends of certificates, policies of keys)",
        "{first_day_reads}, {read_cpu_ms} ms CPU for one",
    ),
    (
        "{days} days, each with a look and all reads of the day",
        "{days_cpu_s} s CPU; {days_reads} reads, {days_writes} writes of statuses, {days_events} Events",
    ),
    ("own reads of one object on one day, the most", "{most_reads_of_an_object_and_day}"),
    ("one scrape of all metrics", "{scrape_cpu_ms} ms CPU"),
    ("memory that the first look took", "{looked_mb} MB"),
    ("memory taken in all, after those days", "{grown_mb} MB, {grown_mb_each} kB for an object"),
)


@dataclass(slots=True)
class MovableClock:
    """The machine's time, moved forward."""

    offset: timedelta = timedelta(0)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic() + self.offset.total_seconds()

    def now(self) -> datetime:
        """Aware wall-clock time in UTC."""
        return datetime.now(UTC) + self.offset


@dataclass(slots=True, kw_only=True)
class House:
    """The operator with its KeyVaults, and what it has read."""

    operator: Operator
    service: Service
    clock: MovableClock
    cluster: KeepingCluster
    keys: tuple[ObjectKey, ...]
    reads: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Of the day, by vault, kind and name."""
    most_of_one: int = 0
    """Reads of one object on one day, the most."""

    async def look(self) -> float:
        """Let each vault be looked at, and its KeyVault be judged after it; returns seconds of CPU."""
        spent = 0.0
        for key in self.keys:  # one by one: the emulator remembers so many requests only
            session = self.operator.hub.resolve(key)
            if session is None or session.session is None:
                raise RuntimeError(f"{key} leads nowhere")
            self.operator.engine.add(look_key(session.session), Priority.ROUTINE)
            spent += await self._finish()
        return spent

    async def judge(self) -> float:
        """What the timer does for all KeyVaults each minute; returns seconds of CPU."""
        spent = 0.0
        for key in self.keys:
            self.operator.judge_expiry(key, key.name)
            spent += await self._finish()
        return spent

    async def read_all(self) -> tuple[float, int]:
        """Let the timer tick until nothing is left to be read today; seconds of CPU, and ticks."""
        spent = 0.0
        for tick in range(1, MOST_TICKS):
            before = self.reads.total()
            spent += await self.judge()
            if self.reads.total() == before:
                return spent, tick
        raise RuntimeError("there is no end of reads")

    async def _finish(self) -> float:
        started = time.process_time()
        await self.rest()
        spent = time.process_time() - started
        self.reads += await self.service.take_reads()
        return spent

    async def rest(self) -> None:
        """Wait until nothing is left to do now."""
        self.operator.engine.wake()
        while not self.operator.engine.idle:  # noqa: ASYNC110 - the engine tells nobody that it rests
            await asyncio.sleep(0.005)

    async def move(self, distance: timedelta) -> None:
        """Let time pass here and in the vaults."""
        await self.service.move(distance)
        self.clock.offset += distance

    def end_day(self) -> int:
        """Count what was read. Raises RuntimeError where that is more than a read of an object."""
        reads = self.reads.total()
        self.most_of_one = max([self.most_of_one, *self.reads.values()])
        if self.most_of_one > 1:
            raise RuntimeError(f"an object was read {self.most_of_one} times on a day")
        self.reads.clear()
        return reads


@contextlib.asynccontextmanager
async def open_house(service: Service, vaults: int) -> AsyncIterator[House]:
    """Start the operator's engine with a ClusterKeyVault for each vault; its first look is not had yet."""
    os.environ["IDENTITY_ENDPOINT"] = f"{service.url}/msi/token"
    os.environ["IDENTITY_HEADER"] = "bench"
    clock, cluster = MovableClock(), KeepingCluster()
    policy = VaultPolicy(
        vault_suffixes=(f".vault.localhost:{service.port}",), authority_hosts=(f"127.0.0.1:{service.port}",)
    )
    operator = Operator(
        settings=RunSettings(policy=policy),
        client=cast("KubeClient", cluster),
        clock=clock,
        metrics=Metrics(),
        identity="bench",
    )
    cluster.objects = {name: render_keyvault(service, name) for name in map(name_vault, range(vaults))}
    keys = tuple(ObjectKey("ClusterKeyVault", "", name) for name in cluster.objects)
    await operator.clients.warm()
    work = asyncio.create_task(operator.engine.run())
    try:
        yield House(operator=operator, service=service, clock=clock, cluster=cluster, keys=keys)
    finally:
        await operator.stop(1.0)
        await work


def render_keyvault(service: Service, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": "ClusterKeyVault",
        "metadata": {"name": name, "uid": name, "resourceVersion": "1", "generation": 1},
        "spec": {
            "url": service.url_of(name),
            "auth": {"managedIdentity": {}},
            "caBundle": service.ca_pem,
            "access": [{"namespaces": {"all": True}}],
            "refreshInterval": "365d",  # looks come when they are measured
            "rateLimit": {"requestsPerSecond": 2000, "burst": 2000},
            "expiry": {"scope": "All"},
        },
    }


async def measure(service: Service, objects: int, vaults: int, days: int = MONTH) -> dict[str, Any]:
    """First look, own reads, quiet judgements and looks, a month; CPU seconds and memory.

    Raises RuntimeError where a vault is not connected, or an object is read twice on a day.
    """
    figures: dict[str, Any] = {"objects": objects, "vaults": vaults, "days": days}
    figures["policies"] = await service.set_policies(objects, vaults)
    async with open_house(service, vaults) as house:
        before = rss_mb()
        figures |= await _begin(house)
        figures["looked_mb"] = round(rss_mb() - before, 1)
        figures |= await _follow_rest(house)
        figures |= await _follow_days(house, days)
        figures |= await _scrape(house)
        figures["grown_mb"] = round(rss_mb() - before, 1)
    return figures


async def _begin(house: House) -> dict[str, Any]:
    """First look at all, and the reads that follow: at once, and an hour later."""
    started = time.process_time()
    for obj in house.cluster.objects.values():
        house.operator.feed.take("ADDED", obj)
    await house.rest()
    first = time.process_time() - started
    statuses = [obj.get("status") or {} for obj in house.cluster.objects.values()]
    if any("ending" not in status for status in statuses):
        raise RuntimeError("not all vaults are connected")
    await house.service.clear_log()
    await house.read_all()
    await house.move(GRACE)
    spent, ticks = await house.read_all()
    reads = house.end_day()
    quiet = await house.judge()
    return {
        "seen": sum(status["objects"] for status in statuses),
        "first_look_cpu_s": round(first, 2),
        "first_day_reads": reads,
        "read_cpu_ms": round(1000 * (spent - ticks * quiet) / max(1, reads), 2),
    }


async def _follow_rest(house: House) -> dict[str, Any]:
    """Where nothing is new."""
    writes, reads = house.cluster.writes, house.reads.total()
    quiet = sum([await house.judge() for _ in range(PASSES)]) / PASSES
    look = sum([await house.look() for _ in range(LOOKS)]) / LOOKS - quiet
    return {
        "quiet_pass_cpu_ms": round(1000 * quiet, 1),
        "look_cpu_ms": round(1000 * look, 1),
        "quiet_writes": house.cluster.writes - writes,
        "quiet_reads": house.reads.total() - reads,
    }


async def _follow_days(house: House, days: int) -> dict[str, Any]:
    """Each day a look, and all reads that the day allows."""
    writes, events, reads, spent = house.cluster.writes, house.cluster.events, 0, 0.0
    for _ in range(days):
        await house.move(DAY)
        spent += await house.look()
        spent += (await house.read_all())[0]
        reads += house.end_day()
    return {
        "days_cpu_s": round(spent, 2),
        "days_reads": reads,
        "days_writes": house.cluster.writes - writes,
        "days_events": house.cluster.events - events,
        "most_reads_of_an_object_and_day": house.most_of_one,
    }


async def _scrape(house: House) -> dict[str, Any]:
    started = time.process_time()
    house.operator.metrics.render()
    return {"scrape_cpu_ms": round(1000 * (time.process_time() - started), 1)}


def render_table(result: dict[str, Any]) -> str:
    """Markdown; a row whose figures an older run did not take is left out."""
    figures = dict(result["figures"])
    for name, factor in (("quiet_pass_cpu_ms", 1000), ("look_cpu_ms", 1000), ("grown_mb", 1000)):
        if name in figures:
            figures[f"{name}_each"] = f"{factor * figures[name] / figures['objects']:.1f}"
    rows = []
    for row in ROWS:
        with contextlib.suppress(KeyError):
            rows.append(f"| {' | '.join(row)} |".format_map(figures))
    return "\n".join(["| what | cost |", "|---|---|", *rows])


def rss_mb() -> float:
    """Resident memory now, in MB, after what can be freed was."""
    gc.collect()
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


async def measure_process(objects: int, vaults: int, days: int) -> dict[str, Any]:
    """Measure beside an emulator in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault(Path(folder), seed=render_seed(objects, vaults, datetime.now(UTC)), latency="0ms")
        try:
            service = Service(vault.url, vault.ca_file.read_text(encoding="ascii"))
            return await measure(service, objects, vaults, days)
        finally:
            vault.process.stop()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=expiry", description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--vaults", type=int, default=20)
    parser.add_argument("--days", type=int, default=MONTH)
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/expiry.json")
    chosen = parser.parse_args(arguments)
    result = {
        "subject": SUBJECT,
        "machine": describe_machine(),
        "figures": asyncio.run(measure_process(chosen.objects, chosen.vaults, chosen.days)),
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(render_table(result))
    return 0
