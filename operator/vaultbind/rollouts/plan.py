"""Pure: whether a binding's workloads are behind its content, and which of them to restart."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from vaultbind.api.pod_values import OLDEST_SECONDS
from vaultbind.rollouts.facts import RolloutFacts, Workload

_HOLD: Final = timedelta(seconds=OLDEST_SECONDS + 1.0)
"""With the second that a time in a status may be early."""


def is_behind(status: Mapping[str, Any], revision: int) -> bool:
    """Whether content has changed since the workloads were last seen to.

    A binding that has not been seen to yet is not behind: its workloads started with what is there. So
    neither a first sync nor a restart of ours restarts anything.
    """
    done = status.get("rolloutRevision")
    return done is not None and int(done) < revision


def decide(facts: RolloutFacts) -> tuple[Workload, ...]:
    """The workloads whose pod template does not name this revision yet."""
    return tuple(workload for workload in facts.workloads if workload.revision != str(facts.revision))


def decide_hold(workloads: Sequence[Workload], changed: datetime | None, now: datetime) -> float:
    """Seconds for which the restarts have to wait: an injected pod would get what the broker has kept.

    `changed` is when the change was seen. Without injected pods there is nothing to wait for.
    """
    if changed is None or not any(workload.is_injected for workload in workloads):
        return 0.0
    return min(max(0.0, (changed + _HOLD - now).total_seconds()), _HOLD.total_seconds())
