"""All metrics of one process, in a registry of their own: nothing global, so tests can have many."""

from collections.abc import Callable

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    CollectorRegistry,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from vaultbind import __version__
from vaultbind.telemetry import definitions
from vaultbind.telemetry.expiry import ExpiryMetrics
from vaultbind.telemetry.recorders import (
    BindingMetrics,
    CryptoMetrics,
    EngineMetrics,
    HintMetrics,
    InjectionMetrics,
    KubeMetrics,
    VaultMetrics,
    gauge,
)


class Metrics:
    """The recorders, one per part of the house, and the text that Prometheus reads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.engine = EngineMetrics(self.registry)
        self.bindings = BindingMetrics(self.registry)
        self.crypto = CryptoMetrics(self.registry)
        self.vaults = VaultMetrics(self.registry)
        self.kube = KubeMetrics(self.registry)
        self.hints = HintMetrics(self.registry)
        self.expiry = ExpiryMetrics(self.registry)
        self.injection = InjectionMetrics(self.registry)
        self._lag = gauge(self.registry, definitions.LOOP_LAG)
        self._leader = gauge(self.registry, definitions.LEADER)
        gauge(self.registry, definitions.BUILD_INFO).labels(__version__).set(1)
        ProcessCollector(registry=self.registry)
        self.registry.register(PLATFORM_COLLECTOR)
        self.registry.register(GC_COLLECTOR)

    def show_loop_lag(self, seconds: Callable[[], float]) -> None:
        """Ask for the event loop's lag at each scrape."""
        self._lag.set_function(seconds)

    def show_leader(self, leads: Callable[[], bool]) -> None:
        """Ask at each scrape whether this process leads."""
        self._leader.set_function(lambda: 1.0 if leads() else 0.0)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Body and content type of an answer to a scrape with this Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def render_table() -> str:
    """Markdown table of all metrics, for the documentation."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for item in definitions.ALL:
        labels = ", ".join(f"`{label}`" for label in item.labels)
        rows.append(f"| `{item.name}` | {item.kind.value} | {labels} | {item.help} |")
    return "\n".join([*rows, ""])
