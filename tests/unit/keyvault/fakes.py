"""A vault of canned answers, a clock that stands until somebody sleeps, a credential that counts."""

import asyncio
import heapq
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Self

from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.observer import NullObserver
from vaultbind.keyvault.transport.answer import Answer as WireAnswer

VAULT = "https://shop.vault.azure.net"
TENANT_TEXT = "caller oid=11111111-2222-3333-4444-555555555555 of tenant 99999999-aaaa sub/77777777"
"""What Azure's messages hold and ours must not."""
VERSION = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(data: object, status: int = 200, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body=json.dumps(data).encode(), headers=names)


def problem(status: int, code: str, inner: str = "", **headers: str) -> Answer:
    error: dict[str, Any] = {"code": code, "message": f"{code}: {TENANT_TEXT}"}
    if inner:
        error["innererror"] = {"code": inner, "message": TENANT_TEXT}
    return answer({"error": error}, status, **headers)


CHALLENGE = Answer(
    status=401,
    body=json.dumps({"error": {"code": "Unauthorized", "message": f"AKV10000: {TENANT_TEXT}"}}).encode(),
    headers={
        "WWW-Authenticate": 'Bearer authorization="https://login.windows.net/t", resource="https://vault.azure.net"'
    },
)


def secret(name: str = "db", value: str = "s3cr3t", version: str = VERSION, **more: Any) -> dict[str, Any]:
    return {"value": value, **secret_item(name, **more), "id": f"{VAULT}/secrets/{name}/{version}"}


def secret_item(name: str = "db", **more: Any) -> dict[str, Any]:
    attributes = {
        "enabled": True,
        "created": 1_700_000_000,
        "updated": 1_700_000_100,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
    }
    return {"id": f"{VAULT}/secrets/{name}", "attributes": attributes, **more}


Outcome = Answer | Exception
Handler = Callable[[HttpRequest], Outcome]


class CannedTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Asks `handler` for every request, yielding once as a socket would."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.requests: list[HttpRequest] = []
        self.closed = 0

    async def send(self, request: HttpRequest, **_: Any) -> AsyncHttpResponse:
        self.requests.append(deepcopy(request))
        await asyncio.sleep(0)
        outcome = self._handler(request)
        if isinstance(outcome, Exception):
            raise outcome
        return WireAnswer(request, status=outcome.status, headers=outcome.headers.items(), body=outcome.body)

    async def open(self) -> None: ...

    async def close(self) -> None:
        self.closed += 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def canned(*outcomes: Outcome, challenge: bool = True) -> CannedTransport:
    """Give these answers in turn, the last one for ever; requests without a token get a challenge."""
    left = list(outcomes)

    def handle(request: HttpRequest) -> Outcome:
        if challenge and "Authorization" not in request.headers:
            return CHALLENGE
        return left.pop(0) if len(left) > 1 else left[0]

    return CannedTransport(handle)


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_800_000_000.0 + self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        for _ in range(3):  # who was let through before sees the time of then
            await asyncio.sleep(0)
        self.now += seconds


class SteppedClock(FakeClock):
    """Time that somebody else lets pass: sleepers wake when `advance` comes to their moment, in order."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, len(self.slept), future))
        self.slept.append(seconds)
        await future

    async def advance(self, seconds: float) -> None:
        end = self.now + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, future = heapq.heappop(self._sleepers)
            self.now = max(self.now, moment)
            future.set_result(None)
            await self._settle()
        self.now = end

    async def _settle(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)


class FakeCredential:
    """Counts token requests; `lifetime` in seconds."""

    def __init__(self, clock: Callable[[], float] | None = None, *, lifetime: int = 3600) -> None:
        self._clock = clock or (lambda: 4_000_000_000.0)
        self._lifetime = lifetime
        self.asked: list[dict[str, Any]] = []
        self.failure: Exception | None = None
        self.closed = 0

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        self.asked.append({"scopes": scopes, **(options or {})})
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return AccessTokenInfo(f"token-{len(self.asked)}", int(self._clock()) + self._lifetime)

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed += 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Recorder(NullObserver):
    """Remembers what an observer is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str, int]] = []
        self.retries: list[tuple[str, float]] = []
        self.tokens: list[str] = []
        self.breakers: list[str] = []
        self.reads: list[tuple[str, str]] = []

    def request(self, kind: str, method: str, route: str, status: int, seconds: float) -> None:
        self.requests.append((kind, method, route, status))

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:
        self.retries.append((reason, delay))

    def token(self, outcome: str, seconds: float) -> None:
        self.tokens.append(outcome)

    def breaker(self, state: str) -> None:
        self.breakers.append(state)

    def cache(self, kind: str, outcome: str) -> None:
        self.reads.append((kind, outcome))


def make_client(transport: CannedTransport, **settings: Any) -> KeyVaultClient:
    """Client on a canned transport with a virtual clock and half of all jitter."""
    parts = {name: settings.pop(name) for name in ("limiter", "observer", "clock") if name in settings}
    parts |= settings.pop("shared", {})
    settings.setdefault("credential", FakeCredential())
    settings.setdefault("vault_url", VAULT)
    parts.setdefault("clock", FakeClock())
    return KeyVaultClient(KeyVaultConfig(**settings), transport=transport, jitter=lambda: 0.5, **parts)
