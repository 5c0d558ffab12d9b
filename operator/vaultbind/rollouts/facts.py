"""What is known of the workloads to restart, and what became of them: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vaultbind.api.refs import ObjectKey
from vaultbind.kube.resources import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One workload as it was read."""

    resource: Resource
    namespace: str
    name: str
    uid: str
    revision: str
    """The binding's revision that its pod template names; empty for none."""
    is_injected: bool = False
    """Whether its pods ask for injection, and so may get what the broker has kept."""
    about: Mapping[str, Any] = field(repr=False)
    """apiVersion, kind and metadata, for an Event about it."""

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.resource.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutFacts:
    """One binding whose content has changed since its workloads were last restarted."""

    key: ObjectKey
    uid: str
    revision: int
    workloads: tuple[Workload, ...] = ()
    missing: tuple[str, ...] = ()
    """Workloads that are named and not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """What became of the plan."""

    done: tuple[Workload, ...] = ()
    failed: tuple[str, ...] = ()
    """Messages about workloads that will not be tried again."""
    wait: float = 0.0
    """Seconds until the rest may be restarted; 0: there is no rest."""
    refused: str = ""
    """Why the cluster did not let us go on; it is tried again."""
