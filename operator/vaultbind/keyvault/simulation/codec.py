"""Records as JSON and back, derived from their dataclasses: a new field needs no line here.

Bytes are `{"base64": ...}`, private keys `{"pkcs8": ...}`; everything else is what JSON has. What is
annotated as `Any` must be JSON already and passes as it is.
"""

import base64
import binascii
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

PLAIN: Final = (str, int, float, bool)
KEYS: Final = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)
SEQUENCES: Final = (tuple, list, frozenset)


class CodecError(ValueError):
    """JSON that is not the record it should be; the message names the place, never a value."""


def encode(value: Any) -> Any:
    """JSON of a record; raises TypeError for a type that this module does not know."""
    if value is None or isinstance(value, PLAIN):
        return str(value) if isinstance(value, StrEnum) else value
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, KEYS):
        der = value.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return {"pkcs8": base64.b64encode(der).decode()}
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): encode(item) for name, item in value.items()}
    if isinstance(value, SEQUENCES):
        return [encode(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot be written as JSON: teach codec.py")


def decode(hint: Any, content: Any, where: str = "record") -> Any:
    """Value of type `hint` from its JSON; raises CodecError, TypeError for a hint it does not know."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return content
    if origin in {Union, types.UnionType}:
        return _decode_union(arguments, content, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return _decode_record(hint, content, where)
    if origin is not None:
        return _decode_container(origin, arguments, content, where)
    if isinstance(hint, type):
        return _decode_scalar(hint, content, where)
    raise TypeError(f"{where}: {hint} cannot be read from JSON: teach codec.py")


def _decode_union(members: tuple[Any, ...], content: Any, where: str) -> Any:
    """None for null; a tagged value as its tag says; else the first member that fits."""
    if content is None and type(None) in members:
        return None
    for member in members:
        if member is type(None):
            continue
        try:
            return decode(member, content, where)
        except CodecError:
            continue
    raise CodecError(f"{where} has the wrong type")


def _decode_record(hint: type, content: Any, where: str) -> Any:
    members = _expect(content, Mapping, where)
    known = record_fields(hint)
    unknown = sorted(set(members) - set(known))
    if unknown:
        raise CodecError(f"{where} has an unknown member {unknown[0][:40]}")
    missing = sorted(name for name, (_, needed) in known.items() if needed and name not in members)
    if missing:
        raise CodecError(f"{where} lacks {missing[0]}")
    return hint(**{name: decode(known[name][0], item, f"{where}.{name}") for name, item in members.items()})


@lru_cache(maxsize=256)
def record_fields(hint: type) -> Mapping[str, tuple[Any, bool]]:
    """Fields of a record: type, and whether it has no default."""
    hints = get_type_hints(hint)
    return {
        field.name: (hints[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(hint)
    }


def _decode_container(origin: Any, arguments: tuple[Any, ...], content: Any, where: str) -> Any:
    if issubclass(origin, Mapping):
        members = _expect(content, Mapping, where)
        return {name: decode(arguments[1], item, f"{where}.{name}") for name, item in members.items()}
    if origin in SEQUENCES:
        items = _expect(content, list, where)
        hints = [arguments[0]] * len(items) if _is_uniform(origin, arguments) else list(arguments)
        if len(hints) != len(items):
            raise CodecError(f"{where} must have {len(hints)} items")
        pairs = enumerate(zip(hints, items, strict=True))
        return origin(decode(hint, item, f"{where}[{index}]") for index, (hint, item) in pairs)
    raise TypeError(f"{where}: {origin} cannot be read from JSON: teach codec.py")


def _is_uniform(origin: Any, arguments: tuple[Any, ...]) -> bool:
    return origin is not tuple or (len(arguments) == 2 and arguments[1] is Ellipsis)


def _decode_scalar(hint: type, content: Any, where: str) -> Any:
    if hint is bytes:
        return _decode_tagged(content, "base64", where)
    if hint in KEYS:
        return _decode_key(hint, _decode_tagged(content, "pkcs8", where), where)
    if issubclass(hint, StrEnum):
        try:
            return hint(content)
        except ValueError:
            raise CodecError(f"{where} is none of {', '.join(hint)}") from None
    if hint is float and isinstance(content, int) and not isinstance(content, bool):
        return float(content)
    if isinstance(content, bool) and hint is not bool:
        raise CodecError(f"{where} must be {hint.__name__}")
    return _expect(content, hint, where)


def _decode_tagged(content: Any, tag: str, where: str) -> bytes:
    if not isinstance(content, Mapping) or set(content) != {tag} or not isinstance(content[tag], str):
        raise CodecError(f"{where} must be an object with member {tag}")
    try:
        return base64.b64decode(content[tag], validate=True)
    except binascii.Error:
        raise CodecError(f"{where}.{tag} is not base64") from None


def _decode_key(hint: type, der: bytes, where: str) -> Any:
    try:  # our own keys: checking an RSA key takes longer than all the rest
        key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        raise CodecError(f"{where}.pkcs8 is not a private key") from None
    if not isinstance(key, hint):
        raise CodecError(f"{where}.pkcs8 is a key of another type")
    return key


def _expect(content: Any, kind: type, where: str) -> Any:
    if not isinstance(content, kind):
        raise CodecError(f"{where} must be {kind.__name__}")
    return content
