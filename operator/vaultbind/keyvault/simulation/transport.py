"""The simulation behind azure-core's transport seam: a whole Azure client without a socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import (
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.core.utils import CaseInsensitiveDict

from vaultbind.keyvault.simulation.api.messages import ApiRequest
from vaultbind.keyvault.simulation.estate import Estate, Reply
from vaultbind.keyvault.simulation.faults import Ending
from vaultbind.keyvault.simulation.sessions import parse_wanted
from vaultbind.keyvault.simulation.tokens import Claims, issue_token

BLOCK = 65_536


class WireRequest(Protocol):
    """What old and new requests of azure-core have in common."""

    method: str
    url: str
    headers: MutableMapping[str, str]


class SimulatedResponse(AsyncHttpResponse):
    """Answer that is already here; a cut one fails when it is read, as over a socket."""

    def __init__(self, request: HttpRequest, reply: Reply) -> None:
        """Wrap the answer to `request`."""
        self._request = request
        self._reply = reply
        self._headers: MutableMapping[str, str] = CaseInsensitiveDict(dict(reply.response.headers))
        self._closed = False
        self._consumed = False
        self._encoding: str | None = None

    @property
    def request(self) -> HttpRequest:
        """The request that this answers."""
        return self._request

    @property
    def status_code(self) -> int:
        """HTTP status."""
        return self._reply.response.status

    @property
    def headers(self) -> MutableMapping[str, str]:
        """Headers, found without case."""
        return self._headers

    @property
    def reason(self) -> str:
        """Reason phrase: none."""
        return ""

    @property
    def content_type(self) -> str | None:
        """Value of the header."""
        return self._headers.get("Content-Type")

    @property
    def is_closed(self) -> bool:
        """Tell whether the answer was closed."""
        return self._closed

    @property
    def is_stream_consumed(self) -> bool:
        """Tell whether the body was read."""
        return self._consumed

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
        return self._reply.response.body

    def text(self, encoding: str | None = None) -> str:
        """Body as text."""
        return self.content.decode(encoding or self._encoding or "utf-8-sig")

    def json(self) -> Any:
        """Body as JSON."""
        return json.loads(self.text())

    def body(self) -> bytes:
        """Return the body, under the name that older policies use."""
        return self.content

    def raise_for_status(self) -> None:
        """Raise HttpResponseError for 400 and above."""
        if self.status_code >= 400:
            raise HttpResponseError(response=self)

    async def read(self) -> bytes:
        """Return the body; raises IncompleteReadError when the connection was cut."""
        self._consumed = True
        await self.close()
        if self._reply.ending is Ending.CUT:
            message = "The connection was closed before the body was complete."
            raise IncompleteReadError(message)
        return self.content

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
        """Close the answer."""
        self._closed = True

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the answer."""
        await self.close()


class SimulatedTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Answers from an estate; `sleep` serves fault delays and the retry policy's pauses."""

    def __init__(self, estate: Estate, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Answer from `estate`."""
        self.estate = estate
        self.requests = 0
        self._sleep = sleep

    async def send(self, request: HttpRequest, **kwargs: Any) -> AsyncHttpResponse:
        """Answer a request; raises ServiceRequestError (refused), ServiceResponseTimeoutError (slow)."""
        self.requests += 1
        await asyncio.sleep(0)
        wire = parse_wire_request(request)
        reply = await self.estate.serve(wire, self.estate.now())
        limit = kwargs.get("read_timeout")
        if limit is not None and reply.delay > limit:
            message = "Read timed out."
            raise ServiceResponseTimeoutError(message)
        if reply.delay:
            await self._sleep(reply.delay)
        if reply.ending is Ending.REFUSED:
            message = "Connection refused."
            raise ServiceRequestError(message)
        response = SimulatedResponse(request, reply)
        if not kwargs.get("stream", False):
            await response.read()
        return response

    async def sleep(self, duration: float) -> None:
        """Pause, in seconds, as the retry policy asks."""
        await self._sleep(duration)

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Nothing to close."""


def parse_wire_request(request: WireRequest) -> ApiRequest:
    """Our request from one of azure-core's, old or new."""
    parts = urlsplit(request.url)
    content = getattr(request, "content", None)
    if content is None:
        content = getattr(request, "data", None)
    return ApiRequest(
        method=request.method,
        host=parts.netloc,
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=content.encode() if isinstance(content, str) else content or b"",
    )


class SimulatedCredential:
    """Token credential of a principal, whose tokens pass the strict check, too; counts its calls."""

    def __init__(self, estate: Estate, principal: str = "operator", *, lifetime: int = 3600) -> None:
        """Issue tokens that last `lifetime` seconds."""
        self.principal = principal
        self.calls = 0
        self._estate = estate
        self._lifetime = lifetime

    async def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """Issue a token for the scope, as late as the claims want it."""
        self.calls += 1
        now = int(self._estate.now().timestamp())
        claims = Claims(
            audience=scopes[0].removesuffix("/.default"),
            principal=self.principal,
            expires=now + self._lifetime,
            not_before=parse_wanted(kwargs.get("claims") or ""),
        )
        return AccessToken(issue_token(claims, issued=now), claims.expires)

    async def get_token_info(self, *scopes: str, options: Mapping[str, Any] | None = None) -> AccessTokenInfo:
        """Issue a token for the scope, as late as the claims want it."""
        token = await self.get_token(*scopes, claims=(options or {}).get("claims"))
        return AccessTokenInfo(token.token, token.expires_on)

    async def close(self) -> None:
        """Nothing to close."""

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *details: object) -> None:
        """Nothing to close."""
