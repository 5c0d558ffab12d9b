"""The part of kubectl's JSONPath that printer columns use. Pure.

`.a.b`, `['a']`, `[0]`, `[*]` and `[?(@.a=="b")]`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from vaultbind.sandbox.documents import find

_STEP: Final = re.compile(
    r"""
      \.(?P<member>(?:[^.\[\\]|\\.)+)
    | \[\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)")\s*\]
    | \[\s*(?P<index>-?\d+)\s*\]
    | (?P<all>\[\s*\*\s*\])
    | \[\?\(\s*@(?P<path>[^=!<>\s]+)\s*==\s*["'](?P<value>[^"']*)["']\s*\)\]
    """,
    re.VERBOSE,
)


def find_all(document: Any, path: str) -> list[Any]:
    """Every value that the path leads to; nothing for a path that cannot be read."""
    found: list[Any] = [document]
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            return []
        found = list(_follow(found, step))
        position = step.end()
    return found


def _follow(values: Iterable[Any], step: re.Match[str]) -> Iterator[Any]:
    for value in values:
        if step["index"] is not None:
            yield from _item(value, int(step["index"]))
        elif step["all"]:
            yield from value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
        elif step["path"] is not None:
            yield from _matching(value, step["path"], step["value"])
        else:
            name = step["single"] or step["double"] or re.sub(r"\\(.)", r"\1", step["member"] or "")
            if isinstance(value, dict) and name in value:
                yield value[name]


def _item(value: Any, index: int) -> Iterator[Any]:
    if isinstance(value, list) and -len(value) <= index < len(value):
        yield value[index]


def _matching(value: Any, path: str, wanted: str) -> Iterator[Any]:
    steps = path.strip(".").split(".")
    return (
        (item for item in value if str(find(item, *steps)) == wanted) if isinstance(value, list) else iter(())
    )
