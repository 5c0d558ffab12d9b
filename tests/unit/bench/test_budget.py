"""The budget of a night: what is committed keeps it, and each figure that grows is told."""

import json
from copy import deepcopy
from typing import Any

import pytest

from bench.__main__ import ROOT
from bench.budget import LIMITS, find_excess

MEASURED: dict[str, Any] = json.loads((ROOT / "bench" / "results" / "operator.json").read_text())
GROWN: dict[str, tuple[tuple[str, ...], float, str]] = {
    "a write more per binding": (("fresh", "cluster", "writes"), 3_000, "cluster writes per binding: 3"),
    "a read per binding": (("fresh", "cluster", "reads"), 1_000, "cluster reads of a start: 1000"),
    "two gets per binding": (("fresh", "vault", "get"), 2_000, "vault gets per binding: 2"),
    "many lists": (("fresh", "vault", "list"), 400, "vault lists per binding: 0.4"),
    "slow code": (("fresh", "cpu_ms_per_binding"), 9.0, "CPU ms per binding: 9"),
    "memory": (("fresh", "peak_rss_mb"), 300, "peak RSS, MB: 300"),
    "a write while idle": (("idle", "cluster", "writes"), 1, "idle: cluster writes: 1"),
    "a read while idle": (("idle", "cluster", "reads"), 1, "idle: cluster reads: 1"),
    "a list more while idle": (("idle", "vault", "list"), 42, "lists of the vault beyond one look: 1"),
    "a get while idle": (("idle", "vault", "get"), 1, "idle: value gets: 1"),
    "CPU while idle": (("idle", "cpu_seconds"), 1.5, "CPU seconds in a minute: 1.5"),
    "a write after a restart": (("restart", "cluster", "writes"), 1, "restart: cluster writes: 1"),
    "a get after a restart": (("restart", "vault", "get"), 1, "restart: value gets: 1"),
    "a long goodbye": (("restart", "stop_seconds"), 11, "seconds from SIGTERM to exit: 11"),
    "a write more for a new one": (("live", "cluster", "writes"), 3_000, "cluster writes per binding: 3"),
    "a read for each new one": (("live", "cluster", "reads"), 1_000, "cluster reads per binding: 1"),
    "a late change": (("changes", "max_seconds"), 121, "slowest arrival, seconds: 121"),
    "a bystander that waits": (("bystander", "p50_seconds"), 3, "median beside a sick vault, s: 3"),
}


def test_the_committed_run_keeps_it() -> None:
    assert find_excess(MEASURED) == []


@pytest.mark.parametrize(("path", "value", "told"), GROWN.values(), ids=GROWN)
def test_what_has_grown_is_told(path: tuple[str, ...], value: float, told: str) -> None:
    result = deepcopy(MEASURED)
    *above, name = path
    place = result
    for part in above:
        place = place[part]
    place[name] = value
    (found,) = find_excess(result)
    assert told in found


def test_every_limit_is_tried() -> None:
    assert len(GROWN) == len(LIMITS)


def test_a_scenario_that_did_not_run_keeps_no_budget() -> None:
    found = find_excess({name: value for name, value in MEASURED.items() if name != "idle"})
    assert [line for line in found if line.endswith("not measured")] == found
    assert len(found) == 5
