"""The HTTP front: authentication, faults, statistics and streams around answers.py and watches.py.

Nothing of a body is ever logged.
"""

import asyncio
import hmac
import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from vaultbind.sandbox.account_tokens import KEYS_PATH
from vaultbind.sandbox.answers import Answer, Answerer
from vaultbind.sandbox.bodies import parse_body
from vaultbind.sandbox.cluster import Cluster
from vaultbind.sandbox.config import SandboxConfig
from vaultbind.sandbox.discovery import render_discovery
from vaultbind.sandbox.errors import StatusError, unauthorized
from vaultbind.sandbox.faults import Fault, Faults
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.negotiation import JSON, Representation, parse_accept
from vaultbind.sandbox.openapi import render_openapi
from vaultbind.sandbox.patches import PatchType
from vaultbind.sandbox.requests import ApiRequest, Target, parse_manager, parse_target, parse_verb
from vaultbind.sandbox.stats import RequestKey, Stats
from vaultbind.sandbox.watches import WatchStream, parse_watch

logger = logging.getLogger(__name__)

_OPEN_PATHS: Final = frozenset({"/healthz", "/livez", "/readyz", "/version"})
_MAX_BODY: Final = 3 * 1024 * 1024
_DEFAULT_WATCH_SECONDS: Final = 1_800.0


class ApiServer:
    """Serves one cluster to whoever has a token."""

    def __init__(self, cluster: Cluster, config: SandboxConfig, *, clock: Callable[[], datetime]) -> None:
        """Only makes the application; `sandbox.py` listens."""
        self.tokens: set[str] = set()
        self.stats = Stats()
        self.faults = Faults()
        self.watches: set[WatchStream] = set()
        self.answerer = Answerer(cluster, clock)
        self._cluster = cluster
        self._config = config
        self._clock = clock
        cluster.store.subscribe(lambda _change: self._ring())

    def build_app(self) -> web.Application:
        """The aiohttp application: one handler for all paths."""
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    def _ring(self) -> None:
        for watch in self.watches:
            watch.ring()

    # ---------------------------------------------------------------------------------------- requests
    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            self._authenticate(request)
            static = self._static(request)
            return static if static is not None else await self._handle_resource(request)
        except StatusError as error:
            return _error_response(error)
        except web.HTTPRequestEntityTooLarge:
            return _error_response(StatusError(413, "RequestEntityTooLarge", "Request entity too large"))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            # a body of an unexpected form; what the error says could hold parts of it
            place = f"{type(error).__name__} at {_place(error)}"
            logger.warning("%s %s could not be understood: %s", request.method, request.path, place)
            message = f"the request could not be understood: {place}"
            return _error_response(StatusError(HTTPStatus.BAD_REQUEST, "BadRequest", message))

    def _authenticate(self, request: web.Request) -> None:
        if request.path in _OPEN_PATHS:
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        known = [hmac.compare_digest(token.encode(), known.encode()) for known in self.tokens]
        if scheme.lower() != "bearer" or not any(known):
            raise unauthorized()

    def _static(self, request: web.Request) -> web.Response | None:
        """Discovery and OpenAPI."""
        if request.path == KEYS_PATH:
            return _json_response(HTTPStatus.OK, self.answerer.tokens.render_keys())
        found = render_discovery(request.path, self._cluster.registry)
        if found is None:
            found = render_openapi(request.path, self._cluster.registry)
        if isinstance(found, str):
            return web.Response(text=found)
        return None if found is None else _json_response(HTTPStatus.OK, found)

    async def _handle_resource(self, request: web.Request) -> web.StreamResponse:
        target = parse_target(request.path, self._cluster.registry)
        verb = parse_verb(request.method, target, request.query)
        fault = self.faults.take(
            verb=verb, resource=_resource(target.kind), subresource=target.subresource, name=target.name
        )
        key = RequestKey(verb=verb, resource=_resource(target.kind), subresource=target.subresource)
        try:
            understood = await self._understand(request, verb, target)
            key = _key_of(key, understood)
            await self._suffer(request, fault, after_write=False)
            if verb == "watch":
                self.stats.record(key)
                return await self._stream(request, understood)
            answer = self.answerer.answer(understood)
            await self._suffer(request, fault, after_write=True)
        except StatusError as error:
            self.stats.record(replace(key, status=error.code))
            raise
        self.stats.record(replace(key, status=answer.status))
        return _answer_response(answer)

    async def _understand(self, request: web.Request, verb: str, target: Target) -> ApiRequest:
        content_type = request.content_type if request.headers.get("Content-Type") else JSON
        body: Any = None
        if request.can_read_body:
            body = parse_body(await request.read(), content_type)
        return ApiRequest(
            verb=verb,
            target=target,
            query=dict(request.query),
            representation=parse_accept(
                request.headers.get("Accept", ""), is_list=verb in {"list", "deletecollection"}
            ),
            manager=parse_manager(request.query, request.headers.get("User-Agent", "")),
            body=body,
            content_type=content_type,
        )

    async def _suffer(self, request: web.Request, fault: Fault | None, *, after_write: bool) -> None:
        """Let latency and faults happen; raises StatusError."""
        if not after_write and self._config.latency:
            await asyncio.sleep(self._config.latency)
        if fault is None or fault.after_write != after_write:
            return
        await asyncio.sleep(fault.delay)
        if fault.cut and request.transport is not None:
            request.transport.abort()
            raise ConnectionResetError
        if fault.status is not None:
            raise fault.as_error()

    # ----------------------------------------------------------------------------------------- watches
    async def _stream(self, request: web.Request, understood: ApiRequest) -> web.StreamResponse:
        options = parse_watch(understood, self._cluster.store.revision)
        watch = WatchStream(self._cluster, options, self._clock)
        lines = watch.start()
        response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-cache, private"})
        response.enable_chunked_encoding()
        self.watches.add(watch)
        try:
            await response.prepare(request)
            await self._feed(response, watch, lines)
        except ConnectionError:
            return response
        finally:
            self.watches.discard(watch)
        if watch.is_cut and request.transport is not None:
            request.transport.abort()
        return response

    async def _feed(self, response: web.StreamResponse, watch: WatchStream, lines: list[bytes]) -> None:
        """Send lines until the time is over, with a bookmark when it was quiet and one at the end."""
        end = time.monotonic() + (watch.options.timeout or _DEFAULT_WATCH_SECONDS)
        while True:
            lines += watch.read()
            if lines:
                await response.write(b"".join(lines))
            left = end - time.monotonic()
            if watch.is_over or left <= 0:
                break
            rang = await watch.wait(min(left, self._config.bookmark_interval))
            lines = [] if rang or not watch.options.wants_bookmarks else [*watch.read(), watch.bookmark()]


def _place(error: Exception) -> str:
    """File and line where an error arose."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _resource(kind: ResourceKind) -> str:
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def _key_of(key: RequestKey, request: ApiRequest) -> RequestKey:
    patch = ""
    if request.verb == "patch" and request.content_type in PatchType.__members__.values():
        patch = PatchType(request.content_type).short
    return replace(
        key, patch=patch, representation=Representation(request.representation).value, manager=request.manager
    )


def _json_response(status: int, document: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(document), content_type=JSON, headers=headers)


def _answer_response(answer: Answer) -> web.Response:
    response = _json_response(answer.status, answer.document)
    for warning in answer.warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')
    return response


def _error_response(error: StatusError) -> web.Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return _json_response(error.code, error.as_status(), headers)
