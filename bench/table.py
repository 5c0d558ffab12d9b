"""The figures as a table for people, ratios in front."""

from collections.abc import Iterable
from statistics import median
from typing import Any

from bench import cryptojobs, hints
from bench.budget import lists_of_a_look

FACTS = "facts: 443 to 640"
"""Writes/s of as many POSTs of Secrets (740 to 950/s) as merge patches of a status (316 to 483/s), measured
before there was an operator, on such a machine (`facts/cluster.md`, section 7)."""
SUITES = {"cryptojobs": cryptojobs.render_rows, "hints": hints.render_rows}


def render_table(result: dict[str, Any]) -> str:
    """Markdown."""
    count = result["count"]
    rows = list(SUITES[result["suite"]](result)) if "suite" in result else []
    rows += [row for name, render in _ROWS.items() if name in result for row in render(result, count)]
    lines = ["| what | measured | target |", "|---|---|---|"]
    lines += [f"| {what} | {measured} | {target} |" for what, measured, target in rows]
    return "\n".join(lines)


Row = tuple[str, str, str]


def _fresh(result: dict[str, Any], count: int) -> list[Row]:
    fresh, vault = result["fresh"], result["fresh"]["vault"]
    floor = median(item["seconds"] for item in result["floors"])
    total = sum(vault.values()) - vault["token"]
    return [
        (
            f"{count} fresh bindings, start of the process to all Ready, over the floor (medians)",
            f"{fresh['seconds'] / floor:.2f}x ({fresh['seconds']} s, floor {floor:.2f} s)",
            "1.5x and 7 s",
        ),
        (
            "the same, all rounds; and all floors",
            f"{_seconds(fresh['rounds'])}; {_seconds(item['seconds'] for item in result['floors'])} s",
            "-",
        ),
        ("of that, start of the process to the first Ready", f"{fresh['seconds_to_first']} s", "-"),
        ("cluster writes per fresh binding", f"{fresh['cluster']['writes'] / count:.3f}", "2"),
        (f"cluster reads, start included, for {count} fresh bindings", f"{fresh['cluster']['reads']}", "-"),
        ("vault requests per fresh binding", f"{total / count:.3f}", "1.1"),
        (
            "operator CPU per fresh binding, over a start with nothing to do, median",
            f"{median(fresh['rounds_cpu_ms_per_binding']):.2f} ms (start: {fresh['start']['cpu_seconds']} s)",
            "2 ms",
        ),
        ("operator peak RSS", f"{fresh['peak_rss_mb']} MB", "120 MB"),
        (
            "floor: bare loop, the same watch beside it, median",
            f"{median(item['writes_per_second'] for item in result['floors']):.0f} writes/s",
            FACTS,
        ),
    ]


def _seconds(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _idle(result: dict[str, Any], count: int) -> list[Row]:
    idle = result["idle"]
    return [
        ("idle minute: cluster writes", str(idle["cluster"]["writes"]), "0"),
        ("idle minute: cluster reads", str(idle["cluster"]["reads"]), "0"),
        ("idle minute: list requests", str(idle["vault"]["list"]), str(lists_of_a_look(count))),
        ("idle minute: value gets", str(idle["vault"]["get"]), "0"),
        ("idle minute: operator CPU", f"{idle['cpu_seconds']} s", "-"),
    ]


def _restart(result: dict[str, Any], _: int) -> list[Row]:
    restart = result["restart"]
    return [
        ("restart with all in sync: cluster writes", str(restart["cluster"]["writes"]), "0"),
        ("restart with all in sync: value gets", str(restart["vault"]["get"]), "0"),
        ("restart: operator CPU in the first 10 s", f"{restart['cpu_seconds']} s", "-"),
        ("SIGTERM to exit", f"{restart['stop_seconds']} s", "10 s"),
    ]


def _changes(result: dict[str, Any], _: int) -> list[Row]:
    changes = result["changes"]
    return [
        (
            "a changed value arrives (refreshInterval 1m), p50 / max",
            f"{changes['p50_seconds']} / {changes['max_seconds']} s",
            "- / 62 s",
        )
    ]


def _bystander(result: dict[str, Any], count: int) -> list[Row]:
    found = result["bystander"]
    return [
        (
            f"a new binding Ready while {count} are due and another vault answers 429, p50 / max of 10",
            f"{found['p50_seconds']} / {found['max_seconds']} s",
            "1 s",
        )
    ]


def _live(result: dict[str, Any], count: int) -> list[Row]:
    live = result["live"]
    floor = median(item["seconds"] + item["seconds_to_create"] for item in result["floors"])
    return [
        (
            f"{count} bindings created while it runs, first create to all Ready, over floor and creates",
            f"{live['seconds'] / floor:.2f}x ({live['seconds']} s, floor {floor:.2f} s)",
            "1.5x and 7 s",
        ),
        ("the same, cluster writes per binding", f"{live['cluster']['writes'] / count:.3f}", "2"),
        ("the same, cluster reads per binding", f"{live['cluster']['reads'] / count:.3f}", "0"),
    ]


def _webhook(result: dict[str, Any], count: int) -> list[Row]:
    rows = []
    for mode in ("files", "env", "auth_pod"):
        found = result.get(f"webhook_{mode}")
        if found is None:
            continue  # figures of before this row was measured
        rows.append(
            (
                f"a pod's review ({mode.replace('_', ': ')}) at {count}/s, p50 / p99 / max",
                f"{found['p50_ms']} / {found['p99_ms']} / {found['max_ms']} ms",
                "- / 20 ms / -",
            )
        )
        rows.append(
            (f"webhook CPU per review ({mode.replace('_', ': ')})", f"{found['cpu_ms_per_review']} ms", "-")
        )
    peak = max(found["peak_rss_mb"] for name, found in result.items() if name.startswith("webhook_"))
    return [*rows, ("webhook peak RSS", f"{peak} MB", "-")]


def _broker(result: dict[str, Any], count: int) -> list[Row]:
    found = result["broker"]
    intervals = int(found["seconds"] // 5) + 1
    return [
        (
            f"{count} requests of pods for one binding: gets of the vault",
            str(found["vault_gets"]),
            f"{intervals}",
        ),
        ("seconds for all of them", f"{found['seconds']} s", "-"),
        ("a request, p50 / p99", f"{found['p50_ms']} / {found['p99_ms']} ms", "-"),
        ("broker CPU per request", f"{found['cpu_ms_per_request']} ms", "-"),
        ("broker peak RSS", f"{found['peak_rss_mb']} MB", "-"),
    ]


_ROWS = {
    "fresh": _fresh,
    "idle": _idle,
    "restart": _restart,
    "changes": _changes,
    "bystander": _bystander,
    "live": _live,
    "webhook_env": _webhook,
    "broker": _broker,
}
