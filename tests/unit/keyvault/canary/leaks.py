"""Finds a value in whatever form it got into a text, and keeps everything that a program puts out."""

import base64
import json
import logging
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from azure.core.instrumentation import _get_tracer_cached
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vaultbind.keyvault import AccessLogEntry, MonitorState
from vaultbind.keyvault.simulation.replay import save_log
from vaultbind.telemetry.metrics import Metrics
from vaultbind.telemetry.vault_observers import LoggingVaultObserver, ManyObservers
from vaultbind.telemetry.vault_otel import OtelVaultObserver

VAULT = "mock.vault.azure.net"
SHORTEST = 12
"""Characters of an encoded form that are no accident."""


def forms_of(value: bytes) -> dict[str, set[str]]:
    """Every form by name; base64 in its three alignments, for a value may stand amid something else."""
    text = value.decode("utf-8", "replace")
    urlsafe = {_inner(base64.urlsafe_b64encode(b"\0" * shift + value), shift) for shift in range(3)}
    standard = {_inner(base64.b64encode(b"\0" * shift + value), shift) for shift in range(3)}
    forms = {
        "plain": {text, json.dumps(text)[1:-1], repr(value)[2:-1]},
        "base64": standard | {form.replace("/", r"\/") for form in standard},
        "base64url": urlsafe,
        "hex": {value.hex(), value.hex().upper(), value.hex(" "), value.hex(":")},
        "url": {quote(value, safe=""), quote_plus(value), quote(value)},
    }
    return {name: {form for form in found if len(form) >= SHORTEST} for name, found in forms.items()}


def find_leaks(output: Mapping[str, str], values: Mapping[str, bytes]) -> set[tuple[str, str, str]]:
    """Channel, value and form of everything that should not be there."""
    return {
        (channel, name, form)
        for name, value in values.items()
        for form, spellings in forms_of(value).items()
        for channel, text in output.items()
        if any(spelling in text for spelling in spellings)
    }


def _inner(encoded: bytes, shift: int) -> str:
    """The characters that depend on the value alone, without its neighbours before and behind."""
    start = 0 if shift == 0 else 4 * shift // 3 + 1
    return encoded.decode().rstrip("=")[start:-1]


class Output:
    """Everything that comes out of a client, by channel."""

    def __init__(self) -> None:
        self.logs: list[str] = []
        self.shown: list[str] = []
        self.errors: list[str] = []
        self.warned: list[str] = []
        self.states: list[str] = []
        self.access: list[str] = []
        self.files: list[str] = []
        self.metrics = Metrics()
        self.spans = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader])
        self.observer = ManyObservers(
            [
                LoggingVaultObserver(VAULT),
                self.metrics.vaults.of(VAULT),
                OtelVaultObserver(VAULT, self.provider.get_meter("canary")),
            ]
        )

    def show(self, result: object) -> None:
        """Note what a program would see that prints a result."""
        self.shown += [repr(result), str(result), f"{result}"]

    def fail(self, error: BaseException) -> None:
        """Note what a program would see that logs an error, with everything behind it."""
        self.errors += [repr(error), str(error), str(vars(error)), *traceback.format_exception(error)]

    def keep(self, state: MonitorState) -> None:
        """Note what a program would store of a monitor, and that it says what it is to say."""
        self.states += [state.to_json(), repr(state)]
        assert MonitorState.from_json(state.to_json()) == state

    def keep_log(self, entries: Sequence[AccessLogEntry], file: Path) -> None:
        """Note a log as it is shown, and as it is on disk."""
        self.access += [repr(entry) for entry in entries]
        save_log(entries, file)
        self.files.append(file.read_text(encoding="utf-8"))

    def texts(self, printed: str = "") -> dict[str, str]:
        """All output by channel; `printed` went to stdout and stderr."""
        data = self.reader.get_metrics_data()
        return {
            "logs": "\n".join(self.logs),
            "results": "\n".join(self.shown),
            "errors": "\n".join(self.errors),
            "warnings": "\n".join(self.warned),
            "printed": printed,
            "states": "\n".join(self.states),
            "access log": "\n".join(self.access),
            "files": "\n".join(self.files),
            "prometheus": self.metrics.render()[0].decode(),
            "spans": "\n".join(span.to_json() for span in self.spans.get_finished_spans()),
            "otel": data.to_json() if data is not None else "",
        }


@contextmanager
def everything_recorded(output: Output) -> Iterator[None]:
    """All loggers at DEBUG, azure's too; spans on; warnings kept."""
    handler = _Recorder(output.logs)
    names = [
        "",
        *(name for name in logging.root.manager.loggerDict if name.startswith(("azure", "vaultbind"))),
    ]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.root.addHandler(handler)
    provider, before = TracerProvider(), trace._TRACER_PROVIDER
    provider.add_span_processor(SimpleSpanProcessor(output.spans))
    trace._TRACER_PROVIDER = provider
    _get_tracer_cached.cache_clear()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        output.warned += [str(item.message) for item in caught]
        trace._TRACER_PROVIDER = before
        _get_tracer_cached.cache_clear()
        logging.root.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


class _Recorder(logging.Handler):
    """Keeps the line, its traceback, and everything that hangs on a record."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = vars(record)
        self._lines.append(f"{self.format(record)} {fields}")
