"""One pass: observe, plan, apply, report; in the usual case there is nothing to observe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vaultbind.api.binding import Restart
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.report import Report, merge_reports
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError
from vaultbind.rollouts.apply import Restarter
from vaultbind.rollouts.observe import observe
from vaultbind.rollouts.plan import decide, decide_hold, is_behind
from vaultbind.rollouts.report import report_done, report_refused, report_seen


@dataclass(slots=True, kw_only=True)
class RolloutRoom:
    """Restarts the workloads of bindings whose content has changed."""

    client: KubeClient
    restarter: Restarter
    _told: dict[ObjectKey, str] = field(default_factory=dict)
    """The last refusal that was told of each binding."""

    async def reconcile(
        self,
        key: ObjectKey,
        obj: Mapping[str, Any],
        restarts: Sequence[Restart],
        revision: int,
        *,
        changed: datetime | None,
        now: datetime,
    ) -> Report:
        """See to the workloads of a binding whose content has this revision, `changed` at that time."""
        if not restarts:
            return report_seen(None)
        if not is_behind(obj.get("status") or {}, revision):
            return report_seen(revision)
        uid = str(obj["metadata"]["uid"])
        try:
            facts = await observe(self.client, key, uid, restarts, revision)
        except KubeError as error:
            return self._refused(key, error.message)
        behind = decide(facts)
        hold = decide_hold(behind, changed, now)
        if hold:
            return Report(next_in=hold)
        restarted = await self.restarter.apply(facts, behind)
        if restarted.refused:
            return merge_reports(report_done(facts, restarted), self._refused(key, restarted.refused))
        self._told.pop(key, None)
        return report_done(facts, restarted)

    def _refused(self, key: ObjectKey, message: str) -> Report:
        told = self._told.get(key) == message
        self._told[key] = message
        return report_refused(message, told=told)

    def drop(self, key: ObjectKey) -> None:
        """Forget a binding."""
        self._told.pop(key, None)
