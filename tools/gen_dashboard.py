"""Write the Grafana dashboard of the chart, `files/dashboard.json`: `python -m tools.gen_dashboard`.

A dashboard is long and repeats itself; here are its panels as rows of a table.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "charts" / "vaultbind" / "files" / "dashboard.json"
SOURCE = {"type": "prometheus", "uid": "$datasource"}
WIDTH = 24
HEIGHT = 8
RATE = "[$__rate_interval]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: its kind, a sentence about it, its queries with their legends, and Grafana's unit."""

    title: str
    about: str
    queries: Mapping[str, str]
    """PromQL by legend."""
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    signed: bool = False
    """May be below zero."""


def rates(metric: str, *labels: str) -> str:
    return f"sum by ({', '.join(labels)}) (rate({metric}{RATE}))"


def quantile(share: str, metric: str, *labels: str) -> str:
    by = ", ".join(("le", *labels))
    return f"histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket{RATE})))"


ROWS: dict[str, Sequence[Panel]] = {
    "Sync": (
        Panel(
            title="Bindings",
            about="VaultBindings by the status of their Ready condition.",
            queries={"{{ready}}": "max by (ready) (vaultbind_bindings)"},
        ),
        Panel(
            title="Work",
            about="Finished pieces of work by outcome.",
            queries={"{{kind}} {{outcome}}": rates("vaultbind_reconciles_total", "kind", "outcome")},
            unit="ops",
        ),
        Panel(
            title="Waiting",
            about="Objects that wait for a worker.",
            queries={"{{priority}}": "max by (priority) (vaultbind_queue_depth)"},
        ),
        Panel(
            title="Secrets",
            about="Writes of Secrets, and changes by others that were undone.",
            queries={
                "{{verb}} {{outcome}}": rates("vaultbind_secret_writes_total", "verb", "outcome"),
                "repaired": f"sum(rate(vaultbind_drift_repairs_total{RATE}))",
            },
            unit="ops",
        ),
        Panel(
            title="Restarts",
            about="Workloads that were restarted because their Secret's content has changed.",
            queries={"{{kind}} {{outcome}}": rates("vaultbind_restarts_total", "kind", "outcome")},
            unit="ops",
        ),
        Panel(
            title="Leader",
            about="How many processes lead; one is right.",
            queries={"leaders": "sum(vaultbind_leader)", "processes": "count(vaultbind_build_info)"},
        ),
    ),
    "Latency": (
        Panel(
            title="Time of one piece of work",
            about="Half and 95 % of them are faster.",
            queries={
                f"{{{{kind}}}} {name}": quantile(share, "vaultbind_reconcile_duration_seconds", "kind")
                for name, share in (("p50", "0.5"), ("p95", "0.95"))
            },
            unit="s",
        ),
        Panel(
            title="API server",
            about="Time of requests by our own client, 95 %.",
            queries={
                "{{verb}} {{resource}}": quantile(
                    "0.95", "vaultbind_kube_request_duration_seconds", "verb", "resource"
                )
            },
            unit="s",
        ),
        Panel(
            title="Event loop",
            about="Longest delay in half a minute; the process ends itself at 10 s.",
            queries={"lag": "max(vaultbind_loop_lag_seconds)"},
            unit="s",
        ),
    ),
    "Vaults": (
        Panel(
            title="Requests",
            about="Challenges and retries included; status 0: no answer.",
            queries={"{{vault}} {{status}}": rates("vaultbind_vault_requests_total", "vault", "status")},
            unit="reqps",
        ),
        Panel(
            title="Time of requests",
            about="95 % are faster.",
            queries={"{{vault}}": quantile("0.95", "vaultbind_vault_request_duration_seconds", "vault")},
            unit="s",
        ),
        Panel(
            title="Looks",
            about="Looks at whole vaults by outcome.",
            queries={
                "{{vault}} {{detection}} {{outcome}}": rates(
                    "vaultbind_vault_looks_total", "vault", "detection", "outcome"
                )
            },
            unit="ops",
        ),
        Panel(
            title="Throttling",
            about="Answers 429, and requests that were repeated.",
            queries={
                "{{vault}} 429": rates("vaultbind_vault_throttled_total", "vault"),
                "{{vault}} {{reason}}": rates("vaultbind_vault_retries_total", "vault", "reason"),
            },
            unit="ops",
        ),
        Panel(
            title="Circuit breakers",
            about="1 while a vault is left alone.",
            queries={"{{vault}}": "max by (vault) (vaultbind_vault_breaker_open)"},
        ),
        Panel(
            title="Clocks",
            about="By how much vaults' clocks are ahead of ours.",
            queries={"{{vault}}": "max by (vault) (vaultbind_vault_clock_ahead_seconds)"},
            unit="s",
            signed=True,
        ),
        Panel(
            title="Tokens",
            about="Tokens asked of Microsoft Entra ID.",
            queries={"{{vault}} {{outcome}}": rates("vaultbind_vault_tokens_total", "vault", "outcome")},
            unit="ops",
        ),
    ),
    "Expiry": (
        Panel(
            title="What ends next",
            about="Watched objects that expire first, in days from now.",
            queries={
                "days": "sort(min by (vault, kind, name) "
                "(vaultbind_object_expiry_timestamp_seconds) - time()) / 86400"
            },
            kind="table",
            unit="d",
            width=16,
        ),
        Panel(
            title="Objects",
            about="Watched objects by state.",
            queries={"{{keyvault}} {{state}}": "max by (keyvault, state) (vaultbind_objects) > 0"},
            kind="stat",
        ),
        Panel(
            title="Told",
            about="Crossings of thresholds, expiries, renewals.",
            queries={"{{vault}} {{event}}": rates("vaultbind_expiry_told_total", "vault", "event")},
            unit="ops",
        ),
        Panel(
            title="CloudEvents",
            about="Attempts to tell the sink, and what waits for it.",
            queries={
                "{{outcome}}": rates("vaultbind_cloudevents_total", "outcome"),
                "waiting": "max(vaultbind_cloudevents_waiting)",
            },
        ),
        Panel(
            title="Reads for expiry",
            about="Reads of single objects, at most one per object and day.",
            queries={"{{purpose}} {{outcome}}": rates("vaultbind_expiry_reads_total", "purpose", "outcome")},
            unit="ops",
        ),
    ),
}


def render() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": "vaultbind",
        "title": "vaultbind",
        "tags": ["vaultbind"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
            ]
        },
        "panels": [{"id": number, **panel} for number, panel in enumerate(_panels(), start=1)],
    }


def _panels() -> Iterator[dict[str, Any]]:
    top = 0
    for title, panels in ROWS.items():
        yield {
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": _at(0, top, WIDTH, 1),
        }
        left, top = 0, top + 1
        for panel in panels:
            if left + panel.width > WIDTH:
                left, top = 0, top + HEIGHT
            yield _render(panel, _at(left, top, panel.width, HEIGHT))
            left += panel.width
        top += HEIGHT


def _at(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}


def _render(panel: Panel, place: Mapping[str, int]) -> dict[str, Any]:
    table = panel.kind == "table"
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": None if table or panel.signed else 0},
            "overrides": [],
        },
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query,
                "legendFormat": legend,
                "instant": table,
                "format": "table" if table else "time_series",
            }
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def main() -> None:
    TARGET.write_text(json.dumps(render(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
