"""Leader election on a Lease: one claims it, renews it, and knows in time when it cannot.

Other processes' clocks are never read: a lease is over when this process has seen it unchanged for its
duration, and ours is lost when it could not be renewed for the (shorter) deadline.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.lease_record import (
    LeaseRecord,
    LeaseTimings,
    is_free,
    parse_lease,
    render_claim,
    render_new_lease,
    render_release,
    render_renewal,
)
from vaultbind.kube.resources import LEASES, Resource

_log: Final = logging.getLogger(__name__)


class LeaseClient(Protocol):
    """The three calls of `KubeClient` that an elector makes."""

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """One object."""

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""

    async def merge_patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Change an object."""


class _TakenOverError(Exception):
    """The lease is not ours any more."""


class LeaseElector:
    """Takes part in one election. `identity` is this process's own: never the same twice.

    Order of use: `await wait_until_leader()`, work until `lost` is set, `await release()` on the way out.
    Once lost, a lease is not claimed again: the process is expected to end. `on_lost` gets the reason.
    """

    def __init__(
        self,
        client: LeaseClient,
        namespace: str,
        name: str,
        identity: str,
        *,
        timings: LeaseTimings | None = None,
        on_lost: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.identity = identity
        self.lost = asyncio.Event()
        self._client = client
        self._place = (LEASES, namespace, name)
        self._timings = timings or LeaseTimings()
        self._on_lost = on_lost
        self._clock = clock
        self._now = now
        self._pause = pause
        self._record: LeaseRecord = parse_lease({})
        self._changed_at = 0.0
        self._renewed_at = 0.0
        self._renewing: asyncio.Task[None] | None = None
        self._may_hold = False
        """Whether a claim was sent since the lease was last seen."""

    @property
    def is_leader(self) -> bool:
        """Whether nobody else can hold the lease now, as far as this process's clock tells."""
        if self._renewing is None or self.lost.is_set():
            return False
        return self._clock() - self._renewed_at < self._timings.duration

    @property
    def holder(self) -> str:
        """Who was last seen to hold the lease; empty for nobody or not seen yet."""
        return self._record.holder

    async def wait_until_leader(self) -> None:
        """Return once the lease is ours; from then on it is renewed in the background.

        Who is cancelled leaves no claim behind that was under way: others would wait for it to run out.
        """
        try:
            while not await self._attempt():
                await self._pause(self._until_next_attempt())
        except asyncio.CancelledError:
            if self._may_hold:
                await self._let_go(self._withdraw)
            raise
        self._renewing = asyncio.create_task(self._keep(), name="lease-renewal")

    async def release(self) -> None:
        """Stop renewing and, where the lease is ours, let others take it at once. Never raises."""
        held = self.is_leader
        task, self._renewing = self._renewing, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if held:
            await self._let_go(partial(self._patch_own, render_release))

    async def _let_go(self, release: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._timings.call_timeout):
                await release()
        except (KubeError, TimeoutError, _TakenOverError) as error:
            _log.warning("the lease could not be released and will run out: %s", _told(error))

    async def _withdraw(self) -> None:
        """Release the lease if a claim of ours has come through whose answer has not, or may still do so.

        While the lease is free it is released all the same: a claim that comes later meets a conflict. Only
        a new lease that is created after the look stays.
        """
        record = await self._fetch()
        if record is not None and is_free(
            record, self.identity, unchanged_for=self._clock() - self._changed_at
        ):
            with suppress(_TakenOverError):
                await self._patch_own(render_release)

    def _until_next_attempt(self) -> float:
        """Seconds: an interval, or less where the lease that was seen is over before."""
        interval = self._timings.interval * random.uniform(1.0, 1.2)
        left = self._changed_at + self._record.duration - self._clock()
        return min(interval, left) if left > 0 else interval

    async def _attempt(self) -> bool:
        """One try to get the lease; failures are waited out."""
        start = self._clock()
        try:
            async with asyncio.timeout(self._timings.call_timeout):
                claimed = await self._claim()
        except (KubeError, TimeoutError) as error:
            _log.info("the lease cannot be claimed yet: %s", _told(error))
            return False
        if claimed:
            self._renewed_at = start
        return claimed

    async def _claim(self) -> bool:
        resource, namespace, name = self._place
        record = await self._fetch()
        self._may_hold = record is None or is_free(
            record, self.identity, unchanged_for=self._clock() - self._changed_at
        )
        if record is None:
            body = render_new_lease(namespace, name, self.identity, timings=self._timings, now=self._now())
            self._see(await self._client.create(resource, namespace, body))
            return True
        if not self._may_hold:
            return False
        patch = render_claim(record, self.identity, timings=self._timings, now=self._now())
        self._see(await self._client.merge_patch(*self._place, patch))
        return True

    async def _keep(self) -> None:
        """Renew until it fails for good."""
        reason = ""
        while not reason:
            await self._pause(min(self._timings.interval, max(0.0, self._left())))
            reason = await self._renew()
        _log.error("the lease is lost: %s", reason)
        self.lost.set()
        if self._on_lost is not None:
            self._on_lost(reason)

    async def _renew(self) -> str:
        """Renew once, or tell why the lease is lost. A failure that may pass is no reason yet."""
        start, left = self._clock(), self._left()
        if left <= 0:
            return f"not renewed for {self._timings.deadline:g} s"
        try:
            async with asyncio.timeout(min(left, self._timings.call_timeout)):
                await self._patch_own(render_renewal)
        except _TakenOverError:
            return f"taken over by {self.holder}" if self.holder else "released or deleted by somebody"
        except (KubeError, TimeoutError) as error:
            _log.warning("the lease was not renewed: %s", _told(error))
        else:
            self._renewed_at = start
        return ""

    def _left(self) -> float:
        return self._renewed_at + self._timings.deadline - self._clock()

    async def _patch_own(self, render: Callable[[LeaseRecord, datetime], dict[str, Any]]) -> None:
        """Patch our lease; where it changed meanwhile, look whose it is and try once more.

        Raises `_TakenOverError` where it is not ours any more, else `KubeError`.
        """
        try:
            await self._patch(render)
        except KubeError as error:
            if error.kind not in {KubeErrorKind.CONFLICT, KubeErrorKind.NOT_FOUND}:
                raise
            record = await self._fetch()
            if record is None or record.holder != self.identity:
                raise _TakenOverError from None
            await self._patch(render)

    async def _patch(self, render: Callable[[LeaseRecord, datetime], dict[str, Any]]) -> None:
        self._see(await self._client.merge_patch(*self._place, render(self._record, self._now())))

    async def _fetch(self) -> LeaseRecord | None:
        try:
            return self._see(await self._client.get(*self._place))
        except KubeError as error:
            if error.kind is not KubeErrorKind.NOT_FOUND:
                raise
            self._record = parse_lease({})
            return None

    def _see(self, obj: Mapping[str, Any]) -> LeaseRecord:
        """Remember a record, and since when it has not changed."""
        record = parse_lease(obj)
        if record != self._record:
            self._record, self._changed_at = record, self._clock()
        return record


def _told(error: Exception) -> str:
    return error.message if isinstance(error, KubeError) else type(error).__name__
