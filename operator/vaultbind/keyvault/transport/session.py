"""One pool of connections behind azure-core's transport interface, shared by clients and credentials."""

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import MutableMapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from vaultbind.http1 import LARGEST_ANSWER, Pool
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.transport.direct import exchange_directly, route_of
from vaultbind.keyvault.transport.exchange import exchange, is_plain, send_once
from vaultbind.keyvault.transport.shares import Shares

KEEP_ALIVE_SECONDS = 120
MAX_CONNECTIONS = 100
"""To one host: a vault that never answers must not hold up those that share its transport."""
LOOPBACK = "127.0.0.1"
_IMDS = "169.254.169.254"
_PLAIN: tuple[dict[str, Any], ...] = ({}, {"stream": False})
"""Options of a request with nothing special."""


class SharedTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Connections for any number of clients: one TLS context, one pool, opened with the first request.

    Its clients share more than that: one credential per identity with its tokens, and of what is kept per
    vault (limiter, breaker, retry budget) one each for clients with equal settings. Clients may close it as
    often as they like; only `aclose()` ends it. Trust: the system's certificates, those of `SSL_CERT_FILE`,
    and `ca_pem`. Names under `.localhost` are loopback without asking anybody (RFC 6761). A `proxy` is used
    only when given, and never for loopback or the metadata service. Timeouts in seconds.

        transport = SharedTransport()
        one, two = (KeyVaultClient(config, transport=transport) for _ in range(2))
        await transport.aclose()
    """

    def __init__(
        self,
        *,
        ca_pem: str | None = None,
        proxy: str | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 10.0,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Nothing is opened yet. `resolver` is asked for all names but those under `.localhost`.

        Its addresses are tried in their order, within `connect_timeout`.
        """
        self.shares = Shares()
        self._ca_pem = ca_pem
        self._proxy = proxy
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._resolver = resolver
        self._context: ssl.SSLContext | None = None
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        """Send one request.

        Raises azure-core's ServiceRequestError and ServiceResponseError; KeyVaultError: CONFIGURATION when
        `ca_pem` cannot be used or another event loop runs than for the first request, UNREACHABLE after
        `aclose()`.
        """
        pool = self._pool or await self._open()
        if self._loop is not asyncio.get_running_loop():
            detail = "its connections belong to the event loop of the first request: make a client per loop"
            raise KeyVaultError(KeyVaultErrorKind.CONFIGURATION, code="OtherEventLoop", detail=detail)
        proxy = self._proxy if self._proxy and not _is_direct(request.url) else None
        if options in _PLAIN and isinstance(request, HttpRequest):
            route = route_of(request) if proxy is None else None
            if route is not None:
                return await exchange_directly(pool, request, route, silence=self._read_timeout)
            if is_plain(request):
                return await exchange(self._open_session(), request, proxy=proxy)
        return await self._send_otherwise(request, {"proxy": proxy, **options})

    async def open(self) -> None:
        """Read the certificates to trust, as a request would; raises KeyVaultError as `send`."""
        if self._pool is None:
            await self._open()

    async def close(self) -> None:
        """Do nothing: the session belongs to all clients."""

    async def aclose(self) -> None:
        """End what clients share and close all connections, for good."""
        self._closed = True
        pool, self._pool = self._pool, None
        session, self._session = self._session, None
        async with AsyncExitStack() as stack:  # whatever fails or is cancelled, the rest is closed
            if session is not None:
                stack.push_async_callback(session.close)
            if pool is not None:
                stack.push_async_callback(pool.aclose)
            await self.shares.aclose()

    async def sleep(self, duration: float) -> None:
        """Let `duration` seconds pass, as azure-core's policies ask for."""
        await asyncio.sleep(duration)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Do nothing: azure-core's pipelines leave their transport when they close."""

    async def _send_otherwise(self, request: HttpRequest, options: dict[str, Any]) -> AsyncHttpResponse:
        """Leave to azure-core what others ask for: streams, options per call, azure.identity's requests."""
        inner = AioHttpTransport(
            session=self._open_session(),
            session_owner=False,
            use_env_settings=False,
            connection_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
        )
        return cast("AsyncHttpResponse", await inner.send(request, **options))

    async def _open(self) -> Pool:
        async with self._opening:
            return self._pool or await self._connect()

    async def _connect(self) -> Pool:
        self._check_open()
        try:
            # reading the system's certificates takes tens of milliseconds, which the loop has not
            context = await asyncio.to_thread(build_ssl_context, self._ca_pem)
        except (OSError, ValueError):
            detail = "the CA bundle is not usable PEM"
            raise KeyVaultError(KeyVaultErrorKind.CONFIGURATION, code="BadCaBundle", detail=detail) from None
        self._check_open()  # it may have been closed meanwhile
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(
            tls=context,
            limit=MAX_CONNECTIONS,
            keep_alive=KEEP_ALIVE_SECONDS,
            connect_timeout=self._connect_timeout,
            resolve=self._resolve,
            largest=LARGEST_ANSWER,
        )
        return self._pool

    def _check_open(self) -> None:
        if self._closed:
            detail = "its connections are closed for good"
            raise KeyVaultError(
                KeyVaultErrorKind.UNREACHABLE, code="TransportClosed", detail=detail, retryable=False
            )

    async def _resolve(self, host: str) -> Sequence[str]:
        """Addresses to try for a host; the host itself where the system is to be asked."""
        if is_localhost(host):
            return (LOOPBACK,)
        if self._resolver is None:
            return (host,)
        with suppress(OSError):
            if found := [item["host"] for item in await self._resolver.resolve(host)]:
                return found
        raise socket.gaierror(socket.EAI_NONAME, "the resolver has no address")

    def _open_session(self) -> aiohttp.ClientSession:
        """Session for what does not go over our own connections."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._context or True,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                limit=0,
                limit_per_host=MAX_CONNECTIONS,
                resolver=LocalhostResolver(self._resolver or aiohttp.DefaultResolver()),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    sock_connect=self._connect_timeout, sock_read=self._read_timeout
                ),
                trust_env=False,
                middlewares=(send_once,),
            )
        return self._session


class LocalhostResolver(AbstractResolver):
    """Answers for `localhost` and names under it, and asks another resolver for the rest."""

    def __init__(self, other: AbstractResolver) -> None:
        """`other` is closed with this one."""
        self._other = other

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of `host`; raises OSError when there are none."""
        if not is_localhost(host):
            return await self._other.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=LOOPBACK,
                port=port,
                family=socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Close the other resolver."""
        await self._other.close()


def build_ssl_context(
    ca_pem: str | None = None, environ: MutableMapping[str, str] | None = None
) -> ssl.SSLContext:
    """Context that trusts the system, `SSL_CERT_FILE` and `ca_pem`; raises OSError, ValueError."""
    context = ssl.create_default_context()
    if (environ or os.environ).get("SSL_CERT_FILE"):
        # OpenSSL takes the variable instead of its own file; we want both.
        system = Path(ssl.get_default_verify_paths().openssl_cafile)
        if system.is_file():
            context.load_verify_locations(cafile=system)
    if ca_pem:
        # Bundles carry names as comments, in any script; Python takes ASCII only.
        context.load_verify_locations(cadata=ca_pem.encode("ascii", "ignore").decode("ascii"))
    return context


def is_localhost(host: str) -> bool:
    """Tell whether RFC 6761 makes `host` a loopback name."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


def _is_direct(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return is_localhost(host) or host == _IMDS or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
