"""Envelopes of one vault: its keys wrap, this process encrypts."""

import asyncio
import io
import secrets
from typing import Protocol, runtime_checkable

from vaultbind.keyvault.arguments import tell_wrong_types, telling
from vaultbind.keyvault.envelope.form import (
    MAX_HEADER,
    PREFIX_BYTES,
    EnvelopeHeader,
    parse_header,
    render_header,
)
from vaultbind.keyvault.envelope.segments import (
    KEY_BYTES,
    Readable,
    broken,
    decrypt_segments,
    encrypt_segments,
    read_fully,
)
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.crypto import KeyWrapAlgorithm, UnwrapResult, WrapResult
from vaultbind.keyvault.types.key import Key


class KeyWrapper(Protocol):
    """What is needed of a vault's keys."""

    async def wrap_key(
        self, key: str | Key, algorithm: KeyWrapAlgorithm, key_bytes: bytes, *, version: str = ""
    ) -> WrapResult:
        """Encrypt a content key."""
        ...

    async def unwrap_key(
        self, key: str | Key, algorithm: KeyWrapAlgorithm, encrypted_key: bytes, *, version: str = ""
    ) -> UnwrapResult:
        """Decrypt a content key."""
        ...


@runtime_checkable
class Writable(Protocol):
    """What a binary file that is open for writing can do."""

    def write(self, data: bytes, /) -> object:
        """Write all of `data`."""
        ...


@tell_wrong_types
class Envelopes:
    """Encrypts payloads of any size with a fresh AES-256 key each, which a key of the vault wraps.

        envelope = await client.envelopes.encrypt("orders", report, aad=b"report 7")
        report = await client.envelopes.decrypt(envelope, aad=b"report 7")

    One request each, however large the payload. `form.py` describes the bytes. `aad` is not in the envelope:
    whoever decrypts must know it. With an RSA key anybody who has its public half can make an envelope, so
    that one which decrypts proves nothing about its sender.

    All raise KeyVaultError: VALIDATION for what is no envelope of this vault or was changed, and those of
    `wrap_key` (needs `keys/wrapKey`) and `unwrap_key` (needs `keys/unwrapKey`).
    """

    def __init__(self, keys: KeyWrapper, vault_url: str) -> None:
        """`keys` are those of the vault at `vault_url`."""
        self._keys = keys
        self._vault_url = vault_url

    async def encrypt(
        self,
        key: str | Key,
        plaintext: bytes,
        *,
        algorithm: KeyWrapAlgorithm = KeyWrapAlgorithm.RSA_OAEP_256,
        version: str = "",
        aad: bytes = b"",
    ) -> bytes:
        """Encrypt bytes for a key, its latest version when none is named; needs `keys/wrapKey`.

            envelope = await client.envelopes.encrypt("orders", b"a long report", aad=b"report 7")

        Raises KeyVaultError as `keys.wrap_key`.
        """
        target = io.BytesIO()
        await self.encrypt_stream(
            key, io.BytesIO(plaintext), target, algorithm=algorithm, version=version, aad=aad
        )
        return target.getvalue()

    async def decrypt(self, envelope: bytes, *, key: str = "", aad: bytes = b"") -> bytes:
        """Decrypt an envelope; needs `keys/unwrapKey`.

            report = await client.envelopes.decrypt(envelope, aad=b"report 7")

        `key` as for `decrypt_stream`. Raises KeyVaultError: VALIDATION (codes EnvelopeBroken, OtherKey), and
        as `keys.unwrap_key`.
        """
        target = io.BytesIO()
        await self.decrypt_stream(io.BytesIO(envelope), target, key=key, aad=aad)
        return target.getvalue()

    async def encrypt_stream(
        self,
        key: str | Key,
        source: Readable,
        target: Writable,
        *,
        algorithm: KeyWrapAlgorithm = KeyWrapAlgorithm.RSA_OAEP_256,
        version: str = "",
        aad: bytes = b"",
    ) -> None:
        """Encrypt a file to another, both opened by the caller, in a thread; needs `keys/wrapKey`.

            with open("report.pdf", "rb") as source, open("report.vben", "wb") as target:
                await client.envelopes.encrypt_stream("orders", source, target)

        Raises KeyVaultError as `keys.wrap_key`, and OSError as the files do.
        """
        content_key = secrets.token_bytes(KEY_BYTES)
        wrapped = await self._keys.wrap_key(key, algorithm, content_key, version=version)
        header = EnvelopeHeader(
            key_id=wrapped.key_id,
            algorithm=wrapped.algorithm,
            wrapped_key=wrapped.encrypted_key,
            prefix=secrets.token_bytes(PREFIX_BYTES),
        )
        await asyncio.to_thread(_encrypt, header, content_key, source, target, aad)

    async def decrypt_stream(
        self, source: Readable, target: Writable, *, key: str = "", aad: bytes = b""
    ) -> None:
        """Decrypt a file to another in a thread; needs `keys/unwrapKey`.

            with open("report.vben", "rb") as source, open("again.pdf", "wb") as target:
                await client.envelopes.decrypt_stream(source, target, aad=b"report 7")

        After an error, `target` holds a part: throw it away. The envelope names its key. `key` says which key
        it must be; it may then have been made in another vault, from where the key was restored. Raises as
        `decrypt`, and OSError as the files do.
        """
        header, rest = await asyncio.to_thread(_read_header, source)
        self._check(header, key)
        algorithm = _parse_algorithm(header)
        unwrapped = await self._keys.unwrap_key(
            header.key_name, algorithm, header.wrapped_key, version=header.key_version
        )
        if len(unwrapped.key) != KEY_BYTES:
            raise broken()
        await asyncio.to_thread(_decrypt, header, unwrapped.key, rest, target, aad)

    def _check(self, header: EnvelopeHeader, key: str) -> None:
        detail = ""
        if key and key.lower() != header.key_name.lower():
            detail = f"the envelope was made for key {header.key_name}, not {key}"
        elif not key and header.vault_url.lower() != self._vault_url.lower():
            detail = (
                f"the envelope was made in {header.vault_url}, not {self._vault_url}; "
                "name the key if it was restored from there"
            )
        if detail:
            raise KeyVaultError(
                KeyVaultErrorKind.VALIDATION, code="OtherKey", detail=detail, object_name=header.key_name
            )


