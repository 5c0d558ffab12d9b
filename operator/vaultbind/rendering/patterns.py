"""Regular expressions that users write, in RE2's syntax and in linear time (ADR 0032).

Only this module imports the engine, and only when a binding has an expression.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

_MOST_MEMORY: Final = 1 << 18
"""Bytes for a compiled expression and what is remembered while it is matched."""
_LONGEST_PROBLEM: Final = 120


class PatternError(Exception):
    """No regular expression; `str()` says why, in words of the engine about the spec's own text."""


class Pattern:
    """A compiled expression; `size` tells how many steps of the engine a byte of text can cost."""

    __slots__ = ("_compiled", "groups", "names", "size")

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.groups: int = compiled.groups
        self.size: int = compiled.programsize
        self.names: Mapping[str, int] = compiled.groupindex

    def is_whole(self, text: str) -> bool:
        """Whether the whole text matches."""
        return self._compiled.fullmatch(text) is not None

    def matches(self, text: str) -> Iterator[Any]:
        """Matches from left to right, as Go finds them: an empty one does not follow another at once."""
        last = -1
        for match in self._compiled.finditer(text):
            start, end = match.span()
            if start != end or start != last:
                yield match
            last = end


def compile_pattern(text: str) -> Pattern:
    """Compile an expression; the same one costs nothing the second time. Raises PatternError."""
    made = _remembered(text)
    if isinstance(made, str):
        raise PatternError(made)
    return made


@lru_cache(maxsize=256)
def _remembered(text: str) -> Pattern | str:
    import re2  # for those who have expressions

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        return Pattern(re2.compile(text, options))
    except re2.error as error:
        raw = error.args[0] if error.args else b""
    except UnicodeEncodeError:
        return "is no Unicode text"
    problem = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    return f"is no regular expression of RE2: {problem[:_LONGEST_PROBLEM]}"
