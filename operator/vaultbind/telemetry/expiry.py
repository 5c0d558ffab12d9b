"""Metrics of expiry: what the room of expiry reports, shown as it stands at each scrape."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from vaultbind.api.refs import ObjectKey
from vaultbind.keyvault import ObjectProperties
from vaultbind.keyvault.rotation.judgement import Telling, Validity
from vaultbind.telemetry import definitions as d
from vaultbind.telemetry.recorders import counter, gauge

MOST_SERIES: Final = 500
"""Objects that are shown by name: those that expire next, then those that have expired last."""

_End = tuple[float, str, str]
"""Epoch seconds, kind and name."""


@dataclass(frozen=True, slots=True)
class _Shown:
    vault: str
    counts: Mapping[Validity, int]
    coming: tuple[_End, ...]
    past: tuple[_End, ...]
    """What has expired; old ends that nobody cleans up must not hide what can still be saved."""


class ExpiryMetrics(Collector):
    """The observer of the room of expiry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._shown: dict[ObjectKey, _Shown] = {}
        self._told = counter(registry, d.EXPIRY_TOLD)
        self._reads = counter(registry, d.EXPIRY_READS)
        self._calls = counter(registry, d.ROTATION_HANDLER_CALLS)
        self._sent = counter(registry, d.CLOUDEVENTS)
        self._waiting = gauge(registry, d.CLOUDEVENTS_WAITING)
        registry.register(self)

    def judged(
        self,
        key: ObjectKey,
        vault: str,
        counts: Mapping[Validity, int],
        objects: Sequence[ObjectProperties],
        now: datetime,
    ) -> None:
        """What is so of a KeyVault's objects now; what is disabled does not matter when it ends."""
        ends = [
            (item.expires_on.timestamp(), item.kind.value, item.name)
            for item in objects
            if item.expires_on is not None and item.enabled
        ]
        moment = now.timestamp()
        coming = heapq.nsmallest(MOST_SERIES, (end for end in ends if end[0] > moment))
        past = heapq.nlargest(MOST_SERIES, (end for end in ends if end[0] <= moment))
        self._shown[key] = _Shown(vault, dict(counts), tuple(coming), tuple(past))

    def told(self, vault: str, tellings: Sequence[Telling]) -> None:
        """What is told now."""
        for telling in tellings:
            self._told.labels(vault, telling.event.value).inc()

    def forgotten(self, key: ObjectKey) -> None:
        """A KeyVault is gone, or watches no expiry any more."""
        self._shown.pop(key, None)

    def own_read(self, vault: str, purpose: str, outcome: str) -> None:
        """An object was read because a list does not show all of it, or was not."""
        self._reads.labels(vault, purpose, outcome).inc()

    def handled(self, handler: str, method: str, outcome: str) -> None:
        """A rotation handler was called, or could not be."""
        self._calls.labels(handler, method, outcome).inc()

    def sent(self, type: str, outcome: str) -> None:
        """The CloudEvents sink was told, or could not be."""
        self._sent.labels(type, outcome).inc()

    def show_waiting(self, count: Callable[[], int]) -> None:
        """Ask at each scrape how many events wait for the sink."""
        self._waiting.set_function(count)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the families without asking for their samples."""
        yield _family(d.OBJECT_EXPIRY)
        yield _family(d.OBJECTS)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give all samples; an object that two KeyVaults watch is one."""
        expiry, objects = _family(d.OBJECT_EXPIRY), _family(d.OBJECTS)
        shown = sorted(self._shown.items())
        coming = {(end, item.vault, kind, name) for _, item in shown for end, kind, name in item.coming}
        past = {(end, item.vault, kind, name) for _, item in shown for end, kind, name in item.past} - coming
        found = heapq.nsmallest(MOST_SERIES, coming)
        for end, vault, kind, name in found + heapq.nlargest(MOST_SERIES - len(found), past):
            expiry.add_metric([vault, kind, name], end)
        for key, item in shown:
            for state in Validity:
                objects.add_metric([item.vault, _name_of(key), state.value], item.counts.get(state, 0))
        yield expiry
        yield objects


def _family(definition: d.Definition) -> GaugeMetricFamily:
    return GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)


def _name_of(key: ObjectKey) -> str:
    return f"{key.namespace}/{key.name}" if key.namespace else key.name
