"""The server that Kopf is given for admission: one listener and one SSL context for all of its life."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

import kopf
import orjson
from aiohttp import web

from vaultbind.injection.patch import render_patch
from vaultbind.injection.tls import ServingTls

logger = logging.getLogger(__name__)

LARGEST_REVIEW: Final = 8 * 1024 * 1024
"""Bytes: an object of etcd's 1.5 MiB, old and new, as JSON."""
GRACE_SECONDS: Final = 4.0
"""How long reviews under way may take when the process stops; the API server waits five."""
_UID: Final = "review"
"""In place of an object's uid: Kopf remembers every uid of an update for ever."""


DECIDED: Final[ContextVar[dict[str, Any]]] = ContextVar("decided")
"""Where a handler leaves the `pod` that it decided on: Kopf's own way compares both in depth, for a
millisecond of each review."""


class AdmissionServer:
    """Callable for `settings.admission.server`. Kopf's own drops its listener when certificates change."""

    def __init__(self, host: str, port: int, tls: ServingTls) -> None:
        self._host = host
        self._tls = tls
        self.port = port
        """The port; where 0 was asked for, the one that is listened on once `ready`."""
        self.ready = asyncio.Event()

    async def __call__(self, fn: kopf.WebhookFn) -> AsyncIterator[kopf.WebhookClientConfig]:
        """Serve until cancelled; what is yielded is not used, the chart owns the configurations."""
        runner = web.AppRunner(self._app(fn), access_log=None, shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self.port, ssl_context=self._tls.context)
            await site.start()
            self.port = runner.addresses[0][1]
            self.ready.set()
            yield kopf.WebhookClientConfig(url=f"https://{self._host}:{self.port}")
            await asyncio.Event().wait()
        finally:
            self.ready.clear()
            await runner.cleanup()

    def retire(self) -> None:
        """Serve on, but send everybody elsewhere: the probe fails, connections end with their answer."""
        self.ready.clear()

    def _app(self, fn: kopf.WebhookFn) -> web.Application:
        async def answer(request: web.Request) -> web.Response:
            response = await answer_review(fn, request)
            if not self.ready.is_set():
                response.force_close()
            return response

        app = web.Application(client_max_size=LARGEST_REVIEW)
        app.router.add_post("/{id}", answer)
        return app


async def answer_review(fn: kopf.WebhookFn, request: web.Request) -> web.Response:
    """Answer one review. Raises HTTPBadRequest for what is none, HTTPInternalServerError where `fn` fails."""
    try:
        review = prepare(orjson.loads(await request.read()))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise web.HTTPBadRequest(text="not an AdmissionReview") from None
    decided: dict[str, Any] = {}
    DECIDED.set(decided)
    try:
        response = await fn(review, webhook=request.match_info["id"])
    except Exception as error:  # noqa: BLE001 - its text could carry anything
        logger.error("a review failed: unexpected %s", type(error).__name__)
        raise web.HTTPInternalServerError(text="the review failed; see the webhook's log") from None
    if "pod" in decided and response["response"].get("allowed"):
        operations = render_patch(review["request"]["object"], decided["pod"])
        patch = base64.b64encode(orjson.dumps(operations)).decode()
        response["response"]["patch"], response["response"]["patchType"] = patch, "JSONPatch"
    return web.Response(body=orjson.dumps(response), content_type="application/json")


def prepare(review: Any) -> Any:
    """Complete the object of a review. Raises KeyError, TypeError where it is none."""
    request: Mapping[str, Any] = review["request"]
    for field in ("object", "oldObject"):
        if request.get(field) is not None:
            metadata = request[field].setdefault("metadata", {})
            metadata["uid"] = _UID
            if request.get("namespace"):
                metadata.setdefault("namespace", request["namespace"])
    return review
