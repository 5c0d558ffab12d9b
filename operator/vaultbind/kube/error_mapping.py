"""From answers and exceptions of the wire to `KubeError`, without a word that could quote an object."""

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from vaultbind.http1 import ConnectError, TooLargeError
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import Resource

_BY_REASON: Final = {
    "AlreadyExists": KubeErrorKind.ALREADY_EXISTS,
    "Expired": KubeErrorKind.GONE,
    "Gone": KubeErrorKind.GONE,
    "Timeout": KubeErrorKind.TIMEOUT,
}
_BY_STATUS: Final = {
    401: KubeErrorKind.UNAUTHORIZED,
    403: KubeErrorKind.FORBIDDEN,
    404: KubeErrorKind.NOT_FOUND,
    409: KubeErrorKind.CONFLICT,
    410: KubeErrorKind.GONE,
    429: KubeErrorKind.THROTTLED,
    504: KubeErrorKind.TIMEOUT,
}
_CLIENT_ERRORS: Final = range(400, 500)
_MAX_CAUSES: Final = 3
_MAX_WORD: Final = 120

_REFUSERS: Final = (
    (re.compile(r'^admission webhook "([A-Za-z0-9.-]{1,120})" denied'), "admission webhook"),
    (re.compile(r"\bValidatingAdmissionPolicy '([A-Za-z0-9.-]{1,120})' with binding"), "admission policy"),
    (re.compile(r"\bexceeded quota: ([a-z0-9.-]{1,120}),"), "quota"),
)
"""Who refused, from sentences of the server whose captured part can only be an object's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The request as messages and metrics name it."""

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def plural(self) -> str:
        """`secrets` or `vaultbindings/status`."""
        plural = self.resource.plural
        return f"{plural}/{self.subresource}" if self.subresource else plural

    def __str__(self) -> str:
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.plural} {place}".rstrip()


def parse_status_error(call: Call, status: int, body: bytes, *, retry_after: str | None) -> KubeError:
    """Error for an answer of 300 or more; `body` need not be a Status, `retry_after` is the header."""
    return parse_status_object(call, status, _json_object(body), retry_after=retry_after)


def parse_status_object(
    call: Call, status: int, answer: Mapping[str, Any], *, retry_after: str | None = None
) -> KubeError:
    """Error for a Status object, which is also what an ERROR event of a watch carries."""
    reason = _word(answer.get("reason"))
    kind = _kind(status, reason)
    told = ", ".join(part for part in (reason, *_causes(answer), _refuser(answer)) if part)
    message = f"{call}: {kind.value} (HTTP {status}{', ' + told if told else ''})"
    seconds = _seconds(retry_after) or _seconds(_details(answer).get("retryAfterSeconds"))
    return KubeError(kind, message, status=status, reason=reason, retry_after=seconds)


def parse_not_json(call: Call, status: int) -> KubeError:
    """Error for a success whose body is not a JSON object: some proxy's page, or a cut answer."""
    return KubeError(KubeErrorKind.SERVER_ERROR, f"{call}: the answer is no JSON object", status=status)


def parse_too_large(call: Call, largest: int) -> KubeError:
    """Error for an answer, or an event of a watch, that is larger than we take."""
    message = f"{call}: the answer is too large, more than {largest:,} bytes"
    return KubeError(KubeErrorKind.SERVER_ERROR, message)


def parse_exception(call: Call, error: BaseException) -> KubeError:
    """Error for what aiohttp, ssl or the network raised. The class is named, its text is not."""
    if isinstance(error, TimeoutError):
        return KubeError(KubeErrorKind.TIMEOUT, f"{call}: no answer in time")
    if isinstance(error, TooLargeError):
        return parse_too_large(call, error.largest)
    if isinstance(error, ConnectError):
        error = error.cause
    what = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
        return KubeError(
            KubeErrorKind.UNREACHABLE, f"{call}: the server's certificate or TLS failed ({what})"
        )
    return KubeError(KubeErrorKind.UNREACHABLE, f"{call}: no connection ({what})")


def _kind(status: int, reason: str) -> KubeErrorKind:
    known = _BY_REASON.get(reason) or _BY_STATUS.get(status)
    if known is not None:
        return known
    return KubeErrorKind.INVALID if status in _CLIENT_ERRORS else KubeErrorKind.SERVER_ERROR


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _details(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    details = answer.get("details")
    return details if isinstance(details, dict) else {}


def _causes(answer: Mapping[str, Any]) -> Iterator[str]:
    """`reason field` of the first causes: the fields are ours, the texts next to them may quote values."""
    causes = _details(answer).get("causes")
    for cause in causes[:_MAX_CAUSES] if isinstance(causes, list) else ():
        if isinstance(cause, dict):
            yield f"{_word(cause.get('reason'))} {_word(cause.get('field'))}".strip()


def _refuser(answer: Mapping[str, Any]) -> str:
    sentence = str(answer.get("message") or "")
    for pattern, what in _REFUSERS:
        if found := pattern.search(sentence):
            return f"{what} {found[1]}"
    return ""


def _word(value: object) -> str:
    """A code or field path, shortened and printable; anything else becomes nothing."""
    if not isinstance(value, str):
        return ""
    return "".join(char if char.isprintable() else "?" for char in value[:_MAX_WORD])


def _seconds(value: object) -> float | None:
    """Seconds of a Retry-After, or None: HTTP dates are not used by API servers."""
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if 0 < seconds < 24 * 3600 else None
