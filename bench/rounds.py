"""The fresh scenario and the floor by turns: a machine that others share is not twice the same."""

import json
import sys
from collections.abc import Callable
from typing import Any

from bench.cluster import clear_namespace, render_namespace
from bench.floor import measure_floor
from bench.scenarios import NAMESPACE, VAULT, Stage, measure_fresh, measure_start

ROUNDS = 5
"""Odd, so that one of them is the median."""


async def measure_rounds(stage: Stage, say: Callable[[str], None]) -> dict[str, Any]:
    """Floor and fresh by turns; `fresh` is the round with the median time, its `rounds` has all times.

    After the last round the operator runs on, with all in sync.
    """
    stage.cluster.call("POST", "/api/v1/namespaces", render_namespace(NAMESPACE))
    bare = await measure_start(stage)
    floors: list[dict[str, float]] = []
    rounds: list[dict[str, Any]] = []
    for number in range(ROUNDS):
        if rounds:
            _clear(stage)
        say(f"floor {number + 1} of {ROUNDS + 1}")
        floors.append(await measure_floor_once(stage, f"floor-{number}"))
        say(f"fresh {number + 1} of {ROUNDS}")
        rounds.append(await measure_fresh(stage, bare))
        print(json.dumps([floors[-1], rounds[-1]]), file=sys.stderr)
    return {"floors": floors, "fresh": median_round(rounds)}


async def measure_floor_once(stage: Stage, namespace: str) -> dict[str, float]:
    """The bare loop, in a namespace of its own."""
    stage.cluster.call("POST", "/api/v1/namespaces", render_namespace(namespace))
    result = await measure_floor(stage.client, stage.writer, namespace, stage.count)
    clear_namespace(stage.cluster, namespace)
    return result


def median_round(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The round whose time is the median, as it was, with the times and CPU per binding of all."""
    middle = sorted(rounds, key=lambda found: found["seconds"])[len(rounds) // 2]
    return {
        **middle,
        "rounds": [found["seconds"] for found in rounds],
        "rounds_cpu_ms_per_binding": [found["cpu_ms_per_binding"] for found in rounds],
    }


def _clear(stage: Stage) -> None:
    stage.running.stop()
    clear_namespace(stage.cluster, NAMESPACE)
    stage.cluster.call("DELETE", f"/apis/vaultbind.dev/v1alpha1/clusterkeyvaults/{VAULT}")
