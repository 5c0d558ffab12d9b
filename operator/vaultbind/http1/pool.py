"""Connections that are kept and used again."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from vaultbind.http1.connection import Connection
from vaultbind.http1.errors import ConnectError, ConnectTimeoutError, NoAnswerError
from vaultbind.http1.message import Answer

HAPPY_EYEBALLS_DELAY: Final = 0.25
"""Seconds after which the next address of a name is tried beside the last (RFC 8305)."""
SWEEP_STEP: Final = 1 / 16
"""Share of the time to keep a connection that lies between two sweeps at least."""


class Origin(NamedTuple):
    """Where a request goes. `server_name` is what the certificate must be for, empty for the host."""

    host: str
    port: int
    server_name: str = ""


class _Idle(NamedTuple):
    connection: Connection
    until: float
    """Time of the loop after which it is closed."""


class Pool:
    """Connections to any number of origins, in one event loop.

    `limit` requests are under way to one origin at a time, others wait: a server that does not answer takes
    no turn away from another. A connection that has not been used for
    `keep_alive` seconds, or a sixteenth more, is closed. `connect_timeout` is for name, connection and TLS
    together. `tls` None means plain HTTP. `resolve` gives the addresses to try for a host, one after the
    other, instead of the system's resolver. An answer of more than `largest` bytes is refused.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None,
        limit: int,
        keep_alive: float,
        connect_timeout: float,
        resolve: Callable[[str], Awaitable[Sequence[str]]] | None = None,
        largest: int | None = None,
    ) -> None:
        self._tls = tls
        self._limit = limit
        self._turns: WeakValueDictionary[Origin, asyncio.Semaphore] = WeakValueDictionary()
        """Each lives as long as somebody holds it or waits for it."""
        self._keep_alive = keep_alive
        self._connect_timeout = connect_timeout
        self._resolve = resolve
        self._largest = largest
        self._idle: dict[Origin, list[_Idle]] = {}
        self._alive: set[Connection] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self.is_closed = False

    async def exchange(
        self,
        origin: Origin,
        request: bytes,
        *,
        silence: float | None = None,
        repeatable: bool = False,
        check: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request and return its answer.

        A `repeatable` request is sent again where a connection that was kept ends before an answer: the
        server may have closed it while the request was on its way. `check` is called right before it is sent,
        when it has its turn and a connection; what that raises is raised, and nothing sent.
        Raises `ConnectTimeoutError`, TimeoutError where the server is silent for `silence` seconds,
        `HttpError`, ssl.SSLError.
        """
        turns = self._turns.get(origin)
        if turns is None:
            turns = self._turns[origin] = asyncio.Semaphore(self._limit)
        async with turns:
            kept = self._take(origin)
            if kept is not None:
                try:
                    return await self._exchange(origin, kept, request, silence, check)
                except NoAnswerError:
                    if not repeatable or self.is_closed:
                        raise
            return await self._exchange(origin, await self._connect(origin), request, silence, check)

    async def aclose(self) -> None:
        """Close all connections; who waits for an answer gets a `NoAnswerError` or `CutError`."""
        self.is_closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._idle.clear()
        connections = list(self._alive)
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.wait_closed()

    async def _exchange(
        self,
        origin: Origin,
        connection: Connection,
        request: bytes,
        silence: float | None,
        check: Callable[[], None] | None,
    ) -> Answer:
        try:
            if check is not None:
                check()
            return await connection.exchange(request, silence=silence)
        finally:
            if connection.is_usable and not self.is_closed:
                self._keep(origin, connection)

    async def _connect(self, origin: Origin) -> Connection:
        if self.is_closed:
            raise NoAnswerError("the pool of connections is closed")
        try:
            async with asyncio.timeout(self._connect_timeout):
                connection = await self._reach(origin)
        except TimeoutError as error:
            raise ConnectTimeoutError("no connection in time") from error
        except OSError as error:
            raise ConnectError(error) from error
        except UnicodeError:  # a label of a name that is empty or too long
            raise ConnectError(socket.gaierror(socket.EAI_NONAME, "no name of a host")) from None
        self._adopt(connection)
        return connection

    async def _reach(self, origin: Origin) -> Connection:
        """Connect by the first address that answers; each has an equal share of the time that is left."""
        if self._resolve is None:
            return await self._open(origin, origin.host)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._connect_timeout
        *others, last = await self._resolve(origin.host)
        for tried, host in enumerate(others):
            share = (until - loop.time()) / (len(others) + 1 - tried)
            try:
                async with asyncio.timeout(share):
                    return await self._open(origin, host)
            except ssl.SSLError:
                raise  # it is there, and nobody to trust
            except OSError:  # of which TimeoutError is one
                continue
        return await self._open(origin, last)

    async def _open(self, origin: Origin, host: str) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self._alive.discard, largest=self._largest),
            host,
            origin.port,
            ssl=self._tls,
            server_hostname=_certified(origin) if self._tls is not None else None,
            # a race of one is none, and asyncio's leaves an open socket where it is cancelled at its end
            happy_eyeballs_delay=None if _is_address(host) else HAPPY_EYEBALLS_DELAY,
        )
        return connection

    def _adopt(self, connection: Connection) -> None:
        """Remember it until it ends; the pool may have been closed while it was made."""
        if self.is_closed:
            connection.abort()
        elif connection.is_usable:
            self._alive.add(connection)

    def _take(self, origin: Origin) -> Connection | None:
        """Return the connection that was used last and is still open."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop().connection
            if connection.is_usable:
                return connection
        return None

    def _keep(self, origin: Origin, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        kept = _Idle(connection, loop.time() + self._keep_alive)
        self._idle.setdefault(origin, []).append(kept)
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._keep_alive, self._sweep)

    def _sweep(self) -> None:
        """Close what has not been used for too long; it stands in front of its list."""
        loop = asyncio.get_running_loop()
        now, self._sweeping = loop.time(), None
        for origin, idle in list(self._idle.items()):
            while idle and idle[0].until <= now:
                idle.pop(0).connection.abort()
            if not idle:
                del self._idle[origin]
        if self._idle:
            soonest = min(idle[0].until for idle in self._idle.values())
            # not for each connection of many origins by itself: every sweep looks at all of them
            self._sweeping = loop.call_at(max(soonest, now + self._keep_alive * SWEEP_STEP), self._sweep)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _certified(origin: Origin) -> str:
    """Name that the certificate must be for: a dot at the end is for resolvers only."""
    return origin.server_name or origin.host.rstrip(".")
