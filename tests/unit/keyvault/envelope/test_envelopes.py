"""Envelopes: the documented bytes, taken apart by hand, and everything that must not decrypt."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from vaultbind.keyvault import KeyVaultClient, KeyVaultConfig, read_envelope_header
from vaultbind.keyvault.envelope.envelopes import Envelopes
from vaultbind.keyvault.envelope.form import EnvelopeHeader, parse_header, render_header
from vaultbind.keyvault.envelope.segments import (
    MAX_SEGMENTS,
    decrypt_segments,
    encrypt_segments,
    nonce_of,
)
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.simulation import Estate
from vaultbind.keyvault.simulation.transport import SimulatedCredential, SimulatedTransport
from vaultbind.keyvault.types.crypto import KeyWrapAlgorithm, UnwrapResult, WrapResult
from vaultbind.keyvault.types.key import Key

VAULT = "https://shop.vault.azure.net"
SEGMENT = 1 << 16
SMALL = EnvelopeHeader(
    key_id=f"{VAULT}/keys/orders/{'0' * 32}",
    algorithm="RSA-OAEP-256",
    wrapped_key=b"wrapped",
    prefix=b"prefix!",
    segment_bits=12,
)


class Wrapper:
    """A vault whose wrapping is a XOR; notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.content_key = b""

    async def wrap_key(
        self, key: str | Key, algorithm: KeyWrapAlgorithm, key_bytes: bytes, *, version: str = ""
    ) -> WrapResult:
        assert isinstance(key, str)
        self.asked.append(("wrap", key, version))
        self.content_key = key_bytes
        wrapped = bytes(byte ^ 0x5A for byte in key_bytes)
        key_id = f"{VAULT}/keys/{key}/{version or 'latest'}"
        return WrapResult(key_id=key_id, algorithm=algorithm, encrypted_key=wrapped)

    async def unwrap_key(
        self, key: str | Key, algorithm: KeyWrapAlgorithm, encrypted_key: bytes, *, version: str = ""
    ) -> UnwrapResult:
        assert isinstance(key, str)
        self.asked.append(("unwrap", key, version))
        plain = bytes(byte ^ 0x5A for byte in encrypted_key)
        return UnwrapResult(key_id=f"{VAULT}/keys/{key}/{version}", algorithm=algorithm, key=plain)


@pytest.fixture
def wrapper() -> Wrapper:
    return Wrapper()


@pytest.fixture
def envelopes(wrapper: Wrapper) -> Envelopes:
    return Envelopes(wrapper, VAULT)


async def test_the_documented_bytes(envelopes: Envelopes, wrapper: Wrapper) -> None:
    """Decrypts by the page alone, without any code of ours."""
    plaintext = bytes(range(256)) * 300
    data = await envelopes.encrypt("orders", plaintext, version="7", aad=b"report 7")

    assert data[:7] == b"VBEN" + bytes((1, 1, 16))
    prefix, offset, fields = data[7:14], 14, []
    for _ in range(3):
        length = int.from_bytes(data[offset : offset + 2], "big")
        fields.append(data[offset + 2 : offset + 2 + length])
        offset += 2 + length
    key_id, algorithm, wrapped = fields
    assert (key_id, algorithm) == (f"{VAULT}/keys/orders/7".encode(), b"RSA-OAEP-256")
    assert bytes(byte ^ 0x5A for byte in wrapped) == wrapper.content_key
    bound = hashlib.sha256(offset.to_bytes(8, "big") + data[:offset] + b"report 7").digest()
    first, last = data[offset : offset + SEGMENT + 16], data[offset + SEGMENT + 16 :]
    cipher = AESGCM(wrapper.content_key)
    found = cipher.decrypt(prefix + b"\0\0\0\0" + b"\0", first, bound)
    found += cipher.decrypt(prefix + b"\0\0\0\1" + b"\1", last, bound)

    assert found == plaintext


SIZES = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT]


