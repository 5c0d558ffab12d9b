"""One request over a connection of our own, and its whole answer: the way of nearly all requests (ADR 0031).

Errors are azure-core's, told apart as its own transport does.
"""

import re
from typing import Final

from azure.core.exceptions import (
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest

from vaultbind.http1 import (
    AnswerError,
    ConnectTimeoutError,
    CutError,
    Origin,
    Pool,
    render_request,
    unpack_body,
)
from vaultbind.keyvault.transport.answer import Answer

Route = tuple[str, str]
"""Authority (host and maybe port) and target (path and query) of a URL."""

_URL: Final = re.compile(r"https://([A-Za-z0-9.-]+(?::[0-9]{1,5})?)(/[!\"$-~]*)")
"""Encoded already, without user, fragment or an address of IPv6: what is otherwise is aiohttp's."""
_HTTPS: Final = 443
_REPEATABLE: Final = frozenset({"GET"})
"""Repeated only where a kept connection ends before a byte of the answer. PUT and DELETE are idempotent for
HTTP, but not for Key Vault: a second PUT is a second version."""
_WITHOUT_BODY: Final = frozenset({"GET", "DELETE"})


def route_of(request: HttpRequest) -> Route | None:
    """Where a request goes; None for one that `exchange_directly` cannot send."""
    if request.method == "HEAD" or not isinstance(request.content, bytes | str | None):
        return None  # of a HEAD's answer our parser would wait for the body
    found = _URL.fullmatch(request.url)
    return (found[1], found[2]) if found is not None else None


async def exchange_directly(pool: Pool, request: HttpRequest, route: Route, *, silence: float) -> Answer:
    """Send `request` and read the answer; `silence` is the longest time without a byte, in seconds.

    Redirects are not followed: a token must not go to another host. Raises azure-core's ServiceRequestError
    and ServiceResponseError with `inner_exception` of `vaultbind.http1`, IncompleteReadError when the
    connection ends within the answer.
    """
    authority, target = route
    try:
        answer = await pool.exchange(
            _origin_of(authority),
            _render(request, authority, target),
            silence=silence,
            repeatable=request.method in _REPEATABLE,
        )
        body = unpack_body(answer)
    except ConnectTimeoutError as error:
        raise ServiceRequestTimeoutError(error, error=error) from error
    except TimeoutError as error:
        raise ServiceResponseTimeoutError(error, error=error) from error
    except CutError as error:
        raise IncompleteReadError(error, error=error) from error
    except AnswerError as error:
        raise ServiceResponseError(error, error=error) from error
    except OSError as error:
        raise ServiceRequestError(error, error=error) from error
    return Answer(request, status=answer.status, headers=answer.headers(), body=body, reason=answer.reason)


def _origin_of(authority: str) -> Origin:
    host, _, port = authority.partition(":")
    return Origin(host, int(port) if port else _HTTPS)


def _render(request: HttpRequest, authority: str, target: str) -> bytes:
    content = request.content
    body = content.encode() if isinstance(content, str) else content
    if body is None and request.method not in _WITHOUT_BODY:
        body = b""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _OURS}
    return render_request(request.method, target, host=authority, headers=headers, body=body)


_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})
"""Headers that say how a message is framed: whoever sends it sets them."""
