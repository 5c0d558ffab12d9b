"""What is measured, one function per row of the table."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cluster import (
    Watcher,
    apply_vault,
    clear_namespace,
    create_bindings,
    of_operator,
    render_binding,
    render_namespace,
    render_vault,
    requests,
)
from bench.processes import Process, Vault
from tools.realcluster import RealCluster
from tools.realcluster.rules import OPERATOR_RULES
from vaultbind.kube.client import KubeClient

VAULT, OTHER = "bench", "throttled"
NAMESPACE, LIVE = "bench", "live"
CHANGES = 20


@dataclass(slots=True, kw_only=True)
class Stage:
    """The cluster, the vault, the operator, and counts at the last mark."""

    cluster: RealCluster
    client: KubeClient
    """An administrator's."""
    writer: KubeClient
    """With the operator's account."""
    vault: Vault
    folder: Path
    kubeconfig: Path
    count: int
    operator: Process | None = None
    _writes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _vault: dict[str, int] = field(default_factory=dict)
    _cpu: float = 0.0

    def start_operator(self, *flags: str) -> None:
        """Start `vaultbind run` under the ServiceAccount of the kubeconfig, with further flags."""
        environ = {
            "KUBECONFIG": str(self.kubeconfig),
            "SSL_CERT_FILE": str(self.vault.ca_file),
            "IDENTITY_ENDPOINT": f"{self.vault.url}/msi/token",
            "IDENTITY_HEADER": "bench",
        }
        suffix = f".vault.localhost:{self.vault.port}"
        arguments = ["run", "--no-leader-election", "--metrics-address", "127.0.0.1:0"]
        self.operator = Process(
            [*arguments, "--allowed-vault-suffixes", suffix, *flags],
            log=self.folder / "operator.log",
            environ=environ,
        )
        self._cpu = 0.0

    @property
    def running(self) -> Process:
        """The operator's process. Raises RuntimeError before the first start."""
        if self.operator is None:
            raise RuntimeError("the operator has not been started")
        return self.operator

    def url(self, name: str) -> str:
        """URL of one of the emulator's vaults."""
        return f"https://{name}.vault.localhost:{self.vault.port}"

    def mark(self) -> None:
        """Begin counting."""
        self._writes = requests(self.cluster)
        self._vault = self.vault.counts()
        self._cpu = self.operator.cpu_seconds() if self.operator is not None else 0.0

    def counted(self) -> dict[str, Any]:
        """What was counted since the mark."""
        now = self.vault.counts()
        return {
            "cluster": of_operator(requests(self.cluster) - self._writes),
            "vault": {key: now[key] - self._vault.get(key, 0) for key in now},
            "cpu_seconds": round(self.running.cpu_seconds() - self._cpu, 2),
            "peak_rss_mb": round(self.running.peak_rss_mb()),
        }


def grant_operator(cluster: RealCluster) -> Path:
    """A kubeconfig of a ServiceAccount with the operator's rights: installing is no part of a start."""
    cluster.grant("kube-system", "vaultbind", OPERATOR_RULES)
    return cluster.service_account_kubeconfig("kube-system", "vaultbind")


def name_of(index: int) -> str:
    """Name of a binding, of its secret and of its Secret."""
    return f"s-{index:05}"


async def measure_start(stage: Stage) -> dict[str, Any]:
    """The operator starts with nothing to do: what the process itself costs."""
    stage.start_operator()
    await asyncio.sleep(4)
    result = stage.counted()
    stage.running.stop()
    return {"cpu_seconds": result["cpu_seconds"], "peak_rss_mb": result["peak_rss_mb"]}


async def measure_fresh(stage: Stage, bare: dict[str, Any]) -> dict[str, Any]:
    """All bindings exist, none is synced, the operator starts: seconds until all are Ready.

    `bare` is what a start with nothing to do costs.
    """
    names = [name_of(index) for index in range(stage.count)]
    await create_bindings(stage.client, NAMESPACE, [render_binding(name, VAULT, name) for name in names])
    await apply_vault(stage.client, render_vault(VAULT, stage.url(VAULT)))
    async with Watcher(stage.client, NAMESPACE).watching() as watcher:
        stage.mark()
        started = time.monotonic()
        stage.start_operator()
        done = await watcher.until(lambda: len(watcher.ready) >= stage.count, 180)
        first = min(watcher.ready.values())
        await asyncio.sleep(2)
        result = stage.counted()
    result |= {"seconds": round(done - started, 2), "seconds_to_first": round(first - started, 2)}
    work = result["cpu_seconds"] - bare["cpu_seconds"]
    result["start"] = bare
    result["cpu_ms_per_binding"] = round(work / stage.count * 1000, 2)
    return result


