"""Alerts fire when they should and not before, by Prometheus' own evaluation; each has its page."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.release import CHART, Helm, Rendered
from tools.promrules.build import evaluate
from vaultbind.telemetry import definitions

RUNBOOKS = CHART.parents[1] / "docs" / "runbooks"
ALERTS = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
RULES = {rule["alert"]: rule for group in ALERTS["groups"] for rule in group["rules"]}
MINUTE, HOUR, DAY = 60, 3600, 86_400
UP = "vaultbind_build_info"

Steps = tuple[tuple[int, float], ...]
"""From that minute on, this value; a counter grows by it each minute."""


def series(name: str, steps: Steps, minutes: int) -> dict[str, Any]:
    """Samples of each minute; a name that ends in _total counts up."""
    metric, _, rest = name.partition("{")
    labels = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    points, total = [], 0.0
    for minute in range(minutes + 1):
        value = next((value for start, value in reversed(steps) if minute >= start), None)
        if value is None:
            continue
        total += value
        points.append([minute * MINUTE, total if metric.endswith("_total") else value])
    return {"labels": {"__name__": metric, **labels}, "points": points}


NEVER: Mapping[str, Steps] = {UP: ((0, 1),), "vaultbind_leader": ((0, 1),)}
CASES: dict[str, tuple[str, dict[str, Steps], dict[int, list[dict[str, str]]]]] = {
    # name: alert, series, and by minute the labels of what fires
    "nobody is there": ("VaultbindDown", {UP: ((10, 1),)}, {4: [], 6: [{}], 12: []}),
    "a restart pages nobody": ("VaultbindDown", {UP: ((0, 1),)}, {0: [], 30: []}),
    "nobody leads": (
        "VaultbindNoLeader",
        {'vaultbind_leader{pod="a"}': ((0, 0),), 'vaultbind_leader{pod="b"}': ((0, 1), (10, 0))},
        {9: [], 13: [], 16: [{}]},
    ),
    "errors": (
        "VaultbindInternalErrors",
        {'vaultbind_reconciles_total{kind="VaultBinding",outcome="error"}': ((0, 0), (5, 1))},
        {5: [], 30: [{"kind": "VaultBinding"}]},
    ),
    "retries are no errors": (
        "VaultbindInternalErrors",
        {'vaultbind_reconciles_total{kind="VaultBinding",outcome="retry"}': ((0, 1),)},
        {30: []},
    ),
    "a queue that stays long": (
        "VaultbindQueueGrows",
        {'vaultbind_queue_depth{priority="urgent"}': ((0, 500), (10, 0), (20, 500))},
        {9: [], 30: [], 36: [{"priority": "urgent"}]},
    ),
    "a late loop": (
        "VaultbindLoopLags",
        {"vaultbind_loop_lag_seconds": ((0, 0), (5, 3))},
        {14: [], 16: [{}]},
    ),
    "a failing API server": (
        "VaultbindClusterErrors",
        {
            'vaultbind_kube_requests_total{status="200"}': ((0, 80),),
            'vaultbind_kube_requests_total{status="503"}': ((0, 10),),
            'vaultbind_kube_requests_total{status="0"}': ((0, 10),),
        },
        {10: [], 20: [{}]},
    ),
    "conflicts are no failures": (
        "VaultbindClusterErrors",
        {
            'vaultbind_kube_requests_total{status="200"}': ((0, 50),),
            'vaultbind_kube_requests_total{status="409"}': ((0, 50),),
        },
        {30: []},
    ),
    "bindings": (
        "VaultbindBindingsNotReady",
        {
            'vaultbind_bindings{ready="False"}': ((0, 0), (5, 2)),
            'vaultbind_bindings{ready="True"}': ((0, 9),),
        },
        {19: [], 21: [{}]},
    ),
    "writes": (
        "VaultbindSecretWritesFail",
        {
            'vaultbind_secret_writes_total{verb="patch",outcome="forbidden"}': ((0, 1),),
            'vaultbind_secret_writes_total{verb="patch",outcome="ok"}': ((0, 5),),
        },
        {10: [], 30: [{"verb": "patch", "outcome": "forbidden"}]},
    ),
    "a lost vault": (
        "VaultbindVaultLost",
        {
            'vaultbind_vault_looks_total{vault="a",outcome="ok"}': ((0, 1), (10, 0)),
            'vaultbind_vault_looks_total{vault="a",outcome="Unreachable"}': ((0, 0), (10, 1)),
            'vaultbind_vault_looks_total{vault="b",outcome="ok"}': ((0, 1),),
            'vaultbind_vault_looks_total{vault="b",outcome="Throttled"}': ((0, 1),),
        },
        {20: [], 35: [{"vault": "a"}]},
    ),
    "a vault that never answered": (
        "VaultbindVaultLost",
        {'vaultbind_vault_looks_total{vault="a",outcome="Forbidden"}': ((0, 1),)},
        {20: [{"vault": "a"}]},
    ),
    "throttling": (
        "VaultbindVaultThrottles",
        {
            'vaultbind_vault_throttled_total{vault="a"}': ((0, 1),),
            'vaultbind_vault_throttled_total{vault="b"}': ((0, 0), (5, 1), (6, 0)),
        },
        {10: [], 40: [{"vault": "a"}]},
    ),
    "clocks": (
        "VaultbindClocksDiffer",
        {
            'vaultbind_vault_clock_ahead_seconds{vault="a"}': ((0, 0), (5, -100)),
            'vaultbind_vault_clock_ahead_seconds{vault="b"}': ((0, 20),),
        },
        {19: [], 21: [{"vault": "a"}]},
    ),
    "an expired object": (
        "VaultbindObjectExpired",
        {
            'vaultbind_objects{vault="a",keyvault="shop/main",state="Expired"}': ((0, 0), (10, 1)),
            'vaultbind_objects{vault="a",keyvault="shop/main",state="ExpiresSoon"}': ((0, 3),),
        },
        {14: [], 16: [{"vault": "a", "keyvault": "shop/main"}]},
    ),
    "an object near its end": (
        "VaultbindObjectExpiresSoon",
        {
            'vaultbind_object_expiry_timestamp_seconds{vault="a",kind="secret",name="near"}': (
                (0, 7 * DAY + 10 * MINUTE),
            ),
            'vaultbind_object_expiry_timestamp_seconds{vault="a",kind="secret",name="far"}': ((0, 8 * DAY),),
            'vaultbind_object_expiry_timestamp_seconds{vault="a",kind="key",name="gone"}': ((0, 1),),
        },
        {14: [], 17: [{"vault": "a", "kind": "secret", "name": "near"}]},
    ),
    "a sink that takes nothing": (
        "VaultbindCloudEventsWait",
        {"vaultbind_cloudevents_waiting": ((0, 0), (10, 4))},
        {35: [], 47: [{}]},
    ),
    "a sink that takes some": (
        "VaultbindCloudEventsWait",
        {"vaultbind_cloudevents_waiting": ((0, 4), (20, 0), (21, 4), (40, 0), (41, 4))},
        {60: []},
    ),
}


@pytest.mark.parametrize(("alert", "given", "expected"), CASES.values(), ids=CASES.keys())
def test_alerts_fire(
    alert: str,
    given: dict[str, Steps],
    expected: dict[int, list[dict[str, str]]],
    promrules: Path,
    tmp_path: Path,
) -> None:
    rules = tmp_path / "alerts.yaml"
    rules.write_text(json.dumps(ALERTS))
    minutes = max(expected)
    all_series = {**{name: steps for name, steps in NEVER.items() if not _is_told(name, given)}, **given}
    request = {
        "rules": str(rules),
        "interval": MINUTE,
        "series": [series(name, steps, minutes) for name, steps in all_series.items()],
        "alerts": [minute * MINUTE for minute in expected],
    }
    answer = evaluate(promrules, request)
    found = {
        minute: [item for item in fired if item["labels"]["alertname"] == alert]
        for minute, fired in zip(expected, answer["alerts"], strict=True)
    }
    severity = RULES[alert]["labels"]["severity"]
    assert {
        minute: [
            {key: value for key, value in item["labels"].items() if key not in ("alertname", "severity")}
            for item in fired
        ]
        for minute, fired in found.items()
    } == expected
    for item in (item for fired in found.values() for item in fired):
        assert item["labels"]["severity"] == severity
        assert not [
            text for text in item["annotations"].values() if "<no value>" in text or "error" in text[:9]
        ]


def _is_told(name: str, given: Mapping[str, Steps]) -> bool:
    return any(other.partition("{")[0] == name for other in given)


def test_each_alert_is_tested() -> None:
    assert {alert for alert, _, _ in CASES.values()} == set(RULES)


@pytest.mark.parametrize("alert", RULES)
def test_each_alert_has_its_page(alert: str) -> None:
    text = (RUNBOOKS / f"{alert}.md").read_text()
    assert text.startswith(f"# {alert}\n")
    for heading in ("## What it means", "## What follows", "## What to do"):
        assert heading in text
    for metric in metrics_of(RULES[alert]["expr"]):
        assert metric in text


def test_no_page_without_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == set(RULES)


def metrics_of(query: str) -> set[str]:
    return set(re.findall(r"vaultbind_\w+", query))


@pytest.mark.parametrize("alert", RULES)
def test_alerts_ask_for_metrics_that_exist(alert: str) -> None:
    assert metrics_of(RULES[alert]["expr"]) <= {item.name for item in definitions.ALL}


def test_the_chart_renders_them(helm: Helm) -> None:
    values = {"enabled": True, "labels": {"release": "prometheus"}, "alertLabels": {"team": "ops"}}
    rendered: Rendered = helm.render(prometheusRule={**values, "runbooks": "https://wiki.example/r/"})
    rule = rendered.one("PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    rules = [item for group in rule["spec"]["groups"] for item in group["rules"]]
    assert [item["alert"] for item in rules] == list(RULES)
    for item in rules:
        source = RULES[item["alert"]]
        assert item["expr"] == source["expr"]
        assert item["annotations"]["description"] == source["annotations"]["description"]
        assert item["annotations"]["runbook_url"] == f"https://wiki.example/r/{item['alert']}.md"
        assert item["labels"] == {"severity": source["labels"]["severity"], "team": "ops"}


def test_by_default_there_are_none(default: Rendered) -> None:
    assert not default.of_kind("PrometheusRule")
