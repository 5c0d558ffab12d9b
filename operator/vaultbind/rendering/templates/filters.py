"""Filters and tests that templates may use: all of them. Each pays for what it takes and makes."""

import json
import shlex
from base64 import b64encode
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final, NoReturn
from urllib.parse import quote as percent_encode

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context
from jinja2.tests import TESTS as ALL_TESTS

from vaultbind.api.binding import Decode
from vaultbind.rendering.decode import decode_text
from vaultbind.rendering.templates.budget import Budget
from vaultbind.rendering.templates.values import Binary, failed, text_of

WIDEST: Final = 64
"""Spaces by which `indent` and `tojson` move a line."""


class TemplateContext(Context):
    """Names of one rendering, and what it may still do."""

    budget: Budget

    def take_text(self, value: Any) -> str:
        """A value that has to be text, paid for. Raises EntryError."""
        if isinstance(value, int):
            self.budget.weigh(value)  # thousands of digits take longer to write than letters
        text = text_of(value)
        self.budget.spend_on_text(len(text))
        return text


def _b64encode(context: TemplateContext, value: Any) -> str:
    content = value.content if isinstance(value, Binary) else context.take_text(value).encode()
    context.budget.spend_on_text(len(content) * 4 // 3)
    return b64encode(content).decode("ascii")


def _b64decode(context: TemplateContext, value: Any) -> str:
    content = decode_text(context.take_text(value), Decode.BASE64)
    if content is None:
        raise failed("b64decode was given what is no base64")
    try:
        return content.decode()
    except UnicodeDecodeError:
        pass  # the error holds the bytes: raised anew outside of its reach
    raise failed("b64decode makes bytes of this that are no UTF-8 text")


def _tojson(context: TemplateContext, value: Any, indent: int | None = None) -> str:
    if indent is not None:
        _check_width(indent)
    context.budget.weigh(value, indent or 0)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=_refuse)


def _refuse(value: Any) -> None:
    """What JSON does not have: undefined names and bytes."""
    text_of(value)
    raise failed("there is nothing here to make JSON of")


def _fromjson(context: TemplateContext, value: Any) -> Any:
    text = context.take_text(value)
    context.budget.spend(len(text) // 16)
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        pass  # the error holds the whole text
    raise failed("fromjson was given what is no JSON")


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


def _finite(digits: str) -> float:
    number = float(digits)
    return number if isfinite(number) else _no_constant(digits)


def _urlencode(context: TemplateContext, value: Any) -> str:
    encoded = context.take_text(value).encode()
    context.budget.spend(len(encoded) // 16)  # the dearest of all, byte by byte
    return percent_encode(encoded, safe="")


def _quote(context: TemplateContext, value: Any) -> str:
    return shlex.quote(context.take_text(value))


def _indent(context: TemplateContext, value: Any, width: int = 4, first: bool = False) -> str:  # noqa: FBT001, FBT002 - as Jinja's own
    _check_width(width)
    lines = context.take_text(value).split("\n")
    context.budget.spend_on_text(sum(map(len, lines)) + len(lines) * (width + 1))
    moved = [" " * width + line if line else line for line in lines]
    return "\n".join(moved if first else [lines[0], *moved[1:]])


def _check_width(width: Any) -> None:
    if not isinstance(width, int) or not 0 <= width <= WIDEST:
        raise failed(f"the width is not a whole number from 0 to {WIDEST}")


def _trim(context: TemplateContext, value: Any) -> str:
    return context.take_text(value).strip()


def _upper(context: TemplateContext, value: Any) -> str:
    return context.take_text(value).upper()


def _lower(context: TemplateContext, value: Any) -> str:
    return context.take_text(value).lower()


def _replace(context: TemplateContext, value: Any, old: Any, new: Any) -> str:
    text, old, new = (context.take_text(part) for part in (value, old, new))
    context.budget.spend_on_text(len(text) + text.count(old) * max(0, len(new) - len(old)))
    return text.replace(old, new)


def _default(_: TemplateContext, value: Any, fallback: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002 - as Jinja's own
    return fallback if isinstance(value, Undefined) or (boolean and not value) else value


def _join(context: TemplateContext, value: Any, separator: Any = "") -> str:
    between = context.take_text(separator)
    parts = [context.take_text(part) for part in each(context, value, 1)]
    context.budget.spend_on_text(sum(map(len, parts)) + len(between) * len(parts))
    return between.join(parts)


def _length(context: TemplateContext, value: Any) -> int:
    return len(value if isinstance(value, list | tuple | Mapping) else context.take_text(value))


def _items(context: TemplateContext, value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, Mapping):
        raise failed("items was given what is no map")
    context.budget.spend(len(value))
    return list(value.items())


@pass_context
def each(context: TemplateContext, value: Any, steps: int) -> Any:
    """What a loop goes through; each turn costs as many steps as its body has parts."""
    if isinstance(value, Undefined):
        text_of(value)
    if not isinstance(value, list | tuple | Mapping):
        raise failed("a loop needs a list or a map")
    return _each(context.budget, value, steps)


def _each(budget: Budget, value: Any, steps: int) -> Any:
    for item in value:
        budget.spend(steps)
        yield item


@pass_context
def seen(context: TemplateContext, value: Any) -> Any:
    """What is compared or hashed, paid for."""
    if isinstance(value, Binary):
        raise value.fail()
    context.budget.weigh(value)
    return value


@pass_context
def concatenated(context: TemplateContext, parts: tuple[Any, ...]) -> str:
    """What `~` makes."""
    return "".join(context.take_text(part) for part in parts)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "b64decode": pass_context(_b64decode),
    "b64encode": pass_context(_b64encode),
    "default": pass_context(_default),
    "fromjson": pass_context(_fromjson),
    "indent": pass_context(_indent),
    "items": pass_context(_items),
    "join": pass_context(_join),
    "length": pass_context(_length),
    "lower": pass_context(_lower),
    "quote": pass_context(_quote),
    "replace": pass_context(_replace),
    "tojson": pass_context(_tojson),
    "trim": pass_context(_trim),
    "upper": pass_context(_upper),
    "urlencode": pass_context(_urlencode),
}
"""By the names that templates write."""
EACH: Final = "_each"
SEEN: Final = "_seen"
CONCATENATED: Final = "_concatenated"
INTERNAL: Final[Mapping[str, Callable[..., Any]]] = {EACH: each, SEEN: seen, CONCATENATED: concatenated}
"""By names that only `language` writes."""
TESTS: Final[Mapping[str, Any]] = {
    name: ALL_TESTS[name]
    for name in ("boolean", "defined", "mapping", "none", "number", "string", "undefined")
}
