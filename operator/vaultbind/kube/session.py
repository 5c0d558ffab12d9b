"""Connections to the API server: one pool for our calls, one for streams and for Kopf.

Kopf closes the session it was given whenever it logs in again. So each user has a session of its own, and
only the connection owns the pools below them.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson
import yarl

from vaultbind.http1 import LARGEST_ANSWER
from vaultbind.kube.exchange import UNAUTHORIZED, USER_AGENT, DirectExchange, Exchange, SessionExchange
from vaultbind.kube.tokens import TokenSource

POOL_LIMIT: Final = 50
"""Open connections of a pool at most: each costs about 290 KB over TLS."""

Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
Middleware = Callable[[aiohttp.ClientRequest, Handler], Awaitable[aiohttp.ClientResponse]]


class OrjsonResponse(aiohttp.ClientResponse):
    """A response that parses JSON with orjson, whatever its content type says."""

    async def json(self, **_: Any) -> Any:
        """Parsed body; raises json.JSONDecodeError (of which orjson's error is one)."""
        return orjson.loads(await self.read())


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeConnection:
    """Where the API server is and how to talk to it. `server` has no trailing slash."""

    server: str
    default_namespace: str
    connector: aiohttp.TCPConnector
    tokens: TokenSource
    proxy: str | None
    server_name: str | None
    """What the server's certificate must be for, where that is not the server's host."""
    session: aiohttp.ClientSession
    """Our own session, for watches; Kopf gets one from `open_session`."""
    exchange: Exchange
    """Sends all other requests."""

    def open_session(
        self, response_class: type[aiohttp.ClientResponse] = OrjsonResponse, *middlewares: Middleware
    ) -> aiohttp.ClientSession:
        """A further session over the same pool, for `kopf.AiohttpSession`; its user closes it."""
        authorizing = _authorizing(self.server, self.tokens, self.server_name)
        return _session(self.connector, (*middlewares, authorizing), self.proxy, response_class)

    async def aclose(self) -> None:
        """Close our session and the pools, and with them every session's connections."""
        await self.session.close()
        await self.exchange.aclose()
        await self.connector.close()


def open_connection(
    *,
    server: str,
    tokens: TokenSource,
    tls: ssl.SSLContext | None = None,
    default_namespace: str = "default",
    proxy: str | None = None,
    server_name: str | None = None,
    pool_limit: int = POOL_LIMIT,
    largest: int = LARGEST_ANSWER,
) -> KubeConnection:
    """Prepare the pools; needs a running loop, connects to nothing yet. Each has `pool_limit` connections.

    An answer of more than `largest` bytes is refused as it comes; of a watch, a single event is.
    """
    server = server.rstrip("/")
    connector = aiohttp.TCPConnector(limit=pool_limit, ssl=tls or True)
    authorizing = _authorizing(server, tokens, server_name)
    session = _session(connector, (authorizing,), proxy)
    exchange: Exchange = SessionExchange(server, session, authorize=authorizing, largest=largest)
    if not proxy:
        exchange = DirectExchange(
            server, tokens=tokens, tls=tls, server_name=server_name, limit=pool_limit, largest=largest
        )
    return KubeConnection(
        server=server,
        default_namespace=default_namespace,
        connector=connector,
        tokens=tokens,
        proxy=proxy,
        server_name=server_name,
        session=session,
        exchange=exchange,
    )


def _session(
    connector: aiohttp.TCPConnector,
    middlewares: tuple[Middleware, ...],
    proxy: str | None,
    response_class: type[aiohttp.ClientResponse] = OrjsonResponse,
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        json_serialize=_to_json,
        middlewares=middlewares,
        proxy=proxy,
        response_class=response_class,
    )


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()


def _authorizing(server: str, tokens: TokenSource, server_name: str | None) -> Middleware:
    """Middleware that signs requests to the API server, and to nobody else, and renews once after a 401.

    It also says by which name the server is known, because a session has no such option.
    """
    origin = yarl.URL(server).origin()

    async def authorize(request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        if request.url.origin() != origin:
            return await handler(request)
        request.server_hostname = server_name
        used = await _sign(request, tokens)
        response = await handler(request)
        if response.status != UNAUTHORIZED or not await tokens.renew(used):
            return response
        response.release()
        await _sign(request, tokens)
        return await handler(request)

    return authorize


async def _sign(request: aiohttp.ClientRequest, tokens: TokenSource) -> str:
    value = await tokens.authorization()
    if value:
        request.headers["Authorization"] = value
    return value
