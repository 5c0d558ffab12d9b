"""Answers that were written down, for tests of single requests; what needs a vault uses the simulation."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from vaultbind.keyvault.simulation.api.messages import ApiRequest, ApiResponse, parse_host
from vaultbind.keyvault.simulation.transport import parse_wire_request, render_answer


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedExchange:
    """A request and its answer; `path` is without query, `body` is the JSON that is expected or None."""

    method: str
    path: str
    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Any = None


class MockHttpTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Gives canned answers in the place of a network, for a client's `transport`.

    Requests without a token get the vault's challenge. The exchanges of a method and path are used in turn,
    the last one for ever. `requests` holds what was asked with a token. Sending raises LookupError when there
    is no exchange for a request, or when its body is another one.

        answer = {"id": "https://shop.vault.azure.net/secrets/db/1", "value": "s3cr3t"}
        transport = MockHttpTransport([CannedExchange(method="GET", path="/secrets/db/", answer=answer)])
        async with KeyVaultClient(config, transport=transport) as canned:
            print((await canned.get_secret("db")).version)
    """

    def __init__(self, exchanges: Iterable[CannedExchange]) -> None:
        """Answer with `exchanges`."""
        self.requests: list[ApiRequest] = []
        self._left: dict[tuple[str, str], list[CannedExchange]] = {}
        for exchange in exchanges:
            self._left.setdefault((exchange.method, exchange.path), []).append(exchange)

    @classmethod
    def from_files(cls, *files: Path) -> Self:
        """Read exchanges from JSON: a list of `{"request": {...}, "response": {...}}`.

        Members of a request are method, path and body; of a response status, headers and body. Raises
        OSError, and ValueError or KeyError for another form.
        """
        return cls(exchange for file in files for exchange in _parse(orjson.loads(file.read_bytes())))

    async def send(self, request: HttpRequest, **kwargs: Any) -> AsyncHttpResponse:  # noqa: ARG002 - azure-core's signature
        """Answer a request; raises LookupError."""
        await asyncio.sleep(0)
        wire = parse_wire_request(request)
        if "authorization" not in wire.headers:
            return render_answer(request, _challenge(wire.host))
        self.requests.append(wire)
        exchange = self._take(wire)
        content = b"" if exchange.answer is None else orjson.dumps(exchange.answer)
        headers = {"Content-Type": "application/json; charset=utf-8", **exchange.headers}
        return render_answer(request, ApiResponse(status=exchange.status, headers=headers, body=content))

    def _take(self, wire: ApiRequest) -> CannedExchange:
        left = self._left.get((wire.method, wire.path))
        if not left:
            raise LookupError(f"no canned answer for {wire.method} {wire.path}")
        exchange = left.pop(0) if len(left) > 1 else left[0]
        if exchange.body is not None and orjson.loads(wire.body) != exchange.body:
            raise LookupError(f"another body than the canned one for {wire.method} {wire.path}")
        return exchange

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def sleep(self, duration: float) -> None:
        """Do not wait: answers are here already."""

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


def _parse(document: Any) -> Iterable[CannedExchange]:
    for item in document:
        request, response = item["request"], item["response"]
        yield CannedExchange(
            method=request["method"],
            path=request["path"],
            body=request.get("body"),
            status=response.get("status", 200),
            headers=response.get("headers", {}),
            answer=response.get("body"),
        )


def _challenge(host: str) -> ApiResponse:
    resource = parse_host(host).resource
    challenge = f'Bearer authorization="https://login.microsoftonline.com/common", resource="{resource}"'
    return ApiResponse(status=401, headers={"WWW-Authenticate": challenge})
