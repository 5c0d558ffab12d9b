"""A Lease object as a value, and the patches that claim, renew and release it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vaultbind.kube.objects import KubeObject, resource_version_of
from vaultbind.kube.resources import LEASES

_DEFAULT_DURATION: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """Who holds the lease. `renewed` is only compared, never read as a time: clocks differ."""

    holder: str
    duration: float
    renewed: str
    transitions: int
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimings:
    """Seconds. A holder gives up at `deadline`, others take over after `duration`: keep them apart."""

    duration: float = 15.0
    deadline: float = 10.0
    interval: float = 2.0
    call_timeout: float = 5.0

    def __post_init__(self) -> None:
        """Raise ValueError for timings with which two leaders could overlap or a renewal never fits."""
        if not 0 < self.interval < self.deadline < self.duration or self.call_timeout <= 0:
            raise ValueError("lease timings must satisfy 0 < interval < deadline < duration")


def parse_lease(obj: KubeObject) -> LeaseRecord:
    """Read a Lease; absent fields read as a lease that nobody holds."""
    spec: Mapping[str, Any] = obj.get("spec") or {}
    return LeaseRecord(
        holder=str(spec.get("holderIdentity") or ""),
        duration=float(spec.get("leaseDurationSeconds") or _DEFAULT_DURATION),
        renewed=str(spec.get("renewTime") or ""),
        transitions=int(spec.get("leaseTransitions") or 0),
        resource_version=resource_version_of(obj),
    )


def is_free(record: LeaseRecord, identity: str, *, unchanged_for: float) -> bool:
    """Whether `identity` may claim it: nobody holds it, it does itself, or it has not changed for too long.

    `unchanged_for` is measured by the observer's own monotonic clock, in seconds.
    """
    return record.holder in {"", identity} or unchanged_for >= record.duration


def render_new_lease(
    namespace: str, name: str, identity: str, *, timings: LeaseTimings, now: datetime
) -> dict[str, Any]:
    """A Lease object that `identity` holds."""
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": _held(identity, timings, now) | {"acquireTime": _stamp(now), "leaseTransitions": 0},
    }


def render_claim(
    record: LeaseRecord, identity: str, *, timings: LeaseTimings, now: datetime
) -> dict[str, Any]:
    """Patch that makes `identity` the holder, if the lease is still the one in `record`."""
    spec = _held(identity, timings, now)
    if record.holder != identity:
        spec |= {"acquireTime": _stamp(now), "leaseTransitions": record.transitions + 1}
    return _guarded(record, spec)


def render_renewal(record: LeaseRecord, now: datetime) -> dict[str, Any]:
    """Patch that says that the holder lives."""
    return _guarded(record, {"renewTime": _stamp(now)})


def render_release(record: LeaseRecord, now: datetime) -> dict[str, Any]:
    """Patch that lets anybody claim it at once."""
    return _guarded(record, {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _stamp(now)})


def _held(identity: str, timings: LeaseTimings, now: datetime) -> dict[str, Any]:
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": max(1, round(timings.duration)),
        "renewTime": _stamp(now),
    }


def _guarded(record: LeaseRecord, spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": record.resource_version}, "spec": spec}


def _stamp(now: datetime) -> str:
    """MicroTime as the API server takes it; `now` is aware and in UTC."""
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
