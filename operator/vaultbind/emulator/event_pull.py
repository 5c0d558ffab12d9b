"""Pulling events as from an Event Grid namespace topic: receive, acknowledge, release, reject, renewLock."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from vaultbind.emulator.event_broker import Active, EventBroker
from vaultbind.emulator.event_forms import Schema
from vaultbind.emulator.gate import is_same
from vaultbind.keyvault.simulation import ApiRequest, ApiResponse
from vaultbind.keyvault.simulation.api.messages import JSON_TYPE
from vaultbind.keyvault.simulation.tokens import parse_token

PATH: Final = re.compile(r"/topics/([^/:]+)/eventsubscriptions/([^/:]+):(\w+)")
LOCK_SECONDS: Final = 60.0
WAIT_STEP_SECONDS: Final = 0.05
RELEASE_DELAYS: Final = frozenset({0, 10, 60, 600, 3600})


class EventPull:
    """Answers pull requests; who shows any credential may pull."""

    def __init__(self, broker: EventBroker, token: str) -> None:
        """Pull from a broker's subscriptions; with a `token` it is the access key that must be shown."""
        self._broker = broker
        self._token = token

    async def handle(
        self, request: ApiRequest, is_gone: Callable[[], bool] = lambda: False
    ) -> ApiResponse | None:
        """Answer a request below /topics/, None for any other; nothing is handed out to who `is_gone`."""
        match = PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            return None
        if not self._may_pull(request.headers.get("authorization", "")):
            return _refuse(401, "Unauthorized", "The Authorization header is missing or wrong.")
        active = self._broker.find(match[1], match[2])
        if active is None:
            return _refuse(404, "NotFound", f"There is no event subscription {match[2]} of topic {match[1]}.")
        try:
            if match[3] == "receive":
                return await self._receive(active, request.query, is_gone)
            return self._settle(active, match[3], request)
        except ValueError as error:
            return _refuse(400, "BadRequest", str(error))

    def _may_pull(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        if not self._token:
            return bool(given)
        if scheme.lower() == "bearer":
            return parse_token(given) is not None
        return is_same(given, self._token)

    async def _receive(
        self, active: Active, query: Mapping[str, str], is_gone: Callable[[], bool]
    ) -> ApiResponse:
        limit = _number(query, "maxEvents", 1, 1, 100)
        wait = _number(query, "maxWaitTime", 60, 10, 120)
        end = asyncio.get_running_loop().time() + wait
        held = active.mailbox.take(self._broker.now(), limit, LOCK_SECONDS)
        while not held and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(WAIT_STEP_SECONDS)
            if is_gone():
                break
            held = active.mailbox.take(self._broker.now(), limit, LOCK_SECONDS)
        items = [
            {
                "brokerProperties": {"lockToken": item.token, "deliveryCount": item.attempt},
                "event": self._broker.render(item.event, Schema.CLOUD_EVENTS),
            }
            for item in held
        ]
        return _answer(200, {"value": items})

    def _settle(self, active: Active, verb: str, request: ApiRequest) -> ApiResponse:
        tokens = _tokens(request.body)
        now = self._broker.now()
        mailbox = active.mailbox
        delay = _number(request.query, "releaseDelayInSeconds", 0, 0, 3600)
        if delay not in RELEASE_DELAYS:
            raise ValueError("releaseDelayInSeconds must be 0, 10, 60, 600 or 3600")
        actions = {
            "acknowledge": lambda token: mailbox.settle(token, now),
            "reject": lambda token: mailbox.settle(token, now, delivered=False),
            "release": lambda token: mailbox.postpone(token, now, now + delay),
            "renewLock": lambda token: mailbox.postpone(token, now, now + LOCK_SECONDS, keep=True),
        }
        if verb not in actions:
            return _refuse(404, "NotFound", f"There is no operation {verb[:20]}.")
        done = {token: actions[verb](token) for token in tokens}
        lost = {"code": "TokenLost", "message": "The token has expired."}
        content = {
            "succeededLockTokens": [token for token, found in done.items() if found],
            "failedLockTokens": [
                {"lockToken": token, "error": lost} for token, found in done.items() if not found
            ],
        }
        return _answer(200, content)


def _number(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ValueError(f"{name} must be a number between {low} and {high}")
    return int(text)


def _tokens(body: bytes) -> list[str]:
    with contextlib.suppress(orjson.JSONDecodeError):
        content = orjson.loads(body)
        tokens = content.get("lockTokens") if isinstance(content, Mapping) else None
        if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens):
            return tokens
    raise ValueError("the body must be an object whose lockTokens is a list of texts")


def _answer(status: int, content: Any) -> ApiResponse:
    return ApiResponse(status=status, headers={"Content-Type": JSON_TYPE}, body=orjson.dumps(content))


def _refuse(status: int, code: str, message: str) -> ApiResponse:
    return _answer(status, {"error": {"code": code, "message": message}})
