"""What an ExpiryMonitor watches."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vaultbind.keyvault.rotation.judgement import THRESHOLDS
from vaultbind.keyvault.types.common import ObjectKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorConfig:
    """What is watched and when it is told."""

    thresholds: Sequence[timedelta] = THRESHOLDS
    """Times before an expiry; each is told once. The expiry itself is always told."""
    kinds: Collection[ObjectKind] = tuple(ObjectKind)
    """Each needs the right to list on the vault."""
    handler_timeout: float = 30.0
    """Seconds after which a handler's method is ended."""


def find_monitor_problems(config: MonitorConfig) -> list[str]:
    """What is wrong with a configuration, in words."""
    problems = []
    if any(not limit > timedelta(0) for limit in config.thresholds):
        problems.append("monitor.thresholds: must be positive")
    if not config.kinds:
        problems.append("monitor.kinds: must not be empty")
    if not config.handler_timeout > 0:
        problems.append("monitor.handler_timeout: must be positive")
    return problems
