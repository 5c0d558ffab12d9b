"""What templates see of a binding's keys, and how a value becomes text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Undefined

from vaultbind.api.conditions import Reason
from vaultbind.rendering.problems import EntryError

VALUES = "values"
"""Name of the map of all keys; a key of that name is in the map only."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Binary:
    """The value of a key that is no text; a filter can make text of it."""

    key: str
    content: bytes = field(repr=False)

    def fail(self) -> EntryError:
        """The error for whoever takes it for text."""
        return failed(f"the value of key {self.key} is no UTF-8 text; {self.key} | b64encode makes it one")


def names_of(keys: frozenset[str]) -> frozenset[str]:
    """Names by which templates may call keys."""
    return frozenset(key for key in keys if key.isidentifier()) | {VALUES}


def render_names(data: Mapping[str, bytes]) -> Mapping[str, Any]:
    """All that templates see: keys by name, and all of them in `values`, sorted whatever the spec says."""
    values = {key: _text_or_binary(key, content) for key, content in sorted(data.items())}
    return {key: value for key, value in values.items() if key.isidentifier()} | {VALUES: values}


def text_of(value: Any) -> str:
    """What a template puts out for a value: JSON's words. Raises EntryError (TEMPLATE_FAILED, _UNDEFINED)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Undefined):
        return str(value)  # which raises
    if isinstance(value, Binary):
        raise value.fail()
    if value is None:
        raise failed("null cannot be put out; use default('', true) or tojson")
    raise failed("a list or map cannot be put out; use tojson or join")


def failed(message: str) -> EntryError:
    """The error of a rendering; `message` has nothing of a value in it."""
    return EntryError(Reason.TEMPLATE_FAILED, message)


def _text_or_binary(key: str, content: bytes) -> str | Binary:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return Binary(key=key, content=content)
