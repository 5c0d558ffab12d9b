"""Which requests go straight, and what their ends are called."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import (
    AzureError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest

from vaultbind.http1 import (
    Answer,
    AnswerError,
    ConnectError,
    ConnectTimeoutError,
    CutError,
    NoAnswerError,
    Origin,
    Pool,
)
from vaultbind.keyvault.transport.direct import exchange_directly, route_of
from vaultbind.keyvault.transport.failures import is_sent, map_exception

ROUTES: dict[str, tuple[str, tuple[str, str] | None]] = {
    "a secret": ("https://a.vault.azure.net/secrets/db?v=1", ("a.vault.azure.net", "/secrets/db?v=1")),
    "with a port": ("https://a.vault.localhost:8443/", ("a.vault.localhost:8443", "/")),
    "an encoded letter": ("https://a.example/x%20y?$skiptoken=a%3D", ("a.example", "/x%20y?$skiptoken=a%3D")),
    "not by TLS": ("http://169.254.169.254/metadata", None),
    "an address of IPv6": ("https://[::1]/", None),
    "a user": ("https://me:word@a.example/", None),
    "a fragment": ("https://a.example/x#y", None),
    "no path": ("https://a.example?x", None),
    "a space": ("https://a.example/x y", None),
    "a line break": ("https://a.example/x\r\ny", None),
    "a letter that is not encoded": ("https://a.example/ä", None),
    "a host that is no name": ("https://a_b.example%0a/", None),
}


@pytest.mark.parametrize(("url", "route"), ROUTES.values(), ids=ROUTES)
def test_routes(url: str, route: tuple[str, str] | None) -> None:
    request = HttpRequest("GET", "https://a.example/")
    request.url = url

    assert route_of(request) == route


def test_what_asks_for_a_head_only_does_not_go_straight() -> None:
    assert route_of(HttpRequest("HEAD", "https://a.example/")) is None


def test_an_upload_of_a_file_does_not_go_straight() -> None:
    assert route_of(HttpRequest("POST", "https://a.example/", content=iter([b"x"]))) is None


class Line(Pool):
    """A pool that notes what it is given, and answers or raises as told."""

    def __init__(self, end: Answer | BaseException) -> None:
        self.end = end
        self.asked: tuple[Any, ...] = ()

    async def exchange(
        self,
        origin: Origin,
        request: bytes,
        *,
        silence: float | None = None,
        repeatable: bool = False,
        check: Callable[[], None] | None = None,
    ) -> Answer:
        assert check is None
        self.asked = (origin, request, silence, repeatable)
        if isinstance(self.end, BaseException):
            raise self.end
        return self.end


async def send(line: Line, request: HttpRequest) -> Any:
    route = route_of(request)
    assert route is not None
    return await exchange_directly(line, request, route, silence=7.0)


GOOD = Answer(status=200, reason="OK", raw_headers=((b"Date", b"x"),), body=b"{}")
TAIL = b" HTTP/1.1\r\nHost: a.example\r\n"
REQUESTS: dict[str, tuple[HttpRequest, bytes, bool]] = {
    "get": (HttpRequest("GET", "https://a.example/b"), b"GET /b" + TAIL + b"\r\n", True),
    "delete": (HttpRequest("DELETE", "https://a.example/b"), b"DELETE /b" + TAIL + b"\r\n", False),
    "post without a body": (
        HttpRequest("POST", "https://a.example/b"),
        b"POST /b" + TAIL + b"Content-Length: 0\r\n\r\n",
        False,
    ),
    "post of text": (
        HttpRequest("POST", "https://a.example/b", content="ä", headers={"Content-Type": "x"}),
        b"POST /b" + TAIL + b"Content-Type: x\r\nContent-Length: 2\r\n\r\n\xc3\xa4",
        False,
    ),
    "put of bytes": (
        HttpRequest("PUT", "https://a.example/b", content=b"{}", headers={"Content-Type": "x"}),
        b"PUT /b" + TAIL + b"Content-Type: x\r\nContent-Length: 2\r\n\r\n{}",
        False,
    ),
    "framing that somebody else has set": (
        HttpRequest("GET", "https://a.example/b", headers={"content-length": "9", "HOST": "other", "X": "y"}),
        b"GET /b" + TAIL + b"X: y\r\n\r\n",
        True,
    ),
}


@pytest.mark.parametrize(("request_", "sent", "repeatable"), REQUESTS.values(), ids=REQUESTS)
async def test_what_is_sent(request_: HttpRequest, sent: bytes, repeatable: bool) -> None:
    line = Line(GOOD)
    answer = await send(line, request_)

    assert line.asked == (Origin("a.example", 443), sent, 7.0, repeatable)
    assert (answer.status_code, answer.reason, answer.content) == (200, "OK", b"{}")
    assert answer.headers["date"] == "x"


FAILURES: dict[str, tuple[Exception, type[AzureError], str, bool]] = {
    "connecting takes too long": (ConnectTimeoutError(), ServiceRequestTimeoutError, "ConnectTimeout", False),
    "silence": (TimeoutError(), ServiceResponseTimeoutError, "ReadTimeout", True),
    "nobody listens": (
        ConnectError(ConnectionRefusedError()),
        ServiceRequestError,
        "ConnectionRefused",
        False,
    ),
    "no such name": (ConnectError(socket.gaierror()), ServiceRequestError, "NameNotResolved", False),
    "a foreign certificate": (
        ConnectError(ssl.SSLCertVerificationError()),
        ServiceRequestError,
        "CertificateUntrusted",
        False,
    ),
    "another TLS": (ConnectError(ssl.SSLError()), ServiceRequestError, "TlsFailed", False),
    "no way there": (ConnectError(OSError()), ServiceRequestError, "ConnectionFailed", False),
    "an end before an answer": (NoAnswerError(), ServiceRequestError, "ConnectionCut", True),
    "an end within the answer": (CutError(), IncompleteReadError, "ConnectionCut", True),
    "no HTTP": (AnswerError(), ServiceResponseError, "ConnectionCut", True),
    "TLS that breaks off": (ssl.SSLError(), ServiceRequestError, "TlsFailed", True),
}


@pytest.mark.parametrize(("raised", "error", "code", "sent"), FAILURES.values(), ids=FAILURES)
async def test_failures(raised: Exception, error: type[AzureError], code: str, sent: bool) -> None:
    with pytest.raises(AzureError) as caught:
        await send(Line(raised), HttpRequest("GET", "https://a.example/b"))

    assert type(caught.value) is error
    assert caught.value.inner_exception is raised
    assert map_exception(caught.value, object_name="db").code == code
    assert is_sent(caught.value) is sent
