"""`make bench`: run the scenarios, write table and JSON; ARGS=agent|emulator|expiry|...: theirs."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import agent, cryptojobs, emulator, expiry, hints, library
from bench.budget import find_excess
from bench.cluster import render_namespace
from bench.injection import PODS_COUNT, measure_broker, measure_webhook
from bench.machine import describe_machine
from bench.processes import Vault
from bench.rounds import measure_floor_once, measure_rounds
from bench.scenarios import (
    NAMESPACE,
    VAULT,
    Stage,
    grant_operator,
    measure_bystander,
    measure_changes,
    measure_created_live,
    measure_idle,
    measure_restart,
    name_of,
)
from bench.table import render_table
from tools.realcluster import RealCluster
from tools.testbin.build import ensure
from vaultbind.kube.connection import connect

ROOT = Path(__file__).resolve().parent.parent
LATENCY = "10ms"
KUBERNETES = "v1.37.2"
INJECTION = ("webhook", "broker")
SUITES = {"cryptojobs": cryptojobs, "hints": hints}

SCENARIOS: dict[str, Callable[[Stage], Awaitable[dict[str, Any]]]] = {
    "idle": measure_idle,
    "restart": measure_restart,
    "changes": measure_changes,
    "live": measure_created_live,
    "bystander": measure_bystander,
}


def main() -> int:
    if sys.argv[1:2] == [agent.SUBJECT]:
        return agent.main(sys.argv[2:])
    if sys.argv[1:2] == [emulator.SUBJECT]:
        return emulator.main(sys.argv[2:])
    if sys.argv[1:2] == [expiry.SUBJECT]:
        return expiry.main(sys.argv[2:])
    if sys.argv[1:2] == [library.SUBJECT]:
        return library.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["operator", *SUITES, *INJECTION], default="operator")
    parser.add_argument(
        "--count", type=int, help="bindings or jobs (default 1000), pods of the broker (10000)"
    )
    parser.add_argument("--only", default="", help="comma-separated scenarios; fresh always runs")
    parser.add_argument("--out", type=Path, help="default bench/results/WHAT.json")
    parser.add_argument(
        "--budget", action="store_true", help="fail where the operator needs more than bench/budget.py allows"
    )
    arguments = parser.parse_args()
    if arguments.budget and arguments.what != "operator":
        parser.error("--budget is for the operator")
    count: int = arguments.count or (PODS_COUNT if arguments.what == "broker" else 1000)
    out: Path = arguments.out or ROOT / f"bench/results/{arguments.what}.json"
    chosen = [name for name in arguments.only.split(",") if name] or list(SCENARIOS)
    with tempfile.TemporaryDirectory(prefix="vaultbind-bench-") as folder:
        if arguments.what in INJECTION:
            result = asyncio.run(_measure_injection(Path(folder), arguments.what, count))
        else:
            suite = SUITES.get(arguments.what)
            result = asyncio.run(_measure(Path(folder), count, chosen, suite))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(render_table(result))
    excess = find_excess(result) if arguments.budget else []
    for told in excess:
        print(f"over budget: {told}", file=sys.stderr)
    return 1 if excess else 0


async def _measure(folder: Path, count: int, chosen: list[str], suite: ModuleType | None) -> dict[str, Any]:
    manifests = sorted((ROOT / "crds").glob("*.yaml"))
    binaries = ensure()
    with RealCluster.start(binaries, folder / "cluster", manifests=manifests, controllers=False) as cluster:
        seed = _render_seed(count) if suite is None else suite.SEED
        vault = Vault(folder, seed=seed, latency=LATENCY)
        client = await connect(kubeconfig=cluster.kubeconfig)
        kubeconfig = grant_operator(cluster)
        writer = await connect(kubeconfig=kubeconfig)
        stage = Stage(
            cluster=cluster,
            client=client,
            writer=writer,
            vault=vault,
            folder=folder,
            kubeconfig=kubeconfig,
            count=count,
        )
        try:
            return await _run(stage, chosen) if suite is None else await _run_suite(stage, suite)
        except BaseException:
            print((folder / "operator.log").read_text(encoding="utf-8")[-4000:], file=sys.stderr)
            raise
        finally:
            if stage.operator is not None:
                stage.operator.stop()
            vault.process.stop()
            await writer.aclose()
            await client.aclose()


async def _measure_injection(folder: Path, what: str, count: int) -> dict[str, Any]:
    """The webhook or the broker as a process, on a real API server."""
    manifests = sorted((ROOT / "crds").glob("*.yaml"))
    with RealCluster.start(ensure(), folder / "cluster", manifests=manifests, controllers=False) as cluster:
        cluster.call("POST", "/api/v1/namespaces", render_namespace(NAMESPACE))
        if what == "webhook":
            found = await measure_webhook(cluster, folder)
        else:
            vault = Vault(folder, seed=_render_seed(1), latency=LATENCY)
            try:
                found = await measure_broker(cluster, folder, vault, count)
            finally:
                vault.process.stop()
    return {"machine": {**describe_machine(), "kubernetes": KUBERNETES}, "latency": LATENCY, **found}


async def _run_suite(stage: Stage, suite: ModuleType) -> dict[str, Any]:
    """Another suite than the operator's own: it brings its seed, its figures and its rows."""
    stage.cluster.call("POST", "/api/v1/namespaces", render_namespace(NAMESPACE))
    figures = await suite.measure(stage)
    print(json.dumps(figures), file=sys.stderr)
    return {
        "suite": suite.__name__.rpartition(".")[2],
        "machine": {**describe_machine(), "kubernetes": KUBERNETES},
        "conditions": suite.CONDITIONS.format(count=stage.count, latency=LATENCY),
        "count": stage.count,
        "latency": LATENCY,
        **figures,
    }


async def _run(stage: Stage, chosen: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "machine": {**describe_machine(), "kubernetes": KUBERNETES},
        "count": stage.count,
        "latency": LATENCY,
        **await measure_rounds(stage, say),
    }
    for name, scenario in SCENARIOS.items():
        if name in chosen:
            say(name)
            result[name] = await scenario(stage)
            print(json.dumps(result[name]), file=sys.stderr)
    stage.running.stop()
    result["floors"].append(await measure_floor_once(stage, "floor-last"))
    return result


def _render_seed(count: int) -> str:
    lines = ["vaults:", f"  {VAULT}:", "    secrets:"]
    lines += [f"      {name_of(index)}: {{value: value-{index}}}" for index in range(count)]
    return "\n".join([*lines, ""])


def say(text: str) -> None:
    """Tell people where it is."""
    print(f"{time.strftime('%H:%M:%S')} {text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
