"""HTTP/1.1 for calls that are short, many and alike: whole requests, whole answers, connections kept.

A general client costs a process that does nothing but call two servers a quarter of its CPU (ADR 0031).
Streams, proxies, redirects, cookies and compression stay with aiohttp.
"""

from vaultbind.http1.errors import (
    AnswerError,
    ConnectError,
    ConnectTimeoutError,
    CutError,
    HttpError,
    NoAnswerError,
    RequestError,
    TooLargeError,
)
from vaultbind.http1.message import LARGEST_ANSWER, Answer, render_request, unpack_body
from vaultbind.http1.pool import Origin, Pool

__all__ = [
    "LARGEST_ANSWER",
    "Answer",
    "AnswerError",
    "ConnectError",
    "ConnectTimeoutError",
    "CutError",
    "HttpError",
    "NoAnswerError",
    "Origin",
    "Pool",
    "RequestError",
    "TooLargeError",
    "render_request",
    "unpack_body",
]
