"""`dataFrom[].rewrite`: names changed by regular expressions, one after another."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vaultbind.api.binding import BindingSpec
from vaultbind.api.data_from import FindEntry, Rewrite
from vaultbind.api.errors import SpecError
from vaultbind.rendering.patterns import Pattern, PatternError, compile_pattern

LONGEST_NAME: Final = 1024
"""Characters that a name may have on its way; a key has at most 253."""

MOST_EFFORT: Final = 50_000_000
"""Steps of the engine for one binding, some 5 ns each: RE2 looks at what is left of a name once per match,
and at each byte of it with as many steps as the expression is large."""
LARGEST_TOGETHER: Final = 20_000
"""Size of a binding's expressions, each counted once: they compile in 20 ms, and a review waits for that."""
_PER_SEARCH: Final = 1_000
_PER_PART: Final = 100
"""What a search, and each part of a replacement, costs us beside the engine, in its steps."""

_TOO_LARGE: Final = (
    "is too large, with those before it: repetitions such as {30} count what they repeat as often, and \\pL "
    "has a thousand parts"
)
_REFERENCE: Final = re.compile(r"\$(?:\$|\{(?P<braced>[0-9A-Za-z_]+)\}|(?P<plain>[0-9A-Za-z_]+))", re.ASCII)


class EffortError(Exception):
    """Expressions that cost more than a binding may."""


@dataclass(slots=True, kw_only=True)
class Effort:
    """What the rewrites of one binding may still cost; spent before a search, which nobody can end early."""

    left: int = MOST_EFFORT

    def spend(self, cost: int) -> None:
        """Raises EffortError where that is more than is left."""
        self.left -= cost
        if self.left < 0:
            raise EffortError


def cost_of(pattern: Pattern, text: str) -> int:
    """What one search costs at most."""
    return _PER_SEARCH + pattern.size * len(text.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rewrite, compiled: texts and numbers of groups make the replacement."""

    pattern: Pattern
    parts: tuple[str | int, ...]
    effort: Effort

    def matches(self, name: str) -> Iterator[Any]:
        """Matches from left to right. Raises EffortError before a search that would cost too much."""
        self._spend_search(name)
        for match in self.pattern.matches(name):
            self._spend_search(name[match.end() :])
            yield match

    def _spend_search(self, text: str) -> None:
        self.effort.spend(cost_of(self.pattern, text) + _PER_PART * len(self.parts))


def check_rewrites(spec: BindingSpec) -> None:
    """Raises SpecError (InvalidSpec) for the first expression that is none, or too large with those before.

    Those of `find` count as those of `rewrite`.
    """
    sizes: dict[str, int] = {}
    for index, entry in enumerate(spec.data_from):
        if isinstance(entry, FindEntry) and entry.regexp:
            _check_expression(entry.regexp, f"spec.dataFrom[{index}].find.name.regexp", sizes)
        for place, rewrite in enumerate(entry.rewrite):
            path = f"spec.dataFrom[{index}].rewrite[{place}]"
            pattern = _check_expression(rewrite.regexp, f"{path}.regexp", sizes)
            try:
                tuple(_parse(rewrite.replacement, pattern))
            except PatternError as error:
                raise SpecError(f"{path}.replacement", str(error)) from None


def _check_expression(text: str, path: str, sizes: dict[str, int]) -> Pattern:
    try:
        pattern = compile_pattern(text)
    except PatternError as error:
        raise SpecError(path, str(error)) from None
    sizes[text] = pattern.size
    if sum(sizes.values()) > LARGEST_TOGETHER:
        raise SpecError(path, _TOO_LARGE)
    return pattern


def rewrite_names(
    names: Sequence[str], rewrites: Sequence[Rewrite], effort: Effort | None = None
) -> list[str | None]:
    """The names as they are at the end; None where one is too long on the way, or is no Unicode text.

    Raises PatternError for what `check_rewrites` refuses, EffortError for what costs more than is left.
    """
    effort = effort if effort is not None else Effort()
    found: list[str | None] = [name if _is_text(name) else None for name in names]
    for rewrite in rewrites:
        pattern = compile_pattern(rewrite.regexp)
        step = Step(pattern=pattern, parts=tuple(_parse(rewrite.replacement, pattern)), effort=effort)
        found = [_rewritten(name, step) if name is not None else None for name in found]
    return found


def _is_text(name: str) -> bool:
    return len(name) <= LONGEST_NAME and not any("\ud800" <= letter <= "\udfff" for letter in name)


def _rewritten(name: str, step: Step) -> str | None:
    pieces: list[str] = []
    length = last = 0
    for match in step.matches(name):
        filled = (part if isinstance(part, str) else match.group(part) or "" for part in step.parts)
        pieces += (name[last : match.start()], *filled)
        last = match.end()
        length += sum(map(len, pieces[-1 - len(step.parts) :]))
        if length > LONGEST_NAME:
            return None
    made = "".join((*pieces, name[last:]))
    return made if len(made) <= LONGEST_NAME else None


def _parse(replacement: str, pattern: Pattern) -> Iterator[str | int]:
    """As Go reads it: `$1`, `${1}`, `$name`, `${name}`, `$$`; any other `$` is one. Raises PatternError.

    Go takes a group that there is not as empty, `$1_x` as group `1_x`: both are refused here.
    """
    last = 0
    for found in _REFERENCE.finditer(replacement):
        yield replacement[last : found.start()]
        name = found["braced"] or found["plain"]
        yield _group(name, pattern) if name else "$"
        last = found.end()
    yield replacement[last:]


def _group(name: str, pattern: Pattern) -> int:
    if name.isdigit() and len(name) < 4:
        number = int(name)
        if number <= pattern.groups:
            return number
    elif name in pattern.names:
        return pattern.names[name]
    hint = "; write ${NAME} where letters, digits or _ follow, and $$ for a dollar"
    raise PatternError(f"has a reference to group {name}, which the regular expression does not have{hint}")
