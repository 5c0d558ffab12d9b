"""The one place where answers and exceptions of azure-core become a KeyVaultError."""

import re
import socket
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

from vaultbind.http1 import ConnectError
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.retry import parse_retry_after

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_NUMBERED = re.compile(r"\b(?:AKV|AADSTS)[0-9]{3,8}\b")

_K = KeyVaultErrorKind
_BY_CODE = {
    "SecretDisabled": _K.DISABLED,
    "KeyDisabled": _K.DISABLED,
    "CertificateDisabled": _K.DISABLED,
    "ForbiddenByFirewall": _K.FORBIDDEN_BY_FIREWALL,
    "KeyOperationForbidden": _K.OPERATION_FORBIDDEN,
    "KeyNotYetValid": _K.OPERATION_FORBIDDEN,
    "KeyExpired": _K.OPERATION_FORBIDDEN,
    "KeyManagedByKeyVault": _K.MANAGED_BY_KEY_VAULT,
    "SecretManagedByKeyVault": _K.MANAGED_BY_KEY_VAULT,
    "SecretNotFound": _K.SECRET_NOT_FOUND,
    "KeyNotFound": _K.KEY_NOT_FOUND,
    "CertificateNotFound": _K.CERTIFICATE_NOT_FOUND,
    "ObjectIsDeletedButRecoverable": _K.DELETED_BUT_RECOVERABLE,
    "ObjectIsBeingDeleted": _K.BEING_DELETED,
    "ObjectIsBeingRecovered": _K.BEING_RECOVERED,
}
_BY_STATUS = {
    400: _K.BAD_PARAMETER,
    401: _K.UNAUTHORIZED,
    403: _K.FORBIDDEN,
    404: _K.NOT_FOUND,
    408: _K.TIMEOUT,
    409: _K.CONFLICT,
    413: _K.BAD_PARAMETER,
    429: _K.THROTTLED,
}
_SPECIFIC_STATUSES = frozenset({403, 404, 409})
_SERVER_ERRORS = range(500, 600)

# Names of aiohttp's exceptions: an error must not be the reason to import aiohttp.
_CONNECT_CODES = {
    "ClientConnectorCertificateError": "CertificateUntrusted",
    "ClientConnectorSSLError": "TlsFailed",
    "ClientConnectorDNSError": "NameNotResolved",
    "ClientProxyConnectionError": "ProxyFailed",
    "ClientHttpProxyError": "ProxyFailed",
    "ClientConnectorError": "ConnectionFailed",
    "ConnectError": "ConnectionFailed",
}
_NOT_SENT = _CONNECT_CODES.keys() | {"ConnectTimeoutError", "ConnectionTimeoutError"}
_CONNECT_CAUSES: tuple[tuple[type[OSError], str], ...] = (
    (ssl.SSLCertVerificationError, "CertificateUntrusted"),
    (ssl.SSLError, "TlsFailed"),
    (socket.gaierror, "NameNotResolved"),
    (ConnectionRefusedError, "ConnectionRefused"),
)


def map_response(
    status: int, headers: Mapping[str, str], body: bytes, *, object_name: str | None, now: float
) -> KeyVaultError:
    """Make the error for an answer that is no success; `now` (epoch seconds) is for a dated `Retry-After`."""
    codes, message = _parse_error(body)
    kind = _kind_of(status, codes)
    numbered = _NUMBERED.search(message) if kind is _K.UNAUTHORIZED else None
    return KeyVaultError(
        kind,
        code=numbered[0] if numbered else (codes[-1] if codes else kind.value),
        object_name=object_name,
        http_status=status,
        retry_after=parse_retry_after(headers.get("Retry-After"), now),
        request_id=_parse_request_id(headers.get("x-ms-request-id")),
    )


def map_exception(error: Exception, *, object_name: str | None) -> KeyVaultError:
    """Make the error for what a pipeline raised; raise the result `from None`: causes hold foreign text."""
    if isinstance(error, KeyVaultError):
        return error.named(object_name)
    if isinstance(error, ClientAuthenticationError):
        return map_token_failure(error, object_name=object_name)
    kind, code, detail = _classify(error)
    return KeyVaultError(kind, code=code, detail=detail, object_name=object_name)


