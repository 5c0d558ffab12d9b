"""All writes: the annotation on a pod template that makes its controller replace the pods, and the Event."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from vaultbind.api.conditions import Reason
from vaultbind.api.names import restart_annotation
from vaultbind.engine.clock import Clock
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.events import EventType, post_event, render_event
from vaultbind.rollouts.facts import Restarted, RolloutFacts, Workload
from vaultbind.rollouts.pace import RestartPace

logger = logging.getLogger(__name__)
CONFLICT_SECONDS: Final = 2.0
"""After somebody else wrote a workload at the same moment."""


class RestartObserver(Protocol):
    """Told of each restart; must not block."""

    def restarted(self, kind: str, outcome: str) -> None:
        """Outcome is ok or the kind of error."""


@dataclass(slots=True, kw_only=True)
class Restarter:
    """Restarts workloads, as many in a minute as the pace allows."""

    client: KubeClient
    clock: Clock
    pace: RestartPace
    observer: RestartObserver
    instance: str

    async def apply(self, facts: RolloutFacts, workloads: Iterable[Workload]) -> Restarted:
        """Restart until done, until the pace says wait, or until the cluster refuses.

        What somebody else wrote at the same moment is left for a little later; the others need not wait.
        """
        done: list[Workload] = []
        failed: list[str] = []
        again = 0.0
        for workload in workloads:
            now = self.clock.monotonic()
            if wait := self.pace.wait(now):
                return Restarted(done=tuple(done), failed=tuple(failed), wait=wait)
            self.pace.note(now)
            try:
                message = await self._restart(facts, workload)
            except KubeError as error:
                self.pace.take_back(now)
                if error.kind is KubeErrorKind.CONFLICT:
                    again = CONFLICT_SECONDS
                    continue
                refused = f"{workload}: {error.message}"
                return Restarted(done=tuple(done), failed=tuple(failed), refused=refused)
            if message:
                self.pace.take_back(now)
                failed.append(message)
                continue
            done.append(workload)
        return Restarted(done=tuple(done), failed=tuple(failed), wait=again)

    async def _restart(self, facts: RolloutFacts, workload: Workload) -> str:
        """Restart one; what stands in the way for good, or an empty text. Raises KubeError for the rest."""
        annotations = {restart_annotation(facts.uid): str(facts.revision)}
        body = {
            "metadata": {"uid": workload.uid},
            "spec": {"template": {"metadata": {"annotations": annotations}}},
        }
        try:
            await self.client.merge_patch(
                workload.resource, workload.namespace, workload.name, body, metadata_only=True
            )
        except KubeError as error:
            self.observer.restarted(workload.resource.kind, error.kind.value)
            if error.kind in (KubeErrorKind.NOT_FOUND, KubeErrorKind.INVALID):
                return f"{workload} could not be restarted: {error.message}"
            raise
        self.observer.restarted(workload.resource.kind, "ok")
        await self._tell(facts, workload)
        return ""

    async def _tell(self, facts: RolloutFacts, workload: Workload) -> None:
        event = render_event(
            workload.about,
            type=EventType.NORMAL,
            reason=Reason.RESTARTED.word,
            message=f"restarted: the content of {facts.key} has changed (revision {facts.revision})",
            now=self.clock.now(),
            instance=self.instance,
        )
        try:
            await post_event(self.client, event)
        except KubeError as error:
            logger.warning("event about %s could not be posted: %s", workload, error.message)
