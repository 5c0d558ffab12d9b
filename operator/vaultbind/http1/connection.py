"""One connection, which carries one request at a time."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from vaultbind.http1.errors import AnswerError, CutError, NoAnswerError, TooLargeError
from vaultbind.http1.message import Answer

_INTERIM: Final = range(100, 200)


class Connection(asyncio.Protocol):
    """The protocol of a transport. Whatever is not as it should be closes it, so that no answer is mixed up.

    The methods named `on_...` are called by the parser.
    """

    def __init__(
        self, on_end: Callable[["Connection"], None] | None = None, *, largest: int | None = None
    ) -> None:
        """`on_end` is told when the transport is gone; an answer has `largest` bytes at most."""
        self._on_end = on_end
        self._largest = largest
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sign_of_life = 0.0
        self._received = 0
        self._clear()

    @property
    def is_usable(self) -> bool:
        """Whether it is open and nobody waits for an answer."""
        transport = self._transport
        return transport is not None and self._waiting is None and not transport.is_closing()

    async def exchange(self, request: bytes, *, silence: float | None = None) -> Answer:
        """Send a request and return its answer.

        Raises TimeoutError after `silence` seconds without a byte of it, `HttpError`, and OSError as the
        network does. The connection is closed unless the whole answer was read and allows another request.
        """
        transport = self._transport
        if transport is None or not self.is_usable:
            raise NoAnswerError("the connection is closed")
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Answer] = loop.create_future()
        self._waiting = waiting
        self._received = 0
        self._sign_of_life = loop.time()
        if silence is not None:
            self._timer = loop.call_later(silence, self._judge_silence, silence)
        try:
            transport.write(request)
            return await waiting
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._waiting is waiting:  # cancelled, or timed out: the answer may still come
                self._waiting = None
                transport.abort()

    def abort(self) -> None:
        """Close at once, without another word to the server."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the transport is gone."""
        if self._ended is not None:
            await self._ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._ended = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a word that nobody has asked for ends the connection."""
        if self._waiting is None:
            self.abort()
            return
        self._received += len(data)
        self._sign_of_life = asyncio.get_running_loop().time()
        if self._largest is not None and self._received > self._largest:
            self._fail(TooLargeError(self._largest))
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(AnswerError("what came is no answer of HTTP/1.1"))

    def eof_received(self) -> None:
        """Use it for nothing more: asyncio's TLS lets one write for some turns of the loop, to nobody."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who still waits."""
        self._fail(exc if isinstance(exc, ssl.SSLError) else self._explain_end())
        self._transport = None
        if self._on_end is not None:
            self._on_end(self)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def on_message_begin(self) -> None:
        """Begin with an answer; a second one to the same request is for nobody."""
        if self._waiting is None:
            self.abort()

    def on_status(self, status: bytes) -> None:
        """Take (a part of) the reason phrase."""
        self._reason += status

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """Take a header."""
        self._headers.append((name, value or b""))

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Hand out the answer, unless it only says that the real one will come."""
        answer = Answer(
            status=self._parser.get_status_code(),
            reason=self._reason.decode("latin-1"),
            raw_headers=tuple(self._headers),
            body=b"".join(self._parts),
        )
        self._clear()
        if answer.status in _INTERIM:
            return
        waiting, self._waiting = self._waiting, None
        if not self._parser.should_keep_alive():
            self.abort()
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _clear(self) -> None:
        self._reason = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, None
        self.abort()
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)

    def _explain_end(self) -> Exception:
        if self._received:
            return CutError("the connection ended within the answer")
        return NoAnswerError("the connection ended before an answer")

    def _judge_silence(self, silence: float) -> None:
        """Time out, or look again later where something has come meanwhile."""
        loop = asyncio.get_running_loop()
        left = self._sign_of_life + silence - loop.time()
        if left > 0:
            self._timer = loop.call_later(left, self._judge_silence, silence)
        else:
            self._fail(TimeoutError("no byte of an answer in time"))
