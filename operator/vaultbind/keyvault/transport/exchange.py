"""One request over an aiohttp session, and its whole answer: azure-core's AioHttpTransport for one case.

Errors are azure-core's, told apart as azure-core's own transport does (ADR 0020).
"""

from typing import Final

import aiohttp
from azure.core.exceptions import (
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest

from vaultbind.http1 import LARGEST_ANSWER, AnswerError, TooLargeError
from vaultbind.keyvault.transport.answer import Answer

_NO_BODY = ("Content-Type",)
"""What aiohttp must not make up for a request that has no body."""

_READS: Final = frozenset({"GET", "HEAD"})


async def send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Middleware of the session: what may have arrived and changes something is not sent again.

    aiohttp repeats PUT and DELETE over another connection where a kept one ends, and a second PUT is a second
    version. Raises a ClientConnectionError that it does not know instead.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method in _READS:
            raise
        raise aiohttp.ClientConnectionError("the connection ended before an answer") from error


async def exchange(session: aiohttp.ClientSession, request: HttpRequest, *, proxy: str | None) -> Answer:
    """Send `request`, whose content is bytes, text or None, and read the answer.

    Redirects are not followed: a token must not go to another host. Raises azure-core's ServiceRequestError
    and ServiceResponseError with aiohttp's exception as `inner_exception`, IncompleteReadError when the
    connection ends within the body. A body has `LARGEST_ANSWER` bytes at most.
    """
    content = request.content
    try:
        response = await session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=content,
            skip_auto_headers=_NO_BODY if content is None else None,
            allow_redirects=False,
            proxy=proxy,
        )
        body = await _read(response)
    except AnswerError as error:
        raise ServiceResponseError(error, error=error) from error
    except aiohttp.ClientPayloadError as error:
        raise IncompleteReadError(error, error=error) from error
    except aiohttp.ClientResponseError as error:
        raise ServiceResponseError(error, error=error) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise ServiceRequestTimeoutError(error, error=error) from error
    except TimeoutError as error:
        raise ServiceResponseTimeoutError(error, error=error) from error
    except aiohttp.ClientError as error:
        raise ServiceRequestError(error, error=error) from error
    return Answer(
        request,
        status=response.status,
        headers=response.headers.items(),
        body=body,
        reason=response.reason or "",
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, unpacked; raises TooLargeError for one that is larger than any of ours."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > LARGEST_ANSWER:
            response.close()
            raise TooLargeError(LARGEST_ANSWER)
    return b"".join(parts)


def is_plain(request: object) -> bool:
    """Tell whether `exchange` can send it: azure-core's older requests and uploads of files it cannot."""
    return isinstance(request, HttpRequest) and isinstance(request.content, bytes | str | None)
