"""Wrong types of arguments are mistakes of the caller, and told as such: in a sentence, without the value.

Types are compared only when a method has failed with an exception that such a mistake can cause, so that a
call that works does not pay for it. An exception with all types right is a mistake of ours and stays.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind

_CAUSED = (AttributeError, TypeError, ValueError)


def tell_wrong_types(cls: type) -> None:
    """Let the public methods that `cls` itself defines raise KeyVaultError (VALIDATION) for wrong types."""
    for name, method in list(vars(cls).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(cls, name, _telling(method))


def _telling(method: Callable[..., Any]) -> Callable[..., Any]:
    if not inspect.iscoroutinefunction(method):

        @wraps(method)
        def call(*args: Any, **named: Any) -> Any:
            try:
                return method(*args, **named)
            except _CAUSED:
                mistake = find_mistake(method, args, named)
                if not mistake:
                    raise
            raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=mistake)

        return call

    @wraps(method)
    async def call_and_wait(*args: Any, **named: Any) -> Any:
        try:
            return await method(*args, **named)
        except _CAUSED:
            mistake = find_mistake(method, args, named)
            if not mistake:
                raise
        raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=mistake)

    return call_and_wait


def find_mistake(method: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """A sentence about the first argument of another type than the method says, empty when all fit."""
    try:
        given = inspect.signature(method).bind(*args, **named).arguments
    except TypeError:
        return ""  # an argument too many or too few: Python says it best
    hints = get_type_hints(method)
    for name, value in given.items():
        if name in hints and not fits(value, hints[name]):
            return f"{name} is of type {type(value).__name__}; {_tell(hints[name])} is asked"
    return ""


def fits(value: object, hint: Any) -> bool:
    """Tell whether a value is of the type; of what is in a container, too. Unknown hints fit everything."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return any(fits(value, part) for part in parts)
    if origin is None:
        wanted = (int, float) if hint is float else hint
        return hint is Any or not isinstance(hint, type) or isinstance(value, wanted)
    if not isinstance(value, origin) or isinstance(value, str | bytes):
        return False
    if isinstance(value, Mapping):
        return all(fits(item, part) for pair in value.items() for item, part in zip(pair, parts, strict=True))
    return not isinstance(value, Iterable) or all(fits(item, parts[0]) for item in value)


def _tell(hint: Any) -> str:
    return (
        hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")
    )