def map_token_failure(error: Exception, *, object_name: str | None = None) -> KeyVaultError:
    """Make the AUTHENTICATION_FAILED error for what a credential raised; only its codes survive."""
    if isinstance(error, KeyVaultError):
        return error
    cause = _transport_cause(error)
    numbered = _NUMBERED.search(str(error))
    if numbered:
        code = numbered[0]
    elif cause is not None:
        timed_out = isinstance(cause, TimeoutError | ServiceRequestTimeoutError | ServiceResponseTimeoutError)
        code = "TokenEndpointTimeout" if timed_out else "TokenEndpointUnreachable"
    else:
        code = type(error).__name__
    status = getattr(error, "status_code", None)
    transient = isinstance(status, int) and (status == 429 or status in _SERVER_ERRORS)
    return KeyVaultError(
        _K.AUTHENTICATION_FAILED,
        code=code,
        object_name=object_name,
        retryable=transient or (cause is not None and not numbered),
    )


def parse_date(text: str | None) -> float | None:
    """Epoch seconds of a `Date` header; None for one that is absent or makes no sense."""
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None


def is_sent(error: AzureError) -> bool:
    """Tell whether the request of a transport failure may have reached the service."""
    return not _class_names(error.inner_exception) & _NOT_SENT


def _classify(error: Exception) -> tuple[KeyVaultErrorKind, str, str]:
    """Kind, code and our own detail of an exception that is neither ours nor about a token."""
    if isinstance(error, TimeoutError | ServiceRequestTimeoutError | ServiceResponseTimeoutError):
        return _K.TIMEOUT, _timeout_code(error), ""
    if isinstance(error, IncompleteReadError):
        return _K.UNREACHABLE, "ConnectionCut", ""
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return _K.UNREACHABLE, _connection_code(error), ""
    if isinstance(error, ValueError):
        return _K.AUTHENTICATION_FAILED, "ChallengeRejected", "the challenge does not belong to this vault"
    return _K.PROTOCOL, type(error).__name__, ""


def _kind_of(status: int, codes: list[str]) -> KeyVaultErrorKind:
    if status in _SPECIFIC_STATUSES:
        for code in reversed(codes):
            if code in _BY_CODE:
                return _BY_CODE[code]
    if status in _SERVER_ERRORS:
        return _K.SERVER_ERROR
    return _BY_STATUS.get(status, _K.PROTOCOL)


def _parse_error(body: bytes) -> tuple[list[str], str]:
    """Codes from the outer to the innermost, and the message, which is only searched for numbered codes."""
    try:
        error = orjson.loads(body)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return [], ""
    codes: list[str] = []
    node: Any = error
    while isinstance(node, dict) and len(codes) < 5:
        code = node.get("code")
        if isinstance(code, str) and _CODE.fullmatch(code):
            codes.append(code)
        node = node.get("innererror")
    message = error.get("message") if isinstance(error, dict) else None
    return codes, message if isinstance(message, str) else ""


def _parse_request_id(text: str | None) -> str | None:
    return text if text and _REQUEST_ID.fullmatch(text) else None


def _connection_code(error: AzureError) -> str:
    inner = error.inner_exception
    if isinstance(inner, ConnectError):
        found = (code for cause, code in _CONNECT_CAUSES if isinstance(inner.cause, cause))
        return next(found, "ConnectionFailed")
    names = _class_names(inner)
    for name, code in _CONNECT_CODES.items():
        if name in names:
            refused = isinstance(getattr(inner, "os_error", None), ConnectionRefusedError)
            return "ConnectionRefused" if refused else code
    if isinstance(inner, ssl.SSLError):
        return "TlsFailed"
    return "ConnectionCut" if inner is not None else "NotSent"


def _timeout_code(error: Exception) -> str:
    if isinstance(error, ServiceRequestTimeoutError):
        return "ConnectTimeout"
    return "ReadTimeout" if isinstance(error, ServiceResponseTimeoutError) else "TotalTimeout"


def _class_names(error: BaseException | None) -> set[str]:
    return {cls.__name__ for cls in type(error).__mro__}


def _transport_cause(error: BaseException | None) -> BaseException | None:
    """Find the timeout or connection failure at the root of a credential's error."""
    for _ in range(8):
        if error is None or isinstance(error, TimeoutError | ServiceRequestError | ServiceResponseError):
            return error
        error = error.__cause__ or error.__context__
    return None
