"""The client library's observer as OpenTelemetry metrics; needs `vaultbind[otel]`.

Spans come from azure-core itself (`KeyVaultConfig.tracing`). Names and labels are those of our Prometheus
metrics.
"""

from opentelemetry.metrics import Meter, get_meter

from vaultbind.telemetry import definitions as d

_OPEN = {"open": 1, "half-open": 0, "closed": 0}


class OtelVaultObserver:
    """Counts what the client of one vault does."""

    def __init__(self, vault: str, meter: Meter | None = None) -> None:
        """`vault` is a label of each metric; the meter is the process's own when none is given."""
        meter = meter or get_meter("vaultbind.keyvault")
        self._vault = {"vault": vault}
        self._requests = meter.create_counter(d.VAULT_REQUESTS.name, description=d.VAULT_REQUESTS.help)
        self._seconds = meter.create_histogram(
            d.VAULT_REQUEST_SECONDS.name, unit="s", description=d.VAULT_REQUEST_SECONDS.help
        )
        self._retries = meter.create_counter(d.VAULT_RETRIES.name, description=d.VAULT_RETRIES.help)
        self._tokens = meter.create_counter(d.VAULT_TOKENS.name, description=d.VAULT_TOKENS.help)
        self._cache = meter.create_counter(d.VAULT_CACHE.name, description=d.VAULT_CACHE.help)
        self._breaker = meter.create_gauge(d.VAULT_BREAKER_OPEN.name, description=d.VAULT_BREAKER_OPEN.help)

    def request(self, kind: str, method: str, route: str, status: int, seconds: float) -> None:  # noqa: ARG002 - the route tells the kind
        """One request went over the wire."""
        self._requests.add(1, {**self._vault, "method": method, "route": route, "status": status})
        self._seconds.record(seconds, {**self._vault, "route": route})

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:  # noqa: ARG002 - counted by reason
        """A request is repeated after `delay` seconds."""
        self._retries.add(1, {**self._vault, "reason": reason})

    def token(self, outcome: str, seconds: float) -> None:  # noqa: ARG002 - counted by outcome
        """A token was asked for."""
        self._tokens.add(1, {**self._vault, "outcome": outcome})

    def breaker(self, state: str) -> None:
        """The circuit breaker has moved."""
        self._breaker.set(_OPEN.get(state, 0), self._vault)

    def cache(self, kind: str, outcome: str) -> None:
        """A read met the cache."""
        self._cache.add(1, {**self._vault, "kind": kind, "outcome": outcome})
