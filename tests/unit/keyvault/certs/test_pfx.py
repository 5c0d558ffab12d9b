"""PFX files: read in parts they give what the library's reader gives, and RSA keys are not proven anew."""

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.keyvault.certs import pfx
from vaultbind.keyvault.certs.der import element, inside, items
from vaultbind.keyvault.certs.pfx import PfxContent, parse_pfx

WRITTEN_BY = Path(__file__).parent / "written_by"
WITH_KEY = ["java17", "java8", "nomac", "openssl11", "openssl3", "rsa3des", "rsaaes", "windows_3des"]
KEYLESS = "nokey"
SAFE_CONTENTS_BAG = bytes.fromhex("060b2a864886f70d010c0a0106")

BER_WARNS = pytest.mark.filterwarnings("ignore:PKCS#12 bundle could not be parsed as DER")
"""The library reads BER, too, and says that it will not do so for ever."""


def written_by(program: str) -> bytes:
    return b64decode((WRITTEN_BY / f"{program}.txt").read_text())


def content_of(found: PfxContent | None) -> tuple[set[bytes], list[bytes]]:
    assert found is not None
    form = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    certificates = {certificate.public_bytes(Encoding.DER) for certificate in found.certificates}
    return certificates, [key.private_bytes(*form) for key in found.private_keys]


@pytest.fixture
def keys_seen(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the library's reader came upon a key, call by call."""
    seen: list[bool] = []
    original: Callable[..., Any] = pkcs12.load_pkcs12

    def load(*args: Any) -> Any:
        store = original(*args)
        seen.append(store.key is not None)
        return store

    monkeypatch.setattr(pkcs12, "load_pkcs12", load)
    return seen


@pytest.mark.parametrize("program", [*WITH_KEY, KEYLESS])
def test_in_parts_and_whole_give_the_same(program: str) -> None:
    der = written_by(program)
    whole = content_of(pfx._parse_whole(der))
    assert content_of(pfx._parse_parted(der)) == whole == content_of(parse_pfx(der))
    assert len(whole[1]) == (program != KEYLESS)


@pytest.mark.parametrize("program", WITH_KEY)
def test_the_library_never_proves_a_key_of_a_usual_file(program: str, keys_seen: list[bool]) -> None:
    assert parse_pfx(written_by(program)) is not None
    assert keys_seen == [False]


def test_a_key_in_an_unusual_place_is_left_to_the_library(keys_seen: list[bool]) -> None:
    original = written_by("nomac")
    der = nested(original)
    assert content_of(parse_pfx(der)) == content_of(parse_pfx(original))
    assert True in keys_seen


def nested(der: bytes) -> bytes:
    """The file with the safe of its key packed into another safe."""
    version, info, *_ = items(inside(der))
    kind, explicit = items(inside(info))
    safes = []
    for safe in items(inside(inside(inside(explicit)))):
        _, content = items(inside(safe))
        inner = inside(inside(content))
        bag = element(0x30, SAFE_CONTENTS_BAG, element(0xA0, inner))
        safes.append(pfx._safe(element(0x30, bag)))
    return element(0x30, version, element(0x30, kind, pfx._wrapped(element(0x30, *safes))))


@BER_WARNS
def test_a_file_of_indefinite_length_is_left_to_the_library(keys_seen: list[bool]) -> None:
    der = written_by("openssl3")
    ber = b"\x30\x80" + inside(der) + b"\0\0"
    assert content_of(parse_pfx(ber)) == content_of(parse_pfx(der))
    assert keys_seen == [True, False]  # the second is of the usual form


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 70_000])
def test_an_element_is_read_as_written(size: int) -> None:
    written = element(0x04, bytes(size))
    assert inside(written) == bytes(size)
    assert list(items(written + written)) == [written, written]
    with pytest.raises(ValueError, match="cut off"):
        inside(written[:-1])


@BER_WARNS
@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x00", written_by("password")], ids=len)
def test_what_is_no_pfx_without_password(der: bytes) -> None:
    assert parse_pfx(der) is None


@pytest.mark.filterwarnings("ignore")  # of odd serial numbers and what else damage brings
@given(st.sampled_from(["openssl3", "nomac"]), st.data())
def test_damage_is_never_more_than_none(program: str, data: st.DataObject) -> None:
    der = bytearray(written_by(program))
    at = data.draw(st.integers(0, len(der) - 1))
    der[at] ^= data.draw(st.integers(1, 255))
    found = parse_pfx(bytes(der))
    assert found is None or isinstance(found, PfxContent)


def test_repr_shows_no_key() -> None:
    assert "private_keys" not in repr(parse_pfx(written_by("nomac")))