@telling
def read_envelope_header(envelope: bytes) -> EnvelopeHeader:
    """Tell which key an envelope needs, without asking anybody.

        header = read_envelope_header(envelope)
        print(header.vault_url, header.key_name, header.key_version)

    Raises KeyVaultError (VALIDATION) for what is none.
    """
    return parse_header(envelope)[0]


def _parse_algorithm(header: EnvelopeHeader) -> KeyWrapAlgorithm:
    try:
        return KeyWrapAlgorithm(header.algorithm)
    except ValueError:
        detail = "this is no envelope: its wrap algorithm is not known here"
    raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)


def _read_header(source: Readable) -> tuple[EnvelopeHeader, Readable]:
    """Read the header, and give a stream of what follows."""
    start = read_fully(source, MAX_HEADER)
    header, length = parse_header(start)
    return header, _Joined(start[length:], source)


class _Joined:
    """Bytes that were read too far, and then the rest of the stream."""

    def __init__(self, first: bytes, source: Readable) -> None:
        self._first = io.BytesIO(first)
        self._source = source

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes."""
        return self._first.read(size) or self._source.read(size)


def _encrypt(header: EnvelopeHeader, key: bytes, source: Readable, target: Writable, aad: bytes) -> None:
    target.write(render_header(header))
    for segment in encrypt_segments(header, key, source, aad):
        target.write(segment)


def _decrypt(header: EnvelopeHeader, key: bytes, source: Readable, target: Writable, aad: bytes) -> None:
    for plaintext in decrypt_segments(header, key, source, aad):
        target.write(plaintext)
