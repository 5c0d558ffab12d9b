"""KeyVault, ClusterKeyVault and looks, as the engine runs them: observe, decide, report."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from vaultbind.api.conditions import Condition, ConditionType, Reason, Status
from vaultbind.api.keyvault import Detection
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.cache import RawObject
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Report
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind
from vaultbind.vaults.causes import OF_CLUSTER
from vaultbind.vaults.hub import Resolution, VaultHub
from vaultbind.vaults.look import MOST_LISTED, MOST_PAGES
from vaultbind.vaults.policy import Denial
from vaultbind.vaults.session import VaultPausedError, VaultSession

_KEYVAULT_REASONS = {
    Reason.UNAUTHORIZED,
    Reason.FORBIDDEN,
    Reason.UNREACHABLE,
    Reason.THROTTLED,
    Reason.INVALID_SPEC,
    *OF_CLUSTER,
}


MOST_SKEW = 30
"""Seconds between the vault's clock and ours that nobody needs to know of."""


class LookObserver(Protocol):
    """Told of each look; must not block."""

    def looked(self, vault: str, detection: str, outcome: str) -> None:
        """Outcome is ok or the reason of the failure."""

    def compared_clocks(self, vault: str, ahead: float) -> None:
        """By how many seconds the vault's clock is ahead of ours."""


@dataclass(slots=True, kw_only=True)
class VaultRoom:
    """Works on KeyVault objects and on the looks of their sessions."""

    hub: VaultHub
    observer: LookObserver
    draw: Callable[[], float]
    wakes_readers: bool = False
    """Whether each look but a session's first brings all its readers, who then look at their Secrets."""
    _woken: dict[ObjectKey, tuple[str, int]] = field(default_factory=dict)
    """Of which generation of a KeyVault its readers were told: once, not again when its first look ends."""

    async def reconcile(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        """Look at one KeyVault or ClusterKeyVault; the end of its first look brings it here again."""
        _ = priority
        if obj is None:
            self.hub.leave(key)
            self._woken.pop(key, None)
            self._wake(self.hub.book.readers_of(key))
            return None
        before = self.hub.book.readers_of(key)
        resolution = self.hub.resolve(key)
        if resolution is None:
            return None
        if not _is_told(obj) and self._woken.get(key) != resolution.generation:
            self._woken[key] = resolution.generation
            self._wake(before)
        if resolution.session is None or resolution.spec is None:
            return report_denial(resolution.denial)
        if not resolution.session.looked.is_set():
            return None
        return report_session(resolution.session)

    def _wake(self, readers: Iterable[ObjectKey]) -> None:
        for reader in readers:
            self.hub.enqueue(reader, Priority.URGENT)

    async def look(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        """Run one look of a session and say when the next is due."""
        _ = obj, priority
        await self.hub.close_retired()
        found = self.hub.session_of_look(key)
        if found is None:
            return None
        session, watcher = found
        is_first = not session.looked.is_set()
        try:
            await watcher.look()
        except (KeyVaultError, VaultPausedError) as error:
            return self._after_failure(session, error)
        except asyncio.CancelledError:
            if not session.retired:
                raise
            return None
        finally:
            for vault in session.members:  # what a look shows is judged there; nothing new writes nothing
                self.hub.enqueue(vault, Priority.ROUTINE)
        self.observer.looked(session.spec.url, str(session.detection or ""), "ok")
        if session.clock_offset is not None:
            self.observer.compared_clocks(session.spec.url, session.clock_offset)
        if self.wakes_readers and not is_first:
            for reader in self.hub.readers_of(session):
                self.hub.enqueue(reader, Priority.ROUTINE)
        return Report(next_in=session.spec.refresh_interval.total_seconds())

    def _after_failure(self, session: VaultSession, error: KeyVaultError | VaultPausedError) -> Report:
        trouble = session.trouble
        self.observer.looked(session.spec.url, "", trouble.reason.word if trouble else "unknown")
        if isinstance(error, KeyVaultError) and error.kind in (
            KeyVaultErrorKind.UNAUTHORIZED,
            KeyVaultErrorKind.AUTHENTICATION_FAILED,
            KeyVaultErrorKind.CONFIGURATION,
        ):
            session.renew_client()
        if session.is_stale(self.hub.clock.now(), self.hub.stale_after):
            for reader in self.hub.readers_of(session):
                self.hub.enqueue(reader, Priority.ROUTINE)
        return Report(retry=True, retry_after=session.pause + self.draw())


def _is_told(obj: RawObject) -> bool:
    """Whether the status speaks of this generation already."""
    observed = (obj.get("status") or {}).get("observedGeneration")
    return bool(observed == obj["metadata"].get("generation"))


def report_denial(denial: Denial | None) -> Report:
    """Report a KeyVault that may not be used; nothing moves until its spec changes."""
    reason = denial.reason if denial is not None else Reason.INVALID_SPEC
    message = denial.message if denial is not None else ""
    return Report(conditions=_conditions(Status.FALSE, reason, message, stalled=True))


def report_session(session: VaultSession) -> Report:
    """Report what the last look showed; what it showed of the objects, the room of expiry tells."""
    fields = {"detection": session.detection.value if session.detection is not None else None}
    if session.trouble is not None:
        reason = session.trouble.reason
        shown = reason if reason in _KEYVAULT_REASONS else Reason.UNREACHABLE
        conditions = _conditions(Status.FALSE, shown, session.trouble.message, stalled=shown.stalled)
        return Report(conditions=conditions, fields=fields)
    if session.overlong:
        conditions = _conditions(Status.FALSE, Reason.LIST_TOO_LONG, _tell_overlong(session))
        return Report(conditions=conditions, fields=fields)
    message = "the vault answers" + ("; list is not used here" if session.detection is Detection.GET else "")
    message += _tell_skew(session.clock_offset)
    return Report(conditions=_conditions(Status.TRUE, Reason.CONNECTED, message), fields=fields)


def _tell_overlong(session: VaultSession) -> str:
    kinds = ", ".join(f"{kind}s" for kind in sorted(session.overlong))
    return (
        f"the list of {kinds} has more than {MOST_PAGES} pages or {MOST_LISTED} objects and is given up; "
        "bound objects are got one by one, others are not seen: set expiry.scope: Bound and detection: "
        "Auto, or split the vault"
    )


def _tell_skew(ahead: float | None) -> str:
    """Words that stay as they are while the clocks do: each change of them is a write."""
    if ahead is None or abs(ahead) <= MOST_SKEW:
        return ""
    direction = "ahead of" if ahead > 0 else "behind"
    return f"; its clock is more than {MOST_SKEW} s {direction} ours: expiry is told by ours, set it right"


def _conditions(
    status: Status, reason: Reason, message: str, *, stalled: bool = False
) -> tuple[Condition, ...]:
    ready = Condition(type=ConditionType.READY, status=status, reason=reason, message=message)
    if not stalled:
        return (ready,)
    return (ready, Condition(type=ConditionType.STALLED, status=Status.TRUE, reason=reason, message=message))


__all__ = ["LookObserver", "Resolution", "VaultRoom", "report_denial", "report_session"]
