"""Rotation handlers of a user's own: loaded from the image, called in a thread of their own.

They come with the rights of the operator and are trusted with values; what is contained is their time and
their errors. A handler that blocks its thread is left behind with it, and the next call gets a new one.
"""

import asyncio
import importlib
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from vaultbind.expiry.cloudevents import Entry, Versions
from vaultbind.keyvault import KeyVaultError, ObjectKind
from vaultbind.keyvault.rotation.handler import check_handler, find_method
from vaultbind.keyvault.rotation.judgement import Event, Telling

logger = logging.getLogger(__name__)

SECONDS: Final = 30.0
"""For one call of one handler."""
MOST_WAITING: Final = 1000
MOST_LEFT: Final = 8
"""Threads that may hang in calls that were given up; while it is as many, nobody is called."""
_RENEWALS: Final = {
    ObjectKind.SECRET: "on_secret_rotated",
    ObjectKind.KEY: "on_key_rotated",
    ObjectKind.CERTIFICATE: "on_certificate_renewed",
}


class HandlerError(ValueError):
    """A handler cannot be used; the message names it and says why."""


def load_handler(text: str) -> object:
    """Import `package.module:attribute`; a class is called without arguments. Raises HandlerError."""
    module_name, colon, attribute = text.partition(":")
    if not (colon and module_name and attribute):
        raise HandlerError(f"--rotation-handler {text!r}: not MODULE:ATTRIBUTE")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
        handler: object = found() if isinstance(found, type) else found
        check_handler(handler)
    except KeyVaultError as error:
        raise HandlerError(f"--rotation-handler {text}: {error}") from None
    except (Exception, SystemExit) as error:  # a module that is a program ends the process else
        raise HandlerError(f"--rotation-handler {text}: cannot be loaded: {type(error).__name__}") from error
    return handler


class HandlerObserver(Protocol):
    """Told of each call; must not block."""

    def handled(self, handler: str, method: str, outcome: str) -> None:
        """Outcome is ok, error, timeout, unread (the new version could not be read) or dropped.

        Dropped: too many tellings wait, or too many calls before never came back.
        """


Read = Callable[[Entry], Awaitable[Any]]
"""Reads the object with its new version. Raises KeyVaultError."""
FindVersions = Callable[[Entry], Awaitable[Versions | None]]


@dataclass(slots=True, kw_only=True)
class Handlers:
    """Calls all handlers for each telling, one after the other, each at most once."""

    handlers: tuple[object, ...]
    read: Read
    find_versions: FindVersions
    observer: HandlerObserver
    seconds: float = SECONDS
    _queue: asyncio.Queue[Entry] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    _thread: "_Thread | None" = None
    _left: "list[_Thread]" = field(default_factory=list)
    """Threads that were left behind, and may still be at it."""

    def tell(self, entry: Entry) -> None:
        """Let it be handled soon; dropped, and counted, where too much waits."""
        try:
            self._queue.put_nowait(entry)
        except asyncio.QueueFull:
            self.observer.handled("", method_of(entry.telling), "dropped")

    async def run(self) -> None:
        """Handle until cancelled."""
        while True:
            entry = await self._queue.get()
            try:
                await self.handle(entry)
            except Exception as error:  # noqa: BLE001 - a task that ended would end in silence
                logger.error("a rotation was not handled: unexpected %s", type(error).__name__)

    async def handle(self, entry: Entry) -> None:
        """Call every handler that has a method for it; nothing is read where none has."""
        name = method_of(entry.telling)
        wanting = [handler for handler in self.handlers if find_method(handler, name)]
        if not wanting:
            return
        arguments = await self._arguments(entry, name)
        for handler in wanting:
            outcome = "unread" if arguments is None else await self._call(handler, name, arguments)
            self.observer.handled(type(handler).__name__, name, outcome)

    async def _arguments(self, entry: Entry, name: str) -> tuple[Any, ...] | None:
        telling = entry.telling
        if telling.event is Event.NEAR_EXPIRY:
            return (telling.properties, telling.days_until_expiry)
        if telling.event is Event.EXPIRED:
            return (telling.properties,)
        try:
            found = await self.read(entry)
        except KeyVaultError as error:
            logger.warning("%s: the new version cannot be read: %s", name, error.kind.value)
            return None
        versions = await self.find_versions(entry)
        previous = versions.previous if versions is not None else ""
        return (found, previous or telling.previous_version)

    async def _call(self, handler: object, name: str, arguments: tuple[Any, ...]) -> str:
        title = f"{type(handler).__name__}.{name}"
        thread = self._thread = self._thread or self._start()
        if thread is None:
            logger.warning("%s is not called: %d calls before never came back", title, MOST_LEFT)
            return "dropped"
        future = asyncio.run_coroutine_threadsafe(_invoke(handler, name, arguments), thread.loop)
        try:
            async with asyncio.timeout(self.seconds):
                failure = await asyncio.wrap_future(future)
        except TimeoutError:
            logger.warning("%s took more than %.0f s and was left behind", title, self.seconds)
            self._thread = None
            self._left.append(thread)
            thread.leave()
            return "timeout"
        if failure:
            logger.warning("%s failed: %s", title, failure)
        return "error" if failure else "ok"

    def _start(self) -> "_Thread | None":
        """A new thread; None while as many as may be hang in calls that were given up."""
        self._left = [thread for thread in self._left if thread.is_alive()]
        return _Thread() if len(self._left) < MOST_LEFT else None

    def close(self) -> None:
        """End the thread, as far as what runs in it lets it."""
        if self._thread is not None:
            self._thread.leave()


def method_of(telling: Telling) -> str:
    """Name of the handler's method for a telling."""
    if telling.event is Event.ROTATED:
        return _RENEWALS[telling.properties.kind]
    return "on_expired" if telling.event is Event.EXPIRED else "on_near_expiry"


async def _invoke(handler: object, name: str, arguments: tuple[Any, ...]) -> str:
    """Call a handler; returns the type of what it raised, empty for nothing. Its text may hold a value.

    SystemExit and CancelledError are its own, too: they would else go on in our loop, and end us.
    """
    try:
        answer = getattr(handler, name)(*arguments)
        if inspect.isawaitable(answer):
            await answer
    except BaseException as error:  # noqa: BLE001 - in its own thread there is nobody whom it could be for
        return type(error).__name__
    return ""


class _Thread:
    """A thread with an event loop in it; a daemon, so that it never holds up our end."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="rotation-handlers", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def leave(self) -> None:
        """Let it end when it can."""
        self.loop.call_soon_threadsafe(self.loop.stop)
