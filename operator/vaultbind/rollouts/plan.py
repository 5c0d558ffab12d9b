"""Pure: whether a binding's workloads are behind its content, and which of them to restart."""

from collections.abc import Mapping
from typing import Any

from vaultbind.rollouts.facts import RolloutFacts, Workload


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
