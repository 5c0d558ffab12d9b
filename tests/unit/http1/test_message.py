import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.http1 import Answer, AnswerError, RequestError, render_request, unpack_body
from vaultbind.http1 import message as message_module


def answer(body: bytes = b"", *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status=200, reason="OK", raw_headers=headers, body=body)


def test_a_request_without_a_body() -> None:
    sent = render_request("GET", "/a?b=c", host="api:6443", headers={"Accept": "x"})

    assert sent == b"GET /a?b=c HTTP/1.1\r\nHost: api:6443\r\nAccept: x\r\n\r\n"


@pytest.mark.parametrize("body", [b"", b"{}", b"\r\n\r\nGET / HTTP/1.1"])
def test_a_body_is_framed_by_its_length(body: bytes) -> None:
    sent = render_request("POST", "/a", host="h", headers={}, body=body)

    assert sent == b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


SMUGGLED = {
    "a line in the path": {"target": "/a\r\nX: y"},
    "a bare line feed in the path": {"target": "/a\nX: y"},
    "a space in the path": {"target": "/a b"},
    "a line in a header": {"headers": {"Authorization": "Bearer a\r\nX: y"}},
    "a bare carriage return in a header": {"headers": {"Authorization": "Bearer a\rX: y"}},
    "a line in a header's name": {"headers": {"A\r\nX": "y"}},
    "a line in the host": {"host": "h\r\nX: y"},
    "a line in the method": {"method": "GET / HTTP/1.1\r\nX: y\r\n"},
    "a letter that HTTP does not have": {"headers": {"Authorization": "Bearer \u0431"}},
}


@pytest.mark.parametrize("part", SMUGGLED.values(), ids=SMUGGLED)
def test_what_would_be_another_request_is_not_sent(part: dict[str, object]) -> None:
    good: dict[str, object] = {"method": "GET", "target": "/a", "host": "h", "headers": {}}
    method = str({**good, **part}.pop("method"))
    given_ = {**good, **part}
    with pytest.raises(RequestError) as caught:
        render_request(
            method,
            str(given_["target"]),
            host=str(given_["host"]),
            headers=given_["headers"],  # type: ignore[arg-type]
        )
    assert "Bearer" not in str(caught.value)


@given(target=st.text(), name=st.text(), value=st.text(), body=st.none() | st.binary())
def test_a_request_has_the_lines_that_it_should_have(
    target: str, name: str, value: str, body: bytes | None
) -> None:
    try:
        sent = render_request("PATCH", target, host="h", headers={name: value}, body=body)
    except RequestError:
        return
    head, _, rest = sent.partition(b"\r\n\r\n")
    assert rest == (body or b"")
    assert len(head.split(b"\r\n")) == (3 if body is None else 4)
    assert b"\n" not in head.replace(b"\r\n", b"")


def test_headers_are_found_without_case() -> None:
    given_ = answer(b"", (b"Retry-After", b"1"), (b"RETRY-AFTER", b"2"), (b"x", b"\xe4"))

    assert (given_.header("retry-after"), given_.header("date")) == ("1", None)
    assert list(given_.headers())[-1] == ("x", "\u00e4")


def test_an_answer_shows_no_body() -> None:
    assert repr(answer(b"aHVudGVyMg==", (b"a", b"b"))) == "Answer(200)"


PACKED = {
    "as it is": (b"", b"text"),
    "said to be as it is": (b"identity", b"text"),
    "gzip": (b"gzip", gzip.compress(b"text")),
    "gzip by its old name": (b"X-GZIP", gzip.compress(b"text")),
    "deflate": (b"deflate", zlib.compress(b"text")),
}


@pytest.mark.parametrize(("encoding", "body"), PACKED.values(), ids=PACKED)
def test_unpack(encoding: bytes, body: bytes) -> None:
    headers = [(b"content-encoding", encoding)] if encoding else []

    assert unpack_body(answer(body, *headers)) == b"text"


BROKEN = {
    "not gzip": (b"gzip", b"text"),
    "cut": (b"gzip", gzip.compress(b"text" * 100)[:-9]),
    "empty": (b"gzip", b""),
    "a bomb": (b"gzip", gzip.compress(b"0" * 5000)),
    "an encoding that we do not speak": (b"br", b"text"),
    "two of them": (b"gzip, gzip", gzip.compress(gzip.compress(b"text"))),
}


@pytest.mark.parametrize(("encoding", "body"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_unpacked(encoding: bytes, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_module, "LARGEST_ANSWER", 4096)
    with pytest.raises(AnswerError):
        unpack_body(answer(body, (b"Content-Encoding", encoding)))
