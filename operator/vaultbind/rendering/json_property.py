"""One property of a JSON text, by JSON pointer or dotted path, with numbers kept digit by digit."""

import json
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

MAX_DEPTH: Final = 100
"""Levels of an object or array that is taken as a whole."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")


class PropertyFault(Enum):
    """Why there is no such property; the value completes the sentence `secret NAME ...`."""

    NOT_JSON = "is not JSON"
    NOT_FOUND = "has no such property"
    NULL = "has null there"
    TOO_DEEP = "is nested too deeply there"
    BAD_POINTER = "cannot be asked so: in a JSON pointer `~` is followed by 0 or 1"


class PropertyError(Exception):
    """A property that cannot be had; `str()` is the fault's sentence and shows nothing of the text."""

    def __init__(self, fault: PropertyFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Number(str):
    """A number as it was written: 1e400 and 12345678901234567890.123 stay what they are."""

    __slots__ = ()


def render_property(text: str, path: str) -> str:
    """The property's text: strings as they are, anything else as compact JSON with its keys in order.

    A `path` with a leading `/` is a JSON pointer (RFC 6901). Any other is first a key as it stands, then a
    dotted path in which numbers index arrays; keys may hold dots themselves on each level, the longest one
    that leads to the end is taken. Of an object's equal keys the last counts. Raises :class:`PropertyError`.
    """
    document = parse_json(text.removeprefix("\ufeff"))
    found = _point(document, path) if path.startswith("/") else _walk(document, path.split("."))
    if found is None:
        raise PropertyError(PropertyFault.NULL)
    if isinstance(found, str):
        return str(found)
    return render_json(found)


def parse_json(text: str) -> Any:
    """The text's value, numbers as :class:`Number`. Raises :class:`PropertyError` (NOT_JSON)."""
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        pass  # the error holds the whole text: raised anew outside of its reach
    raise PropertyError(PropertyFault.NOT_JSON)


def _refuse(constant: str) -> None:
    """NaN and Infinity are no JSON."""
    raise ValueError(constant)


def _point(document: Any, pointer: str) -> Any:
    if _BAD_ESCAPE.search(pointer):
        raise PropertyError(PropertyFault.BAD_POINTER)
    at = document
    for step in pointer[1:].split("/"):
        at = _child(at, step.replace("~1", "/").replace("~0", "~"))
    return at


def _child(parent: Any, step: str) -> Any:
    if isinstance(parent, dict) and step in parent:
        return parent[step]
    if isinstance(parent, list) and _INDEX.fullmatch(step) and int(step) < len(parent):
        return parent[int(step)]
    raise PropertyError(PropertyFault.NOT_FOUND)


def _walk(document: Any, steps: list[str]) -> Any:
    """Depth first, longest key first. Each place has one path only, so none is visited twice."""
    waiting: list[tuple[Any, int]] = [(document, 0)]
    while waiting:
        place, done = waiting.pop()
        if done == len(steps):
            return place
        waiting.extend(_nexts(place, steps, done))
    raise PropertyError(PropertyFault.NOT_FOUND)


def _nexts(place: Any, steps: list[str], done: int) -> Iterator[tuple[Any, int]]:
    """The places one key further, that of the longest key last."""
    if isinstance(place, dict):
        for end in range(done + 1, len(steps) + 1):
            key = ".".join(steps[done:end])
            if key in place:
                yield place[key], end
    elif isinstance(place, list) and _INDEX.fullmatch(steps[done]) and int(steps[done]) < len(place):
        yield place[int(steps[done])], done + 1


def render_json(value: Any, levels: int = MAX_DEPTH) -> str:
    """Compact JSON of what `parse_json` gives. Raises :class:`PropertyError` (TOO_DEEP).

    A lone surrogate stays an escape, so that the result is Unicode text.
    """
    if isinstance(value, dict | list):
        if not levels:
            raise PropertyError(PropertyFault.TOO_DEEP)
        if isinstance(value, list):
            return "[" + ",".join(render_json(item, levels - 1) for item in value) + "]"
        members = (f"{_quote(key)}:{render_json(item, levels - 1)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, Number):
        return str(value)
    return _quote(value) if isinstance(value, str) else json.dumps(value)


def _quote(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted.encode("utf-8", "backslashreplace").decode()
