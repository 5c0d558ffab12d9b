"""One GET over TLS, in the little of HTTP that the broker speaks.

The standard library's client would be a sixth of the agent's memory. HTTP/1.0 it is: an answer ends with its
connection, and nobody may send it in chunks.
"""

import socket
import ssl

_PIECE = 65_536


class AnswerError(Exception):
    """What came is no answer."""


class Answer:
    """Status, headers by lower-case name, body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def fetch(
    host: str,
    port: int,
    path: str,
    headers: dict[str, str],
    *,
    tls: ssl.SSLContext,
    timeout: float,
    most: int,
) -> Answer:
    """Send the request and read the answer, at most `most` bytes; `timeout` is seconds for each step.

    Raises OSError (of which ssl.SSLError and TimeoutError are some), AnswerError.
    """
    lines = [f"GET {path} HTTP/1.0", f"Host: {host}:{port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with (
        socket.create_connection((host, port), timeout) as plain,
        tls.wrap_socket(plain, server_hostname=host) as wire,
    ):
        wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        return parse_answer(_read(wire, most))


def _read(wire: ssl.SSLSocket, most: int) -> bytes:
    pieces: list[bytes] = []
    left = most
    while left > 0 and (piece := wire.recv(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def parse_answer(raw: bytes) -> Answer:
    """Split an answer. Raises AnswerError where it is none, or shorter than it says."""
    head, found, body = raw.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    words = start.split(" ", 2)
    if not found or not words[0].startswith("HTTP/") or len(words) < 2 or not words[1].isdecimal():
        raise AnswerError("no answer in HTTP")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = headers.get("content-length", str(len(body)))
    if length != str(len(body)):
        raise AnswerError("the answer was cut")
    return Answer(int(words[1]), headers, body)
