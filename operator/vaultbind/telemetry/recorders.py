"""Typed recorders over the metrics: what the working parts call through their observer protocols.

What is told with every request keeps the series it has found (`cache`): to find one costs more than to count.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from vaultbind.telemetry import definitions as d

_THROTTLED: Final = 429
_READY_STATES: Final = ("True", "False", "Unknown")


def counter(registry: CollectorRegistry, definition: d.Definition) -> Counter:
    """Counter as defined."""
    return Counter(definition.name, definition.help, definition.labels, registry=registry)


def gauge(registry: CollectorRegistry, definition: d.Definition) -> Gauge:
    """Gauge as defined."""
    return Gauge(definition.name, definition.help, definition.labels, registry=registry)


def histogram(registry: CollectorRegistry, definition: d.Definition) -> Histogram:
    """Histogram as defined."""
    return Histogram(
        definition.name, definition.help, definition.labels, buckets=definition.buckets, registry=registry
    )


def _count_of(state: str, counts: Callable[[], Mapping[str, int]]) -> int:
    return counts().get(state, 0)


class EngineMetrics:
    """The engine's observer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reconciles = cache(counter(registry, d.RECONCILES).labels)
        self._seconds = cache(histogram(registry, d.RECONCILE_SECONDS).labels)
        self._depth = gauge(registry, d.QUEUE_DEPTH)

    def worked(self, kind: str, outcome: str, seconds: float) -> None:
        """One piece of work on an object of this kind is finished."""
        self._reconciles(kind, outcome).inc()
        self._seconds(kind).observe(seconds)

    def show_queue(self, priority: str, depth: Callable[[], int]) -> None:
        """Ask `depth` at each scrape, so that the queue itself need not report."""
        self._depth.labels(priority).set_function(depth)


class BindingMetrics:
    """What the bindings room reports."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._bindings = gauge(registry, d.BINDINGS)
        self._writes = counter(registry, d.SECRET_WRITES)
        self._repairs = counter(registry, d.DRIFT_REPAIRS)
        self._restarts = counter(registry, d.RESTARTS)

    def secret_written(self, verb: str, outcome: str) -> None:
        """A Secret was created, patched or deleted; `outcome` is ok or the kind of error."""
        self._writes.labels(verb, outcome).inc()

    def drift_repaired(self) -> None:
        """Somebody else's change was undone."""
        self._repairs.inc()

    def restarted(self, kind: str, outcome: str) -> None:
        """A workload was restarted because its Secret's content has changed, or could not be."""
        self._restarts.labels(kind, outcome).inc()

    def show_ready(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Ask at each scrape how many bindings have Ready True, False and Unknown."""
        for state in _READY_STATES:
            self._bindings.labels(state).set_function(partial(_count_of, state, counts))


class CryptoMetrics:
    """What the room of CryptoJobs reports."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = counter(registry, d.CRYPTO_ATTEMPTS)
        self._jobs = counter(registry, d.CRYPTO_JOBS)
        self._seconds = histogram(registry, d.CRYPTO_JOB_SECONDS)

    def attempted(self, operation: str, algorithm: str, outcome: str) -> None:
        """An operation was done or not; `outcome` is done or the reason of the setback."""
        self._attempts.labels(operation, algorithm, outcome).inc()

    def finished(self, operation: str, outcome: str, seconds: float) -> None:
        """A job completed or failed so many seconds after its start."""
        self._jobs.labels(operation, outcome).inc()
        self._seconds.labels(operation).observe(seconds)


class KubeMetrics:
    """The API client's observer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = cache(counter(registry, d.KUBE_REQUESTS).labels)
        self._seconds = cache(histogram(registry, d.KUBE_REQUEST_SECONDS).labels)
        self._ends = counter(registry, d.KUBE_WATCH_ENDS)

    def request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """One request was answered, or not (status 0)."""
        self._requests(verb, resource, status).inc()
        self._seconds(verb, resource).observe(seconds)

    def watch_ended(self, resource: str, cause: str) -> None:
        """A watch has to be opened again."""
        self._ends.labels(resource, cause).inc()


class HintMetrics:
    """What becomes of events about vault objects."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hints = counter(registry, d.HINTS)

    def hinted(self, outcome: str) -> None:
        """One event was taken, repeated, or about what nobody wants."""
        self._hints.labels(outcome).inc()


class InjectionMetrics:
    """What webhook and broker report."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reviews = counter(registry, d.ADMISSION_REVIEWS)
        self._requests = counter(registry, d.BROKER_REQUESTS)
        self._seconds = histogram(registry, d.BROKER_REQUEST_SECONDS)

    def reviewed(self, what: str, outcome: str) -> None:
        """The webhook has answered; `what` is inject or check."""
        self._reviews.labels(what, outcome).inc()

    def answered(self, reason: str, seconds: float) -> None:
        """The broker has answered; a refusal by its reason."""
        self._requests.labels(reason).inc()
        self._seconds.observe(seconds)


class VaultMetrics:
    """Metrics of all vaults; `of` gives one vault's observer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = cache(counter(registry, d.VAULT_REQUESTS).labels)
        self.seconds = cache(histogram(registry, d.VAULT_REQUEST_SECONDS).labels)
        self.retries = counter(registry, d.VAULT_RETRIES)
        self.throttled = counter(registry, d.VAULT_THROTTLED)
        self.tokens = counter(registry, d.VAULT_TOKENS)
        self.breaker_open = gauge(registry, d.VAULT_BREAKER_OPEN)
        self.cache = counter(registry, d.VAULT_CACHE)
        self.looks = counter(registry, d.VAULT_LOOKS)
        self.clock_ahead = gauge(registry, d.VAULT_CLOCK_AHEAD)

    def of(self, vault: str) -> "VaultObserver":
        """Observer for the vault of this host name."""
        return VaultObserver(self, vault)


class VaultObserver:
    """One vault's observer, as the client library and the watcher of the vault call it."""

    def __init__(self, metrics: VaultMetrics, vault: str) -> None:
        self._metrics = metrics
        self._vault = vault
        metrics.breaker_open.labels(vault)  # shown from the start, closed

    def request(self, kind: str, method: str, route: str, status: int, seconds: float) -> None:  # noqa: ARG002 - the route tells the kind
        """One request went over the wire."""
        self._metrics.requests(self._vault, method, route, status).inc()
        self._metrics.seconds(self._vault, route).observe(seconds)
        if status == _THROTTLED:
            self._metrics.throttled.labels(self._vault).inc()

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:  # noqa: ARG002 - counted by reason
        """A request is repeated after `delay` seconds."""
        self._metrics.retries.labels(self._vault, reason).inc()

    def token(self, outcome: str, seconds: float) -> None:  # noqa: ARG002 - counted by outcome
        """A token was asked for."""
        self._metrics.tokens.labels(self._vault, outcome).inc()

    def breaker(self, state: str) -> None:
        """The circuit breaker moved to closed, open or half-open."""
        self._metrics.breaker_open.labels(self._vault).set(1 if state == "open" else 0)

    def cache(self, kind: str, outcome: str) -> None:
        """A read met the cache."""
        self._metrics.cache.labels(self._vault, kind, outcome).inc()

    def looked(self, detection: str, outcome: str) -> None:
        """The watcher has looked at the vault; `outcome` is ok or the kind of error."""
        self._metrics.looks.labels(self._vault, detection, outcome).inc()