@pytest.mark.parametrize("size", SIZES)
async def test_there_and_back(envelopes: Envelopes, wrapper: Wrapper, size: int) -> None:
    plaintext = b"x" * size
    data = await envelopes.encrypt("orders", plaintext, version="7")

    assert await envelopes.decrypt(data) == plaintext
    assert wrapper.asked == [("wrap", "orders", "7"), ("unwrap", "orders", "7")], "one request each"
    header = read_envelope_header(data)
    assert (header.vault_url, header.key_name, header.key_version) == (VAULT, "orders", "7")
    assert len(data) == len(render_header(header)) + size + 16 * max(1, -(-size // SEGMENT))


async def test_two_envelopes_of_one_text_have_nothing_in_common(envelopes: Envelopes) -> None:
    first, second = [await envelopes.encrypt("orders", b"x" * 64) for _ in range(2)]

    assert first[7:14] != second[7:14]
    assert first[-80:] != second[-80:]


@settings(max_examples=60)
@given(
    plaintext=st.binary(max_size=3 * 4096),
    aad=st.binary(max_size=20),
    pieces=st.lists(st.integers(1, 5000), min_size=1),
)
def test_segments_come_back_whole_however_the_stream_is_cut(
    plaintext: bytes, aad: bytes, pieces: list[int]
) -> None:
    sealed = b"".join(encrypt_segments(SMALL, b"k" * 32, Trickle(plaintext, pieces), aad))

    assert b"".join(decrypt_segments(SMALL, b"k" * 32, Trickle(sealed, pieces), aad)) == plaintext


class Trickle:
    """A stream that gives less than it is asked for, like a pipe."""

    def __init__(self, data: bytes, pieces: list[int]) -> None:
        self._data = io.BytesIO(data)
        self._pieces = pieces
        self._count = 0

    def read(self, size: int, /) -> bytes:
        self._count += 1
        return self._data.read(min(size, self._pieces[self._count % len(self._pieces)]))


def seal(size: int = 3 * 4096, aad: bytes = b"") -> bytes:
    content = b"".join(encrypt_segments(SMALL, b"k" * 32, io.BytesIO(b"p" * size), aad))
    return render_header(SMALL) + content


HEADER = len(render_header(SMALL))
PIECE = 4096 + 16
WHOLE = seal()
SEGMENTS = [WHOLE[HEADER + i * PIECE : HEADER + (i + 1) * PIECE] for i in range(3)]
HEAD = WHOLE[:HEADER]
BROKEN = [
    ("a segment less", HEAD + SEGMENTS[0] + SEGMENTS[1]),
    ("only the header", HEAD),
    ("a byte less", WHOLE[:-1]),
    ("a byte more", WHOLE + b"x"),
    ("a segment more", WHOLE + SEGMENTS[2]),
    ("segments in another order", HEAD + SEGMENTS[1] + SEGMENTS[0] + SEGMENTS[2]),
    ("a segment twice", HEAD + SEGMENTS[0] + SEGMENTS[0] + SEGMENTS[1] + SEGMENTS[2]),
    ("a segment of another envelope", HEAD + SEGMENTS[0] + seal(aad=b"x")[HEADER + PIECE :]),
]


def unseal(data: bytes, key: bytes = b"k" * 32, aad: bytes = b"") -> bytes:
    header, length = parse_header(data)
    return b"".join(decrypt_segments(header, key, io.BytesIO(data[length:]), aad))


@pytest.mark.parametrize("data", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_was_changed_does_not_decrypt(data: bytes) -> None:
    assert unseal(WHOLE) == b"p" * 3 * 4096

    with pytest.raises(KeyVaultError) as caught:
        unseal(data)
    assert (caught.value.kind, caught.value.code) == (KeyVaultErrorKind.VALIDATION, "EnvelopeBroken")
    assert caught.value.__context__ is None


@settings(max_examples=200)
@given(st.integers(0, HEADER + PIECE), st.integers(0, 7))
def test_no_bit_of_header_or_content_can_be_changed(position: int, bit: int) -> None:
    data = bytearray(WHOLE)
    data[position] ^= 1 << bit

    with pytest.raises(KeyVaultError) as caught:
        unseal(bytes(data))
    assert caught.value.kind is KeyVaultErrorKind.VALIDATION


@pytest.mark.parametrize(("key", "aad"), [(b"K" * 32, b""), (b"k" * 32, b"other")], ids=["key", "aad"])
def test_another_key_or_additional_data(key: bytes, aad: bytes) -> None:
    with pytest.raises(KeyVaultError, match="changed or cut off"):
        unseal(WHOLE, key, aad)


def test_segments_have_an_end() -> None:
    assert nonce_of(SMALL, MAX_SEGMENTS - 1, is_last=True) == b"prefix!\xff\xff\xff\xff\1"
    with pytest.raises(KeyVaultError, match=r"2\^32 segments"):
        nonce_of(SMALL, MAX_SEGMENTS, is_last=True)


LONG = len(HEAD)
HEADERS = [
    ("nothing", b"", "does not start"),
    ("something else", b"PK\3\4" + bytes(40), "does not start"),
    ("a later version", b"VBEN\2" + HEAD[5:], "only version 1"),
    ("another encryption", HEAD[:5] + b"\2" + HEAD[6:], "encryption is not known"),
    ("tiny segments", HEAD[:6] + b"\1" + HEAD[7:], "encryption is not known"),
    ("huge segments", HEAD[:6] + b"\x30" + HEAD[7:], "encryption is not known"),
    *((f"cut at {end}", HEAD[:end], "cut off|not known|only version") for end in range(4, LONG)),
    ("another script", HEAD.replace(b"orders", b"\xc3\xb6rder"), "not ASCII"),
    ("no version", HEAD.replace(b"orders/" + b"0" * 32, b"o" * 39), "does not name a version of a key"),
]


@pytest.mark.parametrize(("data", "told"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
def test_what_is_no_header(data: bytes, told: str) -> None:
    with pytest.raises(KeyVaultError, match=told) as caught:
        read_envelope_header(data)
    assert caught.value.kind is KeyVaultErrorKind.VALIDATION


async def test_a_wrap_algorithm_that_nobody_knows(envelopes: Envelopes, wrapper: Wrapper) -> None:
    data = render_header(replace(SMALL, algorithm="ROT13"))

    with pytest.raises(KeyVaultError, match="wrap algorithm is not known"):
        await envelopes.decrypt(data)
    assert wrapper.asked == []


async def test_a_wrapped_key_of_the_wrong_size(envelopes: Envelopes) -> None:
    with pytest.raises(KeyVaultError, match="changed or cut off"):
        await envelopes.decrypt(WHOLE)


async def test_another_vaults_envelope_is_not_asked_for_here_unless_its_key_is_named(
    wrapper: Wrapper,
) -> None:
    data = await Envelopes(wrapper, VAULT).encrypt("orders", b"text")
    wrapper.asked.clear()
    elsewhere = Envelopes(wrapper, "https://other.vault.azure.net")

    with pytest.raises(KeyVaultError, match=r"was made in https://shop\.vault") as caught:
        await elsewhere.decrypt(data)
    assert (caught.value.code, caught.value.object_name) == ("OtherKey", "orders")
    with pytest.raises(KeyVaultError, match="for key orders, not payments"):
        await elsewhere.decrypt(data, key="payments")
    assert wrapper.asked == []
    assert await elsewhere.decrypt(data, key="Orders") == b"text"


async def test_files(envelopes: Envelopes, tmp_path: Path) -> None:
    plain, sealed, back = (tmp_path / name for name in ("plain", "sealed", "back"))
    plain.write_bytes(b"line\n" * 100_000)
    with plain.open("rb") as source, sealed.open("wb") as target:
        await envelopes.encrypt_stream("orders", source, target, aad=b"a")
    with sealed.open("rb") as source, back.open("wb") as target:
        await envelopes.decrypt_stream(source, target, aad=b"a")

    assert back.read_bytes() == plain.read_bytes()


async def test_in_a_vault() -> None:
    estate = Estate()
    estate.driver("shop").create_key("orders", key_type="RSA", size=2048)
    config = KeyVaultConfig(vault_url=VAULT, credential=SimulatedCredential(estate))
    async with KeyVaultClient(config, transport=SimulatedTransport(estate)) as client:
        data = await client.envelope_encrypt("orders", b"text" * 50_000, aad=b"a")
        estate.driver("shop").create_key("orders", key_type="RSA", size=2048)

        assert await client.envelope_decrypt(data, aad=b"a") == b"text" * 50_000, (
            "by the version that wrapped"
        )
        with pytest.raises(KeyVaultError):
            await client.envelope_decrypt(data, aad=b"b")
