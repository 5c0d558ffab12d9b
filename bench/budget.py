"""What the operator's figures may be at most before a night is red: `make bench ARGS=--budget`.

Counts of requests do not depend on the machine: their limits are what the design promises. What does depend
on it (time, CPU, memory) has room for a slow or shared runner, so that only a change of ours can exceed it;
the tighter targets of a quiet machine are the table's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One figure of a scenario, and the most that it may be."""

    scenario: str
    what: str
    measure: Callable[[Mapping[str, Any], int], float]
    most: float


def _requests(kind: str, key: str) -> Callable[[Mapping[str, Any], int], float]:
    return lambda result, _: float(result[kind][key])


def _each(kind: str, key: str) -> Callable[[Mapping[str, Any], int], float]:
    return lambda result, count: float(result[kind][key]) / count


def lists_of_a_look(count: int) -> int:
    """List requests that one look at so many objects may take: 25 a page, and one more."""
    return -(-count // 25) + 1


def _lists_beyond(result: Mapping[str, Any], count: int) -> float:
    return float(result["vault"]["list"]) - lists_of_a_look(count)


def _figure(key: str) -> Callable[[Mapping[str, Any], int], float]:
    return lambda result, _: float(result[key])


LIMITS: Final[tuple[Limit, ...]] = (
    Limit(scenario="fresh", what="cluster writes per binding", measure=_each("cluster", "writes"), most=2.01),
    Limit(
        scenario="fresh", what="cluster reads of a start", measure=_requests("cluster", "reads"), most=40
    ),  # 16, and a sweep's where Kopf is late
    Limit(scenario="fresh", what="vault gets per binding", measure=_each("vault", "get"), most=1.0),
    Limit(scenario="fresh", what="vault lists per binding", measure=_each("vault", "list"), most=0.1),
    Limit(scenario="fresh", what="CPU ms per binding", measure=_figure("cpu_ms_per_binding"), most=8.0),
    Limit(scenario="fresh", what="peak RSS, MB", measure=_figure("peak_rss_mb"), most=160),
    Limit(scenario="idle", what="cluster writes", measure=_requests("cluster", "writes"), most=0),
    Limit(scenario="idle", what="cluster reads", measure=_requests("cluster", "reads"), most=0),
    Limit(scenario="idle", what="lists of the vault beyond one look", measure=_lists_beyond, most=0),
    Limit(scenario="idle", what="value gets", measure=_requests("vault", "get"), most=0),
    Limit(scenario="idle", what="CPU seconds in a minute", measure=_figure("cpu_seconds"), most=1.0),
    Limit(scenario="restart", what="cluster writes", measure=_requests("cluster", "writes"), most=0),
    Limit(scenario="restart", what="value gets", measure=_requests("vault", "get"), most=0),
    Limit(scenario="restart", what="seconds from SIGTERM to exit", measure=_figure("stop_seconds"), most=10),
    Limit(scenario="live", what="cluster writes per binding", measure=_each("cluster", "writes"), most=2.01),
    Limit(scenario="live", what="cluster reads per binding", measure=_each("cluster", "reads"), most=0),
    Limit(scenario="changes", what="slowest arrival, seconds", measure=_figure("max_seconds"), most=65),
    Limit(scenario="bystander", what="median beside a sick vault, s", measure=_figure("p50_seconds"), most=2),
)


def find_excess(result: Mapping[str, Any]) -> list[str]:
    """Tell each figure of a run that is over its limit; a scenario that did not run is told, too."""
    count: int = result["count"]
    told = []
    for limit in LIMITS:
        if limit.scenario not in result:
            told.append(f"{limit.scenario}: {limit.what}: not measured")
            continue
        found = limit.measure(result[limit.scenario], count)
        if found > limit.most:
            told.append(f"{limit.scenario}: {limit.what}: {found:g}, at most {limit.most:g}")
    return told
