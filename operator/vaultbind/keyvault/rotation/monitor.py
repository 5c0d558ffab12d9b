"""Looks at a vault again and again, and tells handlers what expires and what was renewed."""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vaultbind.keyvault.arguments import tell_wrong_types
from vaultbind.keyvault.errors import CLIENT_CLOSED, KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.clock import Clock
from vaultbind.keyvault.rotation.config import MonitorConfig
from vaultbind.keyvault.rotation.handler import check_handler, find_method
from vaultbind.keyvault.rotation.judgement import Event, Telling, judge
from vaultbind.keyvault.rotation.reader import VaultReader
from vaultbind.keyvault.rotation.state import MonitorState, ObjectKey, Seen, check_moment, check_state
from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties

LOG: Final = logging.getLogger("vaultbind.keyvault.rotation")
_RENEWAL: Final = {
    ObjectKind.SECRET: "on_secret_rotated",
    ObjectKind.KEY: "on_key_rotated",
    ObjectKind.CERTIFICATE: "on_certificate_renewed",
}
SaveState = Callable[[MonitorState], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One look: what was told, which kinds could not be listed, and how many calls of handlers failed."""

    tellings: tuple[Telling, ...] = ()
    failures: Mapping[ObjectKind, KeyVaultError] = field(default_factory=dict)
    handler_errors: int = 0


@tell_wrong_types
class ExpiryMonitor:
    """Watches one vault by its lists. `client.expiry_monitor` is the client's own, and ends with it.

    Objects that belong to a certificate are told as the certificate, where certificates are watched. Needs
    `secrets/list`, `keys/list` and `certificates/list` on the whole vault; kinds that cannot be listed are in
    `CheckResult.failures`. Intervals are seconds, or a timedelta.

        client.expiry_monitor.register(handler)
        await client.expiry_monitor.start(timedelta(hours=6))
    """

    def __init__(
        self,
        reader: VaultReader,
        clock: Clock,
        config: MonitorConfig | None = None,
        *,
        check_open: Callable[[], None] | None = None,
    ) -> None:
        """Nothing is asked before `start` or `check_once`; `check_open` raises when the client is closed."""
        self.config = config or MonitorConfig()
        self._state = MonitorState()
        self.handler_errors = 0
        """Calls of handlers that failed, since the beginning."""
        self._reader = reader
        self._check_open = check_open or (lambda: None)
        self._clock = clock
        self._handlers: list[object] = []
        self._task: asyncio.Task[None] | None = None
        self._checking = asyncio.Lock()

    @property
    def state(self) -> MonitorState:
        """What was told so far; set it to what was stored before the first check."""
        return self._state

    @state.setter
    def state(self, state: MonitorState) -> None:
        check_state(state)
        self._state = state

    @property
    def is_running(self) -> bool:
        """Whether `start` was called and `stop` was not."""
        return self._task is not None and not self._task.done()

    def register(self, handler: object) -> None:
        """Tell this handler, too.

            client.expiry_monitor.register(handler)

        Raises KeyVaultError (CONFIGURATION) when it handles nothing.
        """
        check_handler(handler)
        self._handlers.append(handler)

    async def start(self, interval: timedelta | float, *, save: SaveState | None = None) -> None:
        """Check now and then every `interval` (seconds), until `stop` or the client's end.

            await client.expiry_monitor.start(timedelta(hours=6))

        `save` gets the state after each check that changed it, and is contained like a handler. Raises
        KeyVaultError: CONFIGURATION when it runs already, or for an interval that is not positive;
        UNREACHABLE (code ClientClosed) after the client's end.
        """
        self._check_open()
        seconds = interval.total_seconds() if isinstance(interval, timedelta) else interval
        if self.is_running:
            raise _wrong("the monitor is running already: stop it first")
        if not seconds > 0:
            raise _wrong("the monitor's interval must be positive")
        self._task = asyncio.create_task(self._run(seconds, save), name="vaultbind-expiry-monitor")

    async def stop(self) -> None:
        """End the checks; one that is under way is broken off, unless a handler in it asks for the end.

            await client.expiry_monitor.stop()

        Raises nothing, and may be called at any time.
        """
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def check_once(self, now: datetime | None = None) -> CheckResult:
        """Look once and tell the handlers; trouble with the vault is in the result and not raised.

            found = await client.expiry_monitor.check_once(datetime.now(UTC) + timedelta(days=7))
            print(found.tellings, found.failures)

        `now` must be aware; the client's clock is asked where it is missing. Raises KeyVaultError
        (VALIDATION) for another `now`, and UNREACHABLE (code ClientClosed) after the client's end.
        """
        self._check_open()
        check_moment(now)
        async with self._checking:
            now = now or datetime.fromtimestamp(self._clock.time(), UTC)
            objects, failures = await self._list()
            kinds = [kind for kind in self.config.kinds if kind not in failures]
            before = self.state
            judgement = judge(objects, before, now, thresholds=self.config.thresholds, kinds=kinds)
            seen = dict(judgement.state.objects)
            errors = self.handler_errors
            postponed: set[ObjectKey] = set()
            left = deque(judgement.tellings)
            try:
                while left:
                    await self._tell_one(left[0], seen, before, postponed)
                    left.popleft()
            finally:  # also where it is broken off: what was told is not told again
                self.state = _state_after(judgement.state, seen, before, {item.key for item in left})
            return CheckResult(
                tellings=tuple(item for item in judgement.tellings if item.key not in postponed),
                failures=failures,
                handler_errors=self.handler_errors - errors,
            )

    async def _tell_one(
        self, telling: Telling, seen: dict[ObjectKey, Seen], before: MonitorState, postponed: set[ObjectKey]
    ) -> None:
        if telling.key in postponed:
            return
        known = await self._tell(telling, seen[telling.key])
        if known is None:
            postponed.add(telling.key)
        seen[telling.key] = known or before.objects[telling.key]

    async def _run(self, seconds: float, save: SaveState | None) -> None:
        while self._task is asyncio.current_task():  # a handler may have called `stop`
            before = self.state
            try:
                await self.check_once()
            except Exception as error:  # noqa: BLE001 - an error of our own must not end the watch silently
                LOG.error("a check failed: %s", type(error).__name__)
            finally:
                if save is not None and self.state != before:
                    await self._contain(save, "save", self.state)
            await self._clock.sleep(seconds)

    async def _list(self) -> tuple[list[ObjectProperties], dict[ObjectKind, KeyVaultError]]:
        objects: list[ObjectProperties] = []
        failures: dict[ObjectKind, KeyVaultError] = {}
        for kind in self.config.kinds:
            try:
                objects += await self._reader.list_all(kind)
            except KeyVaultError as error:
                failures[kind] = error
        if ObjectKind.CERTIFICATE in self.config.kinds and ObjectKind.CERTIFICATE not in failures:
            objects = [item for item in objects if not getattr(item, "managed", False)]
        return objects, failures

    async def _tell(self, telling: Telling, known: Seen) -> Seen | None:
        """Call the handlers; None when the object could not be read for them, so that it is tried again."""
        if telling.event is Event.ROTATED:
            return await self._tell_rotated(telling, known)
        if telling.event is Event.EXPIRED:
            await self._call("on_expired", telling.properties)
        else:
            await self._call("on_near_expiry", telling.properties, telling.days_until_expiry)
        return known

    async def _tell_rotated(self, telling: Telling, known: Seen) -> Seen | None:
        name = _RENEWAL[telling.key.kind]
        if not any(find_method(handler, name) for handler in self._handlers):
            return known
        try:
            found = await self._reader.read_new(telling.key)
        except KeyVaultError as error:
            # A handler that closes the client must not make what others are still to hear count as told.
            return None if error.retryable or error.code == CLIENT_CLOSED else known
        previous = telling.previous_version or await self._reader.find_previous(telling.key, found.version)
        await self._call(name, found, previous)
        return replace(known, version=found.version)

    async def _call(self, name: str, *arguments: Any) -> None:
        for handler in self._handlers:
            method = find_method(handler, name)
            if method is not None:
                await self._contain(method, f"{type(handler).__name__}.{name}", *arguments)

    async def _contain(self, method: Callable[..., Any], title: str, *arguments: Any) -> None:
        before = _count_cancellations()
        try:
            async with asyncio.timeout(self.config.handler_timeout):
                answer = method(*arguments)
                if inspect.isawaitable(answer):
                    await answer
        except (Exception, asyncio.CancelledError) as error:  # its text may hold a value
            if isinstance(error, asyncio.CancelledError) and _count_cancellations() > before:
                raise
            self.handler_errors += 1
            LOG.warning("%s failed: %s", title, type(error).__name__)
        if _count_cancellations() > before:
            raise asyncio.CancelledError  # which the handler has kept for itself


def _state_after(
    judged: MonitorState, seen: Mapping[ObjectKey, Seen], before: MonitorState, untold: set[ObjectKey]
) -> MonitorState:
    """What is remembered of a look; of objects that are still to be told of, what was known before it."""
    if not untold:
        return replace(judged, objects=seen)
    objects = {key: known for key, known in seen.items() if key not in untold}
    objects |= {key: before.objects[key] for key in untold if key in before.objects}
    return MonitorState(told_until=before.told_until, objects=objects)


def _count_cancellations() -> int:
    """How often somebody wanted this task to end; a handler may raise CancelledError of its own accord."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _wrong(detail: str) -> KeyVaultError:
    return KeyVaultError(KeyVaultErrorKind.CONFIGURATION, detail=detail)
