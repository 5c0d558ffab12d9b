"""What programs see of a client: log lines, OpenTelemetry's metrics and azure-core's spans."""

import logging
from collections.abc import Iterator

import pytest
from azure.core.instrumentation import _get_tracer_cached
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vaultbind.keyvault import KeyVaultError, MockKeyVaultClient, Observer
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.observer import NullObserver
from vaultbind.telemetry.vault_observers import LoggingVaultObserver, ManyObservers
from vaultbind.telemetry.vault_otel import OtelVaultObserver

VAULT = "shop.vault.azure.net"
ROUTE = "/secrets/{name}"


def tell_everything(observer: Observer) -> None:
    observer.request("secret", "GET", ROUTE, 200, 0.25)
    observer.request("secret", "GET", ROUTE, 0, 5.0)
    observer.retry("secret", "GET", ROUTE, "503", 0.5)
    observer.token("ok", 0.1)
    observer.token("AADSTS700016", 0.1)
    observer.breaker("open")
    observer.breaker("closed")
    observer.cache("secret", "hit")


LINES = [
    (logging.DEBUG, f"{VAULT}: GET {ROUTE}: 200 in 0.250 s"),
    (logging.DEBUG, f"{VAULT}: GET {ROUTE}: no answer in 5.000 s"),
    (logging.INFO, f"{VAULT}: GET {ROUTE}: 503, again in 0.500 s"),
    (logging.DEBUG, f"{VAULT}: token: ok in 0.100 s"),
    (logging.WARNING, f"{VAULT}: token: AADSTS700016 in 0.100 s"),
    (logging.WARNING, f"{VAULT}: circuit breaker: open"),
    (logging.INFO, f"{VAULT}: circuit breaker: closed"),
    (logging.DEBUG, f"{VAULT}: cache of secrets: hit"),
]


def test_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        tell_everything(LoggingVaultObserver(VAULT))

    assert [(record.levelno, record.getMessage()) for record in caplog.records] == LINES


def test_several_observers_hear_the_same(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("mine")
    with caplog.at_level(logging.DEBUG):
        tell_everything(ManyObservers([LoggingVaultObserver(VAULT, logger), NullObserver()]))
        tell_everything(ManyObservers([LoggingVaultObserver(VAULT, logger)] * 2))

    assert len([record for record in caplog.records if record.name == "mine"]) == 3 * len(LINES)


def test_metrics_of_opentelemetry() -> None:
    reader = InMemoryMetricReader()
    meter = MeterProvider(metric_readers=[reader]).get_meter("test")
    tell_everything(OtelVaultObserver(VAULT, meter))
    data = reader.get_metrics_data()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    found = {
        (metric.name, *sorted(str(value) for value in (point.attributes or {}).values())): getattr(
            point, "value", None
        )
        for metric in scope.metrics
        for point in metric.data.data_points
    }

    assert found == {
        ("vaultbind_vault_requests_total", ROUTE, "200", "GET", VAULT): 1,
        ("vaultbind_vault_requests_total", ROUTE, "0", "GET", VAULT): 1,
        ("vaultbind_vault_request_duration_seconds", ROUTE, VAULT): None,
        ("vaultbind_vault_retries_total", "503", VAULT): 1,
        ("vaultbind_vault_tokens_total", "ok", VAULT): 1,
        ("vaultbind_vault_tokens_total", "AADSTS700016", VAULT): 1,
        ("vaultbind_vault_breaker_open", VAULT): 0,
        ("vaultbind_vault_cache_reads_total", "hit", "secret", VAULT): 1,
    }


def test_the_meter_of_the_process_is_the_default() -> None:
    tell_everything(OtelVaultObserver(VAULT))


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    _get_tracer_cached.cache_clear()
    yield exporter
    _get_tracer_cached.cache_clear()
    provider.shutdown()


async def test_spans_are_azures_own_one_per_request(spans: InMemorySpanExporter) -> None:
    async with MockKeyVaultClient(tracing=True) as client:
        client.seed(secrets={"db": "hunter2"})
        await client.secrets.get_secret("db")
        spans.clear()
        client.fail_next()
        await client.secrets.get_secret("db")
        with pytest.raises(KeyVaultError):
            await client.secrets.get_secret("nothing")
        found = spans.get_finished_spans()

    statuses = [dict(span.attributes or {})["http.response.status_code"] for span in found]
    assert statuses == [503, 200, 404]
    assert {span.name for span in found} == {"GET"}
    assert "hunter2" not in "".join(span.to_json() for span in found)


async def test_no_spans_unless_asked_for(spans: InMemorySpanExporter) -> None:
    async with MockKeyVaultClient(cache=CacheConfig()) as client:
        client.seed(secrets={"db": "hunter2"})
        await client.secrets.get_secret("db")

    assert spans.get_finished_spans() == ()
