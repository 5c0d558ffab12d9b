"""The simulation behind azure-core's transport seam: a whole Azure client without a socket."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import IncompleteReadError, ServiceRequestError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from vaultbind.keyvault.simulation.api.messages import ApiRequest, ApiResponse
from vaultbind.keyvault.simulation.estate import Estate
from vaultbind.keyvault.simulation.faults import Ending
from vaultbind.keyvault.simulation.sessions import parse_wanted
from vaultbind.keyvault.simulation.tokens import Claims, issue_token
from vaultbind.keyvault.transport.answer import Answer


class WireRequest(Protocol):
    """What old and new requests of azure-core have in common."""

    method: str
    url: str
    headers: MutableMapping[str, str]


class CutAnswer(Answer):
    """An answer whose connection ends before the body does: it fails when it is read, as over a socket."""

    async def read(self) -> bytes:
        """Raise IncompleteReadError."""
        message = "The connection was closed before the body was complete."
        raise IncompleteReadError(message)


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
        answer = render_answer(request, reply.response, CutAnswer if reply.ending is Ending.CUT else Answer)
        if not kwargs.get("stream", False):
            await answer.read()
        return answer

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


def render_answer(request: HttpRequest, response: ApiResponse, form: type[Answer] = Answer) -> Answer:
    """azure-core's answer to `request`, from ours."""
    return form(request, status=response.status, headers=response.headers.items(), body=response.body)


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
