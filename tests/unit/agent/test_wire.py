import pytest

from vaultbind.agent.wire import AnswerError, parse_answer


def test_an_answer() -> None:
    answer = parse_answer(b"HTTP/1.0 429 Too Many\r\nRetry-After: 7\r\ncontent-length: 2\r\n\r\n{}")

    assert (answer.status, answer.body) == (429, b"{}")
    assert answer.headers == {"retry-after": "7", "content-length": "2"}


def test_an_answer_without_length_ends_with_its_connection() -> None:
    assert parse_answer(b"HTTP/1.1 200\r\n\r\na\r\n\r\nb").body == b"a\r\n\r\nb"


NONE = {
    "nothing": b"",
    "no end of the head": b"HTTP/1.0 200 OK\r\nA: b\r\n",
    "another protocol": b"SSH-2.0\r\n\r\n",
    "no status": b"HTTP/1.0\r\n\r\n",
    "no number": b"HTTP/1.0 OK fine\r\n\r\n",
    "a body that was cut": b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}",
}


@pytest.mark.parametrize("raw", NONE.values(), ids=NONE)
def test_no_answer(raw: bytes) -> None:
    with pytest.raises(AnswerError):
        parse_answer(raw)
