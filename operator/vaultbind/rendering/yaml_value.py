"""A YAML text as JSON's values: one document, scalars after YAML 1.2's core schema, no anchors and no tags.

Anchors are refused because a few of them make more text than any memory holds; tags because each of them is
a rule of its own. So `yes` and `0123` are texts, and a number stays what was written.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from vaultbind.rendering.json_property import MAX_DEPTH, Number

LONGEST: Final = 65_536
"""Characters: twice what a vault's secret can have."""

_PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class YamlError(Exception):
    """No YAML as it is taken here; `str()` completes the sentence `secret NAME ...`."""


def parse_yaml(text: str) -> Any:
    """The only document's value: dict, list, str, Number, bool or None. Raises YamlError."""
    if len(text) > LONGEST:
        raise YamlError(f"is longer than {LONGEST} characters, too long for YAML")
    try:
        return _document(yaml.parse(text, Loader=_PARSER))
    except (yaml.YAMLError, UnicodeEncodeError):
        pass  # the error shows the text; the second comes of a lone surrogate
    raise YamlError("is not YAML")


def _document(events: Iterator[yaml.Event]) -> Any:
    found, documents = None, 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlError("has more than one YAML document")
        elif isinstance(event, yaml.NodeEvent):
            found = _value(event, events, MAX_DEPTH)
    return found


def _value(event: yaml.NodeEvent, events: Iterator[yaml.Event], levels: int) -> Any:
    _check(event, levels)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        return [_value(item, events, levels - 1) for item in _nodes(events, yaml.SequenceEndEvent)]
    return {
        _key(name): _value(_next_node(events), events, levels - 1)
        for name in _nodes(events, yaml.MappingEndEvent)
    }


def _check(event: yaml.NodeEvent, levels: int) -> None:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise YamlError("has anchors or aliases, which are not taken")
    if getattr(event, "tag", None) is not None:
        raise YamlError("has tags, which are not taken")
    if levels < 0:
        raise YamlError(f"is nested more than {MAX_DEPTH} levels deep")


def _nodes(events: Iterator[yaml.Event], end: type[yaml.Event]) -> Iterator[yaml.NodeEvent]:
    """The nodes until a collection ends; whoever takes one takes all below it from `events`."""
    while not isinstance(event := next(events), end):
        assert isinstance(event, yaml.NodeEvent)  # noqa: S101 - the parser's own grammar
        yield event


def _next_node(events: Iterator[yaml.Event]) -> yaml.NodeEvent:
    event = next(events)
    assert isinstance(event, yaml.NodeEvent)  # noqa: S101 - the parser's own grammar
    return event


def _key(event: yaml.NodeEvent) -> str:
    """Names are taken as they are written: `on: 1` has the name `on`."""
    _check(event, MAX_DEPTH)
    if not isinstance(event, yaml.ScalarEvent):
        raise YamlError("has a list or map as a name")
    return str(event.value)


def _scalar(event: yaml.ScalarEvent) -> Any:
    text: str = event.value
    if event.style:  # quoted or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    return Number(text) if _NUMBER.fullmatch(text) else text
