"""An answer that is in memory already, as azure-core's policies and Azure's clients want to see it."""

import json
from collections.abc import AsyncIterator, Iterable, MutableMapping
from functools import cached_property
from types import TracebackType
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.core.utils import CaseInsensitiveDict

BLOCK = 65_536
"""Bytes that are given at a time to who wants a stream."""


class Answer(AsyncHttpResponse):
    """Status, headers and body, with nothing left to wait for or to close.

    The headers of a good answer are hardly ever looked at, so looking makes them.
    """

    def __init__(
        self,
        request: HttpRequest,
        *,
        status: int,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        reason: str = "",
    ) -> None:
        """Answer `request`; a header may come several times."""
        self._request = request
        self._status = status
        self._given = headers
        self._body = body
        self._reason = reason
        self._encoding: str | None = None

    @property
    def request(self) -> HttpRequest:
        """The request that this answers."""
        return self._request

    @property
    def status_code(self) -> int:
        """HTTP status."""
        return self._status

    @cached_property
    def headers(self) -> MutableMapping[str, str]:
        """Headers, found without case; one that came several times is joined by commas."""
        found: MutableMapping[str, str] = CaseInsensitiveDict()
        for name, value in self._given:
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    @property
    def reason(self) -> str:
        """Reason phrase."""
        return self._reason

    @property
    def content_type(self) -> str | None:
        """Value of the header."""
        return self.headers.get("Content-Type")

    @property
    def is_closed(self) -> bool:
        """Always: no connection is held."""
        return True

    @property
    def is_stream_consumed(self) -> bool:
        """Always: the body is here, and may be read again."""
        return True

    @property
    def encoding(self) -> str | None:
        """Encoding of the text; UTF-8 unless set."""
        return self._encoding

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        self._encoding = value

    @property
    def url(self) -> str:
        """URL of the request."""
        return self._request.url

    @property
    def content(self) -> bytes:
        """The body."""
        return self._body

    def text(self, encoding: str | None = None) -> str:
        """Body as text."""
        return self._body.decode(encoding or self._encoding or "utf-8-sig")

    def json(self) -> Any:
        """Body as JSON."""
        return json.loads(self.text())

    def body(self) -> bytes:
        """Return the body, under the name that older policies use."""
        return self._body

    def raise_for_status(self) -> None:
        """Raise HttpResponseError for 400 and above."""
        if self._status >= 400:
            raise HttpResponseError(response=self)

    async def read(self) -> bytes:
        """Return the body."""
        return self._body

    async def load_body(self) -> None:
        """Read the body, under the name that older clients use."""
        await self.read()

    async def iter_raw(self, **kwargs: Any) -> AsyncIterator[bytes]:  # noqa: ARG002 - azure-core's signature
        """Iterate over the body."""
        body = await self.read()
        for start in range(0, len(body), BLOCK):
            yield body[start : start + BLOCK]

    def iter_bytes(self, **kwargs: Any) -> AsyncIterator[bytes]:
        """Iterate over the body."""
        return self.iter_raw(**kwargs)

    async def close(self) -> None:
        """Nothing to close."""

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Nothing to close."""
