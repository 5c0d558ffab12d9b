from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.api.binding import Decode
from vaultbind.rendering.decode import decode_text

CASES: dict[str, tuple[Decode, str, bytes | None]] = {
    "none keeps all": (Decode.NONE, " aGk=\n", b" aGk=\n"),
    "none is UTF-8": (Decode.NONE, "ü€", "ü€".encode()),
    "none of a lone surrogate": (Decode.NONE, "x\ud800", None),
    "base64": (Decode.BASE64, "+/+/aGk=", b"\xfb\xff\xbfhi"),
    "base64 without padding": (Decode.BASE64, "aGk", b"hi"),
    "base64 in lines": (Decode.BASE64, " aG\r\nk=\n", b"hi"),
    "base64 of nothing": (Decode.BASE64, "", b""),
    "base64 of one letter": (Decode.BASE64, "a", None),
    "base64 with too little padding": (Decode.BASE64, "aA=", None),
    "base64 with too much padding": (Decode.BASE64, "aGk==", None),
    "base64 with padding inside": (Decode.BASE64, "aA==aGk=", None),
    "base64 in the other alphabet": (Decode.BASE64, "-_-_", None),
    "base64 of other letters": (Decode.BASE64, "hunter2!", None),
    "base64 of letters beyond ASCII": (Decode.BASE64, "äöüß", None),
    "base64url": (Decode.BASE64URL, "-_-_aGk=", b"\xfb\xff\xbfhi"),
    "base64url without padding": (Decode.BASE64URL, "aGk", b"hi"),
    "base64url in the other alphabet": (Decode.BASE64URL, "+/+/", None),
    "hex": (Decode.HEX, "00ff\nAb", b"\x00\xff\xab"),
    "hex of an odd length": (Decode.HEX, "abc", None),
    "hex of other letters": (Decode.HEX, "0g", None),
    "hex of nothing": (Decode.HEX, "", b""),
    "auto base64": (Decode.AUTO, "aGk=\n", b"hi"),
    "auto base64url": (Decode.AUTO, "-_-_", b"\xfb\xff\xbf"),
    "auto guesses words of four letters": (Decode.AUTO, "password", b"\xa5\xab,\xc2\x8a\xdd"),
    "auto without padding": (Decode.AUTO, "aGk", b"aGk"),
    "auto in lines": (Decode.AUTO, "aGkh\naGkh", b"aGkh\naGkh"),
    "auto of both alphabets": (Decode.AUTO, "+_+_", b"+_+_"),
    "auto that encodes differently": (Decode.AUTO, "aGl=", b"aGl="),
    "auto of a sentence": (Decode.AUTO, "p@ss", b"p@ss"),
    "auto of nothing": (Decode.AUTO, "", b""),
    "auto of space": (Decode.AUTO, "  ", b"  "),
    "auto of a lone surrogate": (Decode.AUTO, "\ud800", None),
}


@pytest.mark.parametrize(("how", "text", "expected"), CASES.values(), ids=CASES.keys())
def test_text_to_bytes(how: Decode, text: str, expected: bytes | None) -> None:
    assert decode_text(text, how) == expected


@given(st.binary())
def test_what_was_encoded_comes_back(data: bytes) -> None:
    standard, url = b64encode(data).decode(), urlsafe_b64encode(data).decode()
    assert decode_text(standard, Decode.BASE64) == data
    assert decode_text(standard.rstrip("="), Decode.BASE64) == data
    assert decode_text(url, Decode.BASE64URL) == data
    assert decode_text(standard, Decode.AUTO) == data
    assert decode_text(url, Decode.AUTO) == data
    assert decode_text(data.hex(" "), Decode.HEX) == data


@given(st.text(), st.sampled_from(Decode))
def test_no_text_raises(text: str, how: Decode) -> None:
    decoded = decode_text(text, how)
    assert how not in {Decode.NONE, Decode.AUTO} or decoded is not None


@given(st.text(alphabet="ab+/-_=", max_size=9))
def test_auto_takes_only_what_decodes_strictly(text: str) -> None:
    decoded = decode_text(text, Decode.AUTO)
    strict = (decode_text(text, Decode.BASE64), decode_text(text, Decode.BASE64URL))
    assert decoded == text.encode() or decoded in strict
