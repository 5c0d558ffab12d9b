"""A watch's body as events: one JSON object per line, however the network cuts it."""

from collections.abc import AsyncGenerator
from typing import Any, Final

import aiohttp
import orjson

from vaultbind.kube.error_mapping import Call, parse_exception, parse_not_json, parse_too_large
from vaultbind.kube.errors import KubeError

LARGEST_EVENT: Final = 2**24
"""Bytes of one event: an API server stores objects of a tenth of that."""
_OK: Final = 200


async def read_events(
    call: Call, content: aiohttp.StreamReader, *, largest: int = LARGEST_EVENT
) -> AsyncGenerator[dict[str, Any], None]:
    """Events until the server ends the body; a cut last line is dropped, it comes again.

    Raises KubeError TIMEOUT on silence, UNREACHABLE on a cut connection, SERVER_ERROR on what is no event or
    has more than `largest` bytes.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        async for chunk in content.iter_any():
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                line = b"".join((*pieces, end))
                pieces.clear()
                size = 0
                if line.strip():
                    yield _event(call, line)
            if rest:
                pieces.append(rest)
                size += len(rest)
            if size > largest:
                raise parse_too_large(call, largest)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise parse_exception(call, error) from error


def _event(call: Call, line: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _nonsense(call) from error
    if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
        raise _nonsense(call)
    return event


def _nonsense(call: Call) -> KubeError:
    return parse_not_json(call, _OK)
