"""Wrong types of arguments are mistakes of the caller, and told as such: in a sentence, without the value.

Types are compared only when a method has failed with an exception that such a mistake can cause, so that a
call that works does not pay for it. An exception with all types right is a mistake of ours and stays. What
holds options is compared before: the wire would take many a wrong type, and the service refuse it in silence.
"""

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache, wraps
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind

_CAUSED = (AttributeError, TypeError, ValueError)
_HOLDERS = frozenset({"options", "policy", "issuer", "contacts", "backup"})
"""Parameters whose members are compared before the call."""
_NAMED_BY = ("name", "key_name", "key", "issuer")
"""Parameters that tell which object a call is about: its name, its id, or a value that has its name."""
_ID = re.compile(r"(?:https://[^/]+/[a-z]+/)?([0-9A-Za-z-]{1,127})(?:/[0-9A-Za-z]{0,32})?")
C = TypeVar("C", bound=type)
M = TypeVar("M", bound=Callable[..., Any])
Given = tuple[tuple[Any, ...], Mapping[str, Any]]


def tell_wrong_types(cls: C) -> C:
    """Let the public methods that `cls` itself defines raise KeyVaultError (VALIDATION) for wrong types.

    The object's name is added to every VALIDATION error that lacks it.
    """
    for name, method in list(vars(cls).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(cls, name, telling(method))
    return cls


def telling(method: M) -> M:
    """Let one method tell wrong types, as `tell_wrong_types` does for all of a class."""
    return cast("M", _wrap(method))


def _wrap(method: Callable[..., Any]) -> Callable[..., Any]:
    if not inspect.iscoroutinefunction(method):

        @wraps(method)
        def call(*args: Any, **named: Any) -> Any:
            try:
                return method(*args, **named)
            except (*_CAUSED, KeyVaultError) as error:
                mistake = _explain(error, method, (args, named))
                if mistake is error:
                    raise
            raise mistake

        return call

    holds = not _HOLDERS.isdisjoint(inspect.signature(method).parameters)

    @wraps(method)
    async def call_and_wait(*args: Any, **named: Any) -> Any:
        try:
            if holds:
                _check_holders(method, (args, named))
            return await method(*args, **named)
        except (*_CAUSED, KeyVaultError) as error:
            mistake = _explain(error, method, (args, named))
            if mistake is error:
                raise
        raise mistake

    return call_and_wait


def _explain(error: Exception, method: Callable[..., Any], given: Given) -> Exception:
    """The caller's mistake behind an error, or the error itself, with the object's name where it lacks it."""
    if isinstance(error, KeyVaultError):
        if error.kind is not KeyVaultErrorKind.VALIDATION or error.object_name is not None:
            return error
        return error.named(find_object(method, *given))
    mistake = find_mistake(method, *given)
    return _invalid(mistake, method, given) if mistake else error


def _check_holders(method: Callable[..., Any], given: Given) -> None:
    for name, value in _bind(method, given).items():
        if name in _HOLDERS:
            for path, sentence in wrong_members(value, name):
                raise _invalid(f"{path} {sentence}", method, given)


def find_mistake(method: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """A sentence about the first argument, or member, of another type than the method says; or nothing."""
    hints = get_type_hints(method)
    for name, value in _bind(method, (args, named)).items():
        if name not in hints:
            continue
        if not fits(value, hints[name]):
            return f"{name} {_tell(value, hints[name])}"
        for path, sentence in wrong_members(value, name):
            return f"{path} {sentence}"
    return ""


def find_object(method: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> str | None:
    """Name of the object that a call is about; None where it is about none, or what is given is no name."""
    given = _bind(method, (args, named))
    for parameter in _NAMED_BY:
        if parameter in given:
            return _name_in(given[parameter])
    return _name_in(getattr(given.get("self"), "key", None))


def wrong_members(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and sentence for each member of a dataclass, or of what is in it, that is of another type."""
    if isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from wrong_members(item, f"{path}[{number}]")
    if not is_dataclass(value) or not type(value).__module__.startswith("vaultbind.keyvault"):
        return
    cls: Any = type(value)
    for name, hint in _hints(cls).items():
        member, place = getattr(value, name), f"{path}.{name}" if path else name
        if fits(member, hint):
            yield from wrong_members(member, place)
        else:
            yield place, _tell(member, hint)


def fits(value: object, hint: Any) -> bool:
    """Tell whether a value is of the type; of what is in a container, too. Unknown hints fit everything.

    Text fits a StrEnum, for the members' own words are understood, and any collection fits a tuple: what is
    in it others check.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return any(fits(value, part) for part in parts)
    if origin is None:
        return _is_vague(hint) or isinstance(value, _wanted(hint))
    if not isinstance(value, Collection if origin is tuple else origin) or isinstance(value, str | bytes):
        return False
    if isinstance(value, Mapping):
        return all(fits(key, parts[0]) and fits(item, parts[1]) for key, item in value.items())
    return not isinstance(value, Iterable) or all(fits(item, parts[0]) for item in value)


def _is_vague(hint: Any) -> bool:
    """Whether it cannot be compared with: no type, or a protocol that is not made for it."""
    is_protocol = getattr(hint, "_is_protocol", False) and not getattr(hint, "_is_runtime_protocol", False)
    return hint is Any or not isinstance(hint, type) or is_protocol


def _wanted(hint: type) -> type | tuple[type, ...]:
    if hint is float:
        return (int, float)
    return (hint, str) if issubclass(hint, StrEnum) else hint


def _bind(method: Callable[..., Any], given: Given) -> Mapping[str, Any]:
    try:
        return inspect.signature(method).bind(*given[0], **given[1]).arguments
    except TypeError:
        return {}  # an argument too many or too few: Python says it best


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {item.name: hints[item.name] for item in fields(cls)}


def _name_in(given: object) -> str | None:
    text = getattr(given, "name", given)
    found = _ID.fullmatch(text) if isinstance(text, str) else None
    return found[1] if found else None


def _invalid(detail: str, method: Callable[..., Any], given: Given) -> KeyVaultError:
    return KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail, object_name=find_object(method, *given))


def _tell(value: object, hint: Any) -> str:
    plain = isinstance(hint, type) and not get_args(hint)
    asked = hint.__name__ if plain else str(hint).replace("typing.", "")
    return f"is of type {type(value).__name__}, not {asked}"
