"""Every metric that the operator exports: name, kind, labels and a sentence, for code and documentation.

Labels are bounded: kinds, verbs, outcomes, status codes, and the names of vaults. Names of Secrets and
bindings are never labels; those of vault objects only for the ones that expire first, so many and no more.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class MetricKind(StrEnum):
    """Prometheus' types, as far as used."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One metric; `buckets` are upper bounds in seconds, of histograms only."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_REQUEST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def _counter(name: str, help: str, *labels: str) -> Definition:
    return Definition(name=f"vaultbind_{name}_total", kind=MetricKind.COUNTER, help=help, labels=labels)


def _gauge(name: str, help: str, *labels: str) -> Definition:
    return Definition(name=f"vaultbind_{name}", kind=MetricKind.GAUGE, help=help, labels=labels)


def _seconds(name: str, help: str, *labels: str) -> Definition:
    return Definition(
        name=f"vaultbind_{name}_seconds",
        kind=MetricKind.HISTOGRAM,
        help=help,
        labels=labels,
        buckets=_REQUEST_BUCKETS,
    )


BUILD_INFO: Final = _gauge("build_info", "Always 1; the version of the operator.", "version")

RECONCILES: Final = _counter("reconciles", "Finished pieces of work.", "kind", "outcome")
RECONCILE_SECONDS: Final = _seconds("reconcile_duration", "Time of one piece of work.", "kind")
QUEUE_DEPTH: Final = _gauge("queue_depth", "Objects that wait for a worker.", "priority")

BINDINGS: Final = _gauge("bindings", "VaultBindings by the status of their Ready condition.", "ready")
SECRET_WRITES: Final = _counter("secret_writes", "Writes of Secrets.", "verb", "outcome")
DRIFT_REPAIRS: Final = _counter("drift_repairs", "Changes of Secrets by others that were undone.")
RESTARTS: Final = _counter(
    "restarts", "Workloads restarted because their Secret's content has changed.", "kind", "outcome"
)

CRYPTO_ATTEMPTS: Final = _counter(
    "crypto_attempts",
    "Attempts of CryptoJobs; outcome: done, or the reason of the setback; algorithm: none for RotateKey, "
    "unknown before the key was read.",
    "operation",
    "algorithm",
    "outcome",
)
CRYPTO_JOBS: Final = _counter("crypto_jobs", "CryptoJobs that completed or failed.", "operation", "outcome")
CRYPTO_JOB_SECONDS: Final = _seconds(
    "crypto_job_duration", "Time from the start of a CryptoJob to its end.", "operation"
)

VAULT_REQUESTS: Final = _counter(
    "vault_requests",
    "Requests to Key Vault, challenges and retries included; status 0: no answer.",
    "vault",
    "method",
    "route",
    "status",
)
VAULT_REQUEST_SECONDS: Final = _seconds(
    "vault_request_duration", "Time of one request to Key Vault.", "vault", "route"
)
VAULT_RETRIES: Final = _counter(
    "vault_retries", "Requests to Key Vault that were repeated.", "vault", "reason"
)
VAULT_THROTTLED: Final = _counter("vault_throttled", "Answers 429 of Key Vault.", "vault")
VAULT_TOKENS: Final = _counter("vault_tokens", "Tokens asked of Microsoft Entra ID.", "vault", "outcome")
VAULT_BREAKER_OPEN: Final = _gauge(
    "vault_breaker_open", "1 while the vault's circuit breaker is open.", "vault"
)
VAULT_CACHE: Final = _counter(
    "vault_cache_reads",
    "Reads that met the client's cache: hit, negative-hit, join, miss, or refresh beside a hit.",
    "vault",
    "kind",
    "outcome",
)
VAULT_LOOKS: Final = _counter("vault_looks", "Looks at a whole vault.", "vault", "detection", "outcome")

VAULT_CLOCK_AHEAD: Final = _gauge(
    "vault_clock_ahead_seconds",
    "By how much the vault's clock is ahead of ours, by the Date of its answers; to about a second.",
    "vault",
)

HINTS: Final = _counter(
    "hints",
    "Events about vault objects: taken, repeated, unknown (nobody wants it), refused (of no known sender).",
    "outcome",
)

OBJECT_EXPIRY: Final = _gauge(
    "object_expiry_timestamp_seconds",
    "When a watched, enabled object expires: at most 500, first what expires next, then what expired last.",
    "vault",
    "kind",
    "name",
)
OBJECTS: Final = _gauge(
    "objects",
    "Watched objects by state: Valid, ExpiresSoon, Expired, NotYetValid, Disabled.",
    "vault",
    "keyvault",
    "state",
)
EXPIRY_TOLD: Final = _counter(
    "expiry_told", "What was told of watched objects: NearExpiry, Expired, Rotated.", "vault", "event"
)

EXPIRY_READS: Final = _counter(
    "expiry_reads",
    "Reads of objects for expiry: versions, deleted, pending, policy, end; spared: it was read within a day.",
    "vault",
    "purpose",
    "outcome",
)
ROTATION_HANDLER_CALLS: Final = _counter(
    "rotation_handler_calls",
    "Calls of rotation handlers: ok, error, timeout, unread (the new version could not be read), dropped.",
    "handler",
    "method",
    "outcome",
)
CLOUDEVENTS: Final = _counter(
    "cloudevents",
    "Attempts to tell the CloudEvents sink: delivered, refused, failed (and tried again), spared.",
    "type",
    "outcome",
)
CLOUDEVENTS_WAITING: Final = _gauge("cloudevents_waiting", "CloudEvents that wait for the sink.")

KUBE_REQUESTS: Final = _counter(
    "kube_requests",
    "Requests to the API server by our own client; status 0: no answer.",
    "verb",
    "resource",
    "status",
)
KUBE_REQUEST_SECONDS: Final = _seconds(
    "kube_request_duration", "Time of one request to the API server.", "verb", "resource"
)
KUBE_WATCH_ENDS: Final = _counter(
    "kube_watch_ends", "Watches that had to be opened again before their time.", "resource", "cause"
)

ADMISSION_REVIEWS: Final = _counter(
    "admission_reviews",
    "Answers of the webhook: pods (inject) and objects of our kinds (check).",
    "what",
    "outcome",
)
BROKER_REQUESTS: Final = _counter("broker_requests", "Answers of the broker, by reason.", "reason")
BROKER_REQUEST_SECONDS: Final = _seconds("broker_request_duration", "Time of one request to the broker.")

LOOP_LAG: Final = _gauge("loop_lag_seconds", "Longest delay of the event loop in the last half minute.")
LEADER: Final = _gauge("leader", "1 while this process leads.")

ALL: Final[tuple[Definition, ...]] = tuple(
    value for value in list(globals().values()) if isinstance(value, Definition)
)
