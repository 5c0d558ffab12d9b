"""What steps come to: looks, results and the report of a run. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class DemoError(Exception):
    """The demo cannot go on; the text tells people why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What reading back has shown: problems, or none and a sentence. Never a value of a Secret."""

    problems: tuple[str, ...] = ()
    told: str = ""

    @property
    def ok(self) -> bool:
        """Whether all is as expected."""
        return not self.problems


def is_not(problem: str) -> Look:
    """Look at something that is not as expected."""
    return Look(problems=(problem,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Requests of the operator: to the vault by what they do, to the cluster by what they write."""

    vault: Mapping[str, int]
    writes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What is told of a step once all is as expected."""

    notes: tuple[str, ...] = ()
    cost: Cost | None = None


class State(StrEnum):
    """What became of a step."""

    VERIFIED = "verified"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step with its time in seconds; `expected` and `seen` are set where it failed."""

    name: str
    title: str
    state: State = State.SKIPPED
    seconds: float = 0.0
    told: str = ""
    closing: Closing = Closing()
    expected: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run; `log` is the operator's, kept only where a step failed."""

    cluster: str
    seconds: float
    steps: Sequence[StepResult]
    kubeconfig: str = ""
    """Set where all is left running."""
    vault_url: str = ""
    log: str = ""

    @property
    def ok(self) -> bool:
        """Whether every step was verified."""
        return all(step.state is State.VERIFIED for step in self.steps)

    @property
    def failure(self) -> StepResult | None:
        """The step that failed."""
        return next((step for step in self.steps if step.state is State.FAILED), None)


def render_report(report: Report) -> dict[str, Any]:
    """JSON document of `-o json`."""
    document: dict[str, Any] = {
        "ok": report.ok,
        "cluster": report.cluster,
        "seconds": round(report.seconds, 1),
        "steps": [_render_step(step) for step in report.steps],
    }
    if (failed := report.failure) is not None:
        document["failure"] = {
            "step": failed.name,
            "expected": failed.expected,
            "seen": failed.seen,
            "log": report.log,
        }
    if report.kubeconfig:
        document |= {"kubeconfig": report.kubeconfig, "vaultUrl": report.vault_url}
    return document


def _render_step(step: StepResult) -> Mapping[str, Any]:
    cost = step.closing.cost
    spent = {"vaultRequests": dict(cost.vault), "clusterWrites": dict(cost.writes)} if cost else {}
    return {
        "name": step.name,
        "title": step.title,
        "state": step.state.value,
        "seconds": round(step.seconds, 1),
        "told": step.told,
        "notes": list(step.closing.notes),
        **spent,
    }
