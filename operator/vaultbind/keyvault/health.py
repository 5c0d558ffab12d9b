"""Whether a vault can be used: asked without reading anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.breaker import BreakerState
from vaultbind.keyvault.transport.pipeline import Probe, VaultPipeline
from vaultbind.keyvault.transport.policies import Call
from vaultbind.keyvault.types.common import ObjectKind

PROBE_NAME = "vaultbind-health-check"
"""Name of an object that is asked for: "not found" is the answer of a vault that can be used."""
_K = KeyVaultErrorKind
_NOT_REACHED = frozenset({_K.UNREACHABLE, _K.TIMEOUT, _K.RATE_LIMITED, _K.AUTHENTICATION_FAILED})
"""Failures after which the vault itself has not answered."""
_ALLOWED = frozenset(
    {_K.SECRET_NOT_FOUND, _K.KEY_NOT_FOUND, _K.CERTIFICATE_NOT_FOUND, _K.NOT_FOUND, _K.DISABLED}
)
_REFUSED = frozenset({_K.FORBIDDEN, _K.FORBIDDEN_BY_FIREWALL})


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthStatus:
    """What `health_check` found.

    `authorized`: whether the identity may get any object of a kind; None when that is not known. A right on
    single objects only looks like none. `latency` in seconds for one request and its answer; `clock_skew`:
    how many seconds the vault is ahead of us, to about half a second. `error` says what hinders, if anything.
    """

    reachable: bool
    authorized: Mapping[ObjectKind, bool | None]
    latency: float | None
    breaker: BreakerState
    clock_skew: float | None
    error: KeyVaultError | None

    @property
    def is_healthy(self) -> bool:
        """Whether the vault answers and at least one kind of objects can be read."""
        return self.reachable and self.error is None and any(self.authorized.values())


async def check_health(pipeline: VaultPipeline) -> HealthStatus:
    """Ask for one object of each kind that should not exist; raises nothing."""
    probes: dict[ObjectKind, Probe] = {}
    for kind in ObjectKind:
        probes[kind] = await _probe(pipeline, kind)
        if not _is_reached(probes[kind]):
            break
    last = list(probes.values())[-1]
    troubles = [
        probe.error
        for probe in probes.values()
        if probe.error and probe.error.kind not in _ALLOWED | _REFUSED
    ]
    return HealthStatus(
        reachable=_is_reached(last),
        authorized={kind: _is_authorized(probes.get(kind)) for kind in ObjectKind},
        # The first probe also pays for the challenge and the token.
        latency=last.seconds if _is_reached(last) else None,
        breaker=pipeline.breaker_state,
        clock_skew=last.skew,
        error=troubles[0] if troubles else None,
    )


async def _probe(pipeline: VaultPipeline, kind: ObjectKind) -> Probe:
    route = f"/{kind.collection}/{{name}}"
    call = Call(kind=kind.value, method="GET", route=route, name=PROBE_NAME)
    url = f"{pipeline.url}/{kind.collection}/{PROBE_NAME}/{pipeline.query_of(kind)}"
    return await pipeline.probe(call, url)


def _is_reached(probe: Probe) -> bool:
    return probe.error is None or probe.error.kind not in _NOT_REACHED


def _is_authorized(probe: Probe | None) -> bool | None:
    if probe is None:
        return None
    if probe.error is None or probe.error.kind in _ALLOWED:
        return True
    return False if probe.error.kind in _REFUSED else None