async def measure_idle(stage: Stage) -> dict[str, Any]:
    """One minute in which nothing happens, after a look has passed."""
    stage.mark()
    await asyncio.sleep(60)
    return stage.counted()


async def measure_restart(stage: Stage) -> dict[str, Any]:
    """Stop and start with all in sync; counted until ten seconds after the start."""
    stopped = stage.running.stop()
    stage.mark()
    stage.start_operator()
    await asyncio.sleep(10)
    return {**stage.counted(), "stop_seconds": round(stopped, 2)}


async def measure_created_live(stage: Stage) -> dict[str, Any]:
    """New bindings of secrets that exist, created while the operator runs: first create to all Ready."""
    stage.cluster.call("POST", "/api/v1/namespaces", render_namespace(LIVE))
    names = [name_of(index) for index in range(stage.count)]
    bodies = [render_binding(name, VAULT, name) for name in names]
    async with Watcher(stage.client, LIVE).watching() as watcher:
        stage.mark()
        started = await create_bindings(stage.client, LIVE, bodies)
        created = time.monotonic()
        done = await watcher.until(lambda: len(watcher.ready) >= stage.count, 180)
        result = stage.counted()
    clear_namespace(stage.cluster, LIVE)
    return {**result, "seconds": round(done - started, 2), "seconds_to_create": round(created - started, 2)}


async def measure_changes(stage: Stage) -> dict[str, Any]:
    """Changes in the vault, spread over a minute: seconds until each is in its Secret."""
    delays: list[float] = []
    chosen = random.Random(7).sample(range(stage.count), CHANGES)
    async with Watcher(stage.client, NAMESPACE, with_secrets=True).watching() as watcher:
        pending: dict[str, float] = {}
        stage.mark()
        for index in chosen:
            await asyncio.to_thread(stage.vault.set_secret, VAULT, name_of(index), f"changed-{index}")
            pending[name_of(index)] = time.monotonic()
            await asyncio.sleep(60 / CHANGES)

        def arrived() -> bool:
            return all(
                any(moment > changed for moment in watcher.secrets.get(name, ()))
                for name, changed in pending.items()
            )

        await watcher.until(arrived, 120)
        result = stage.counted()
        for name, changed in pending.items():
            delays.append(min(m for m in watcher.secrets[name] if m > changed) - changed)
    delays.sort()
    return {**result, "p50_seconds": round(delays[len(delays) // 2], 1), "max_seconds": round(delays[-1], 1)}


async def measure_bystander(stage: Stage) -> dict[str, Any]:
    """A new binding while all others are due at once and another vault answers 429 to everything."""
    await apply_vault(stage.client, render_vault(OTHER, stage.url(OTHER)))
    stage.vault.set_faults([{"vault": OTHER, "status": 429}])
    bodies = [render_binding(f"throttled-{index}", OTHER, name_of(index)) for index in range(50)]
    await create_bindings(stage.client, NAMESPACE, bodies)
    await asyncio.sleep(2)
    for index in range(stage.count):
        await asyncio.to_thread(stage.vault.set_secret, VAULT, name_of(index), f"due-{index}")
    async with Watcher(stage.client, NAMESPACE, with_secrets=True).watching() as watcher:
        await watcher.until(lambda: len(watcher.secrets) >= 20, 120)
        samples: list[float] = []
        for number in range(10):
            body = render_binding(f"new-{number}", VAULT, name_of(number))
            started = await create_bindings(stage.client, NAMESPACE, [body])
            done = await watcher.until(lambda name=f"new-{number}": name in watcher.ready, 60)  # type: ignore[misc]
            samples.append(done - started)
        left = stage.count - len([n for n in watcher.secrets if n.startswith("s-")])
    stage.vault.clear_faults()
    samples.sort()
    return {
        "p50_seconds": round(samples[len(samples) // 2], 2),
        "max_seconds": round(samples[-1], 2),
        "due_not_done_at_the_end": left,
    }
