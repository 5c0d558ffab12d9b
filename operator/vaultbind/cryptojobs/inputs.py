"""Pure: what the operation works on, from the job itself and the Secrets and ConfigMaps that it names."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from vaultbind.api.binding import Decode
from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import (
    ALGORITHMS,
    ENVELOPE_ALGORITHMS,
    RESULT_KEY,
    CryptoJobSpec,
    CryptoOperation,
    HolderKind,
    Inline,
    InlineText,
    KeyRef,
    Source,
    WholeRef,
)
from vaultbind.cryptojobs.facts import Payload, Setback, Weight
from vaultbind.keyvault import KeyVaultError, read_envelope_header
from vaultbind.rendering.decode import decode_text

SECRET_DATA: Final = "SecretData"  # noqa: S105 - a marker
"""`content` of an output that holds all keys of a Secret: a JSON object of their values in base64."""

ENVELOPE_MARK: Final = b"VBEN"
"""How an envelope of the library begins."""

Holder = tuple[HolderKind, str]
Holders = Mapping[Holder, Mapping[str, bytes] | None]
"""Data of each Secret or ConfigMap that is named; None where it does not exist."""


class _UnusableError(Exception):
    """Carries the setback out of the readers below."""

    def __init__(self, setback: Setback) -> None:
        super().__init__(setback.reason.word)
        self.setback = setback


def holders_needed(spec: CryptoJobSpec, *, only_whole: bool = False) -> tuple[Holder, ...]:
    """Secrets and ConfigMaps that the job reads; `only_whole`: those that may name key and algorithm."""
    found: dict[Holder, None] = {}
    for source in _sources(spec):
        if (isinstance(source, WholeRef) and (not only_whole or names_key(spec, source))) or (
            isinstance(source, KeyRef) and not only_whole
        ):
            found[(source.kind, source.name)] = None
    return tuple(found)


def _sources(spec: CryptoJobSpec) -> Iterator[Source]:
    for source in (spec.input, spec.signature, spec.iv, spec.aad, spec.tag):
        if source is not None:
            yield source


def names_key(spec: CryptoJobSpec, source: Source | None) -> bool:
    """Whether a source is an output that tells which key and algorithm made it."""
    return isinstance(source, WholeRef) and spec.operation is not CryptoOperation.ENCRYPT


def decode_holder(kind: HolderKind, obj: Mapping[str, Any]) -> dict[str, bytes]:
    """Data of a Secret or ConfigMap as the API carries it."""
    if kind is HolderKind.SECRET:
        return {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}
    data = {key: str(value).encode() for key, value in (obj.get("data") or {}).items()}
    binary = {key: base64.b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}
    return data | binary


def parse_payload(spec: CryptoJobSpec, holders: Holders) -> Payload | Setback:
    """Return what the operation works on, or why there is nothing."""
    try:
        return _parse(spec, holders)
    except _UnusableError as problem:
        return problem.setback


def is_envelope_opened(spec: CryptoJobSpec) -> bool:
    """Whether the input tells which key version is needed: an envelope does."""
    return spec.envelope and spec.operation is CryptoOperation.DECRYPT


def parse_origin(spec: CryptoJobSpec, holders: Holders) -> tuple[str, str] | Setback:
    """Return key id and algorithm of the output that is named as input; empty where none is."""
    try:
        if is_envelope_opened(spec):
            return _envelope_origin(_parse(spec, holders).data)
        origin = _origin(spec, holders)
        return _text(origin, "keyId"), _algorithm(spec, origin)
    except _UnusableError as problem:
        return problem.setback


def _envelope_origin(envelope: bytes) -> tuple[str, str]:
    try:
        header = read_envelope_header(envelope)
    except KeyVaultError as error:
        raise _unusable(f"spec.input: {error.detail}") from None
    return header.key_id, header.algorithm


def _parse(spec: CryptoJobSpec, holders: Holders) -> Payload:
    origin = _origin(spec, holders)
    content = _text(origin, "content") if isinstance(spec.input, WholeRef) else ""
    if spec.operation is CryptoOperation.ENCRYPT and isinstance(spec.input, WholeRef):
        data, content = _pack(_whole(spec.input, holders)), SECRET_DATA
    elif spec.input is None:
        data = b""
    else:
        data = _read(spec.input, holders, "spec.input")
    if spec.operation is CryptoOperation.DECRYPT and not spec.envelope and data.startswith(ENVELOPE_MARK):
        raise _unusable("spec.input: this is an envelope; make a job with envelope: true")
    signature = b"" if spec.signature is None else _read(spec.signature, holders, "spec.signature")
    return Payload(
        data=data,
        signature=signature,
        iv=_parameter(spec.iv, holders, "iv", origin),
        aad=_parameter(spec.aad, holders, "aad", origin),
        tag=_parameter(spec.tag, holders, "tag", origin),
        content=content,
        key_id=_text(origin, "keyId"),
        algorithm=_algorithm(spec, origin),
    )


def _algorithm(spec: CryptoJobSpec, origin: Mapping[str, bytes]) -> str:
    """The algorithm that an output names, if it does; anybody may have written it."""
    named = _text(origin, "algorithm")
    if named and named not in (ENVELOPE_ALGORITHMS if spec.envelope else ALGORITHMS[spec.operation]):
        raise _unusable(f"the output that is named as input: its algorithm is none of {spec.operation.value}")
    return named


def _origin(spec: CryptoJobSpec, holders: Holders) -> Mapping[str, bytes]:
    """The output of an opposite operation that is named as input, else nothing."""
    for source in (spec.input, spec.signature):
        if isinstance(source, WholeRef) and names_key(spec, source):
            return _whole(source, holders)
    return {}


def _whole(ref: WholeRef, holders: Holders) -> Mapping[str, bytes]:
    found = holders.get((ref.kind, ref.name))
    if found is None:
        raise _missing(f"{ref.kind} {ref.name} does not exist; create it")
    return found


def _read(source: Source, holders: Holders, field: str) -> bytes:
    if isinstance(source, Inline):
        return source.data
    if isinstance(source, InlineText):
        return _decode(source.text, source.decode, field)
    if isinstance(source, WholeRef):
        return _result(source, holders)
    found = holders.get((source.kind, source.name))
    value = None if found is None else found.get(source.key)
    if value is None:
        what = (
            f"{source.kind} {source.name}"
            if found is None
            else f"key {source.key} of {source.kind} {source.name}"
        )
        raise _missing(f"{field}: {what} does not exist; create it")
    return value if source.decode is Decode.NONE else _decode_bytes(value, source.decode, field)


def _result(ref: WholeRef, holders: Holders) -> bytes:
    """Result of an output: base64, or a JWS, which stays text."""
    value = _whole(ref, holders).get(RESULT_KEY)
    if value is None:
        raise _unusable(f"{ref.kind} {ref.name} has no key {RESULT_KEY}: it is no output of a CryptoJob")
    if value.count(b".") == 2:
        return value
    return _decode_bytes(value, Decode.BASE64, f"{ref.kind} {ref.name}")


def _parameter(
    source: Source | None, holders: Holders, name: str, origin: Mapping[str, bytes]
) -> bytes | None:
    if source is not None:
        return _read(source, holders, f"spec.{name}")
    value = origin.get(name)
    return None if value is None else _decode_bytes(value, Decode.BASE64, name)


def _decode_bytes(value: bytes, how: Decode, field: str) -> bytes:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _unusable(f"{field}: it is no text, so it cannot be decoded as {how}") from None
    return _decode(text, how, field)


def _decode(text: str, how: Decode, field: str) -> bytes:
    found = decode_text(text, how)
    if found is None:
        raise _unusable(f"{field}: it cannot be decoded as {how}")
    return found


def _text(origin: Mapping[str, bytes], name: str) -> str:
    return origin.get(name, b"").decode("utf-8", "replace").strip()


def _pack(data: Mapping[str, bytes]) -> bytes:
    """All keys of a Secret as one document, the same for the same data."""
    coded = {key: base64.b64encode(value).decode("ascii") for key, value in data.items()}
    return orjson.dumps(coded, option=orjson.OPT_SORT_KEYS)


def unpack(document: bytes) -> dict[str, bytes] | None:
    """The keys that `_pack` put into a document; None for anything else."""
    try:
        coded = orjson.loads(document)
        return {str(key): base64.b64decode(value, validate=True) for key, value in dict(coded).items()}
    except (ValueError, TypeError, binascii.Error):
        return None


def _missing(message: str) -> _UnusableError:
    return _UnusableError(Setback(reason=Reason.INPUT_NOT_FOUND, message=message, weight=Weight.WAIT))


def _unusable(message: str) -> _UnusableError:
    return _UnusableError(Setback(reason=Reason.INPUT_INVALID, message=message, weight=Weight.FINAL))
