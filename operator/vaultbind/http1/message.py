"""Requests as bytes, answers as they came."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from vaultbind.http1.errors import AnswerError, RequestError

LARGEST_ANSWER: Final = 2**26
"""Bytes of an answer that we take, as it comes and unpacked: none of a vault is a hundredth of that."""
_EITHER_FORMAT: Final = 32 + zlib.MAX_WBITS
"""gzip or zlib, whichever the first bytes say."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """Status, headers and whole body. Its repr leaves out all but the status: there may be a secret."""

    status: int
    reason: str
    raw_headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"

    def headers(self) -> Iterable[tuple[str, str]]:
        """Names and values, in order, as text."""
        for name, value in self.raw_headers:
            yield name.decode("latin-1"), value.decode("latin-1")

    def header(self, name: str) -> str | None:
        """First value of a header, found without case; None where there is none."""
        wanted = name.lower().encode("latin-1")
        for key, value in self.raw_headers:
            if len(key) == len(wanted) and key.lower() == wanted:
                return value.decode("latin-1")
        return None


def render_request(
    method: str, target: str, *, host: str, headers: Mapping[str, str], body: bytes | None = None
) -> bytes:
    """Bytes of one request. `target` is the path with its query, encoded; `host` the header's value.

    Content-Length is added where there is a body. Raises `RequestError` for what would be other lines than
    these, or is no Latin-1.
    """
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    text = "\r\n".join(lines)
    if " " in target or text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise RequestError("a space in the path, or a line break in it or in a header")
    try:
        head = f"{text}\r\n\r\n".encode("latin-1")
    except UnicodeEncodeError:
        raise RequestError("a character in the path or in a header that HTTP cannot carry") from None
    return head + body if body else head


def unpack_body(answer: Answer) -> bytes:
    """Body as it was before a proxy compressed it, though nobody had asked for that.

    Raises `AnswerError` for what cannot be unpacked or grows beyond `LARGEST_ANSWER`.
    """
    encoding = (answer.header("Content-Encoding") or "identity").lower()
    if encoding == "identity":
        return answer.body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise AnswerError("an answer in an encoding that nobody has asked for")
    unpacking = zlib.decompressobj(_EITHER_FORMAT)
    try:
        body = unpacking.decompress(answer.body, LARGEST_ANSWER)
    except zlib.error:
        raise AnswerError("an answer that cannot be unpacked") from None
    if not unpacking.eof or unpacking.unconsumed_tail:
        raise AnswerError("an answer that is cut or too large")
    return body
