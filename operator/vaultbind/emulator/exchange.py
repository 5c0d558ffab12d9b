"""Requests and answers on the wire: bodies within limits, answers whole, late, cut or not at all."""

import asyncio

from aiohttp import web

from vaultbind.keyvault.simulation import ApiResponse, Ending, Reply


class BodyError(Exception):
    """A body that cannot be taken: `status` and a sentence for the answer."""

    def __init__(self, status: int, text: str) -> None:
        """Keep both."""
        super().__init__(text)
        self.status = status


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """Body of a request of at most `limit` bytes; raises BodyError."""
    blocks, size = [], 0
    try:
        async for block in request.content.iter_any():
            size += len(block)
            if size > limit:
                raise BodyError(413, f"the body has more than {limit} bytes")
            blocks.append(block)
    except web.RequestPayloadError:
        raise BodyError(400, "the body is not encoded as its headers say") from None
    return b"".join(blocks)


async def send_reply(request: web.BaseRequest, reply: Reply, delay: float) -> web.StreamResponse:
    """Send an answer after `delay` seconds, or end the connection as its fault says."""
    if delay > 0:
        await asyncio.sleep(delay)
    if reply.ending is Ending.WHOLE:
        return respond(reply.response)
    transport = request.transport
    if reply.ending is Ending.CUT:
        await _send_half(request, reply.response)
        if transport is not None:
            transport.close()  # flushes first: the half arrives
    elif transport is not None:
        transport.abort()
    return web.Response()


async def _send_half(request: web.BaseRequest, response: ApiResponse) -> None:
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(response.body)
    await stream.prepare(request)
    await stream.write(response.body[: len(response.body) // 2])


def respond(response: ApiResponse) -> web.Response:
    """Answer of aiohttp for one of ours."""
    return web.Response(status=response.status, headers=response.headers, body=response.body)
