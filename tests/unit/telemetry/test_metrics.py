import re

import pytest

from vaultbind.engine.engine import EngineObserver
from vaultbind.keyvault.observer import Observer
from vaultbind.kube.observer import KubeObserver
from vaultbind.telemetry import definitions
from vaultbind.telemetry.metrics import Metrics, render_table


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_engine(metrics: Metrics) -> None:
    observer: EngineObserver = metrics.engine
    waiting = [3]
    observer.worked("VaultBinding", "done", 0.02)
    observer.worked("VaultBinding", "done", 0.3)
    metrics.engine.show_queue("new", lambda: waiting[0])

    assert value(metrics, "vaultbind_reconciles_total", kind="VaultBinding", outcome="done") == 2
    assert value(metrics, "vaultbind_reconcile_duration_seconds_sum", kind="VaultBinding") == 0.32
    assert value(metrics, "vaultbind_queue_depth", priority="new") == 3
    waiting[0] = 0
    assert value(metrics, "vaultbind_queue_depth", priority="new") == 0


def test_kube(metrics: Metrics) -> None:
    observer: KubeObserver = metrics.kube
    observer.request("patch", "vaultbindings/status", 409, 0.01)
    observer.request("list", "secrets", 0, 30.0)
    observer.watch_ended("secrets", "expired")
    labels = {"verb": "patch", "resource": "vaultbindings/status"}

    assert value(metrics, "vaultbind_kube_requests_total", status="409", **labels) == 1
    assert value(metrics, "vaultbind_kube_requests_total", verb="list", resource="secrets", status="0") == 1
    assert value(metrics, "vaultbind_kube_request_duration_seconds_count", **labels) == 1
    assert value(metrics, "vaultbind_kube_watch_ends_total", resource="secrets", cause="expired") == 1


def test_vaults(metrics: Metrics) -> None:
    shop = metrics.vaults.of("shop.vault.azure.net")
    observer: Observer = shop
    name = {"vault": "shop.vault.azure.net"}
    observer.request("secret", "GET", "/secrets/{name}", 200, 0.02)
    observer.request("secret", "GET", "/secrets/{name}", 429, 0.01)
    observer.retry("secret", "GET", "/secrets/{name}", "Throttled", 1.0)
    observer.token("ok", 0.1)
    observer.breaker("open")
    observer.cache("secret", "hit")
    shop.looked("List", "ok")
    route = name | {"route": "/secrets/{name}"}

    assert value(metrics, "vaultbind_vault_requests_total", method="GET", status="200", **route) == 1
    assert value(metrics, "vaultbind_vault_requests_total", method="GET", status="429", **route) == 1
    assert value(metrics, "vaultbind_vault_request_duration_seconds_count", **route) == 2
    assert value(metrics, "vaultbind_vault_throttled_total", **name) == 1
    assert value(metrics, "vaultbind_vault_retries_total", reason="Throttled", **name) == 1
    assert value(metrics, "vaultbind_vault_tokens_total", outcome="ok", **name) == 1
    assert value(metrics, "vaultbind_vault_looks_total", detection="List", outcome="ok", **name) == 1
    assert value(metrics, "vaultbind_vault_cache_reads_total", kind="secret", outcome="hit", **name) == 1
    assert value(metrics, "vaultbind_vault_breaker_open", **name) == 1
    observer.breaker("half-open")
    assert value(metrics, "vaultbind_vault_breaker_open", **name) == 0


def test_bindings(metrics: Metrics) -> None:
    ready = {"True": 5}
    metrics.bindings.secret_written("patch", "ok")
    metrics.bindings.drift_repaired()
    metrics.bindings.show_ready(lambda: ready)

    assert value(metrics, "vaultbind_secret_writes_total", verb="patch", outcome="ok") == 1
    assert value(metrics, "vaultbind_drift_repairs_total") == 1
    assert value(metrics, "vaultbind_bindings", ready="True") == 5
    assert value(metrics, "vaultbind_bindings", ready="Unknown") == 0
    ready["True"] = 4
    assert value(metrics, "vaultbind_bindings", ready="True") == 4


def test_process(metrics: Metrics) -> None:
    leads = [False]
    metrics.show_leader(lambda: leads[0])
    metrics.show_loop_lag(lambda: 0.25)

    assert value(metrics, "vaultbind_leader") == 0
    leads[0] = True
    assert value(metrics, "vaultbind_leader") == 1
    assert value(metrics, "vaultbind_loop_lag_seconds") == 0.25
    assert value(metrics, "process_resident_memory_bytes")


def test_two_processes_in_one_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.bindings.drift_repaired()

    assert value(second, "vaultbind_drift_repairs_total") == 0


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", "text/plain", id="plain"),
        pytest.param(
            "application/openmetrics-text;version=1.0.0", "application/openmetrics-text", id="openmetrics"
        ),
    ],
)
def test_the_text_for_prometheus(metrics: Metrics, accept: str, content_type: str) -> None:
    body, told = metrics.render(accept)

    assert told.startswith(content_type)
    assert b"vaultbind_build_info{version=" in body


def test_every_definition_is_exported_and_every_export_is_defined(metrics: Metrics) -> None:
    exported = {
        (family.name + "_total" if family.type == "counter" else family.name, family.type)
        for family in metrics.registry.collect()
        if family.name.startswith("vaultbind_")
    }

    assert exported == {(item.name, item.kind.value) for item in definitions.ALL}


@pytest.mark.parametrize("item", definitions.ALL, ids=lambda item: item.name)
def test_definitions_follow_the_rules(item: definitions.Definition) -> None:
    assert re.fullmatch(r"vaultbind_[a-z_]+", item.name)
    assert item.help.endswith(".")
    assert (item.kind is definitions.MetricKind.COUNTER) == item.name.endswith("_total")
    assert bool(item.buckets) == (item.kind is definitions.MetricKind.HISTOGRAM)
    forbidden = {"namespace", "secret", "binding", "object"}
    if item is not definitions.OBJECT_EXPIRY:  # those that expire first, and no more
        forbidden.add("name")
    assert not forbidden & set(item.labels)


def test_the_table_has_a_row_for_each() -> None:
    rows = render_table().splitlines()

    assert len(rows) == 2 + len(definitions.ALL)
    assert all(row.count("|") == 5 for row in rows)
    assert "| `vaultbind_leader` | gauge |  | 1 while this process leads. |" in rows
