"""Requests and answers as the REST surface sees them, and where they are addressed to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import uuid4

import orjson

from vaultbind.keyvault.simulation.problems import VaultProblem, bad_parameter

DEFAULT_VAULT: Final = "default"
JSON_TYPE: Final = "application/json; charset=utf-8"
STANDARD_HEADERS: Final = {
    "Content-Type": JSON_TYPE,
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Strict-Transport-Security": "max-age=31536000;includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "x-ms-keyvault-region": "simulated",
    "x-ms-keyvault-service-version": "1.9.0.0",
    "x-ms-keyvault-network-info": "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One HTTP request: `host` with its port, decoded `path` without query, header names in lower case."""

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    address: str = "127.0.0.1"
    """Of the client, for firewalls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler says: status, JSON (None: no body) and headers beyond the standard ones."""

    status: int = 200
    content: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What a Host header means: prefix of ids, origin with an explicit port, audience of tokens."""

    vault: str
    base: str
    origin: str
    resource: str
    port: int


@lru_cache(maxsize=1024)
def parse_host(host: str) -> Address:
    """Vault name, id prefix and token audience of a Host header; an address without a name is `default`."""
    lowered = host.lower()
    if lowered.startswith("["):
        name, _, port = lowered[1:].partition("]")
        return _address(lowered, DEFAULT_VAULT, f"[{name}]", port.lstrip(":"), lowered)
    name, _, port = lowered.partition(":")
    first, dot, rest = name.partition(".")
    is_bare = not dot or name.replace(".", "").isdigit()
    suffix = f"{rest or name}:{port}" if port else rest or name
    return _address(lowered, DEFAULT_VAULT if is_bare else first, name, port, suffix)


def _address(host: str, vault: str, name: str, port: str, suffix: str) -> Address:
    number = int(port) if port.isascii() and port.isdigit() else 443
    return Address(
        vault=vault,
        base=f"https://{host}",
        origin=f"https://{name}:{number}",
        resource=f"https://{suffix}",
        port=number,
    )


def parse_body(body: bytes) -> dict[str, Any]:
    """JSON object of a request; raises VaultProblem (BadParameter)."""
    if not body:
        return {}
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad_parameter("The request body is not valid JSON.") from None
    if not isinstance(content, dict):
        raise bad_parameter("The request body must be a JSON object.")
    return content


def render(answer: Answer, request: ApiRequest) -> ApiResponse:
    """Put the standard headers around an answer."""
    headers = {**STANDARD_HEADERS, "x-ms-request-id": str(uuid4()), **answer.headers}
    client_id = request.headers.get("x-ms-client-request-id")
    if client_id:
        headers["x-ms-client-request-id"] = client_id
    body = b"" if answer.content is None else orjson.dumps(answer.content)
    return ApiResponse(status=answer.status, headers=headers, body=body)


def render_problem(problem: VaultProblem) -> Answer:
    """Error answer in the service's shape."""
    error: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if problem.inner:
        error["innererror"] = {"code": problem.inner}
    return Answer(status=problem.status, content={"error": error})
