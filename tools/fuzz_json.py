"""JSON that nobody would write, made of JSON that somebody would."""

from copy import deepcopy
from random import Random
from typing import Any, Final

LETTERS: Final = "aZ0-_./:,;= \t\n\r\0'\"\\{}[]$%é\u200b\u2028\U0001f511\ud800"
ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 2**63, 10**400, 1.5, float("inf"), "", " ", [], {}, [[]], [None], {"": ""}),
    *("0d", "1h", "-1m", "9" * 400 + "s", "a" * 70_000, "../..", "\ud800", "//", "x" * 254),
)


def draw_text(draw: Random) -> str:
    """A text of a few letters of all sorts, or a long one."""
    length = draw.choice((0, 1, 3, 12, 300))
    return "".join(draw.choice(LETTERS) for _ in range(length))


def bend(draw: Random, value: Any) -> Any:
    """A copy with one to four places changed. Only one list becomes long: two in each other fill memory."""
    found = deepcopy(value)
    for number in range(draw.randint(1, 4)):
        found = _bend_once(draw, found, 2 if number else 300)
    return found


def _bend_once(draw: Random, value: Any, most: int) -> Any:
    """Go down at random, and change what is there; a list becomes up to `most` times as long."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(list(value))
        what = draw.random()
        if what < 0.1:
            return {name: item for name, item in value.items() if name != key}
        if what < 0.2:
            return {**value, draw.choice((draw_text(draw), str(key) + "s")): draw.choice(ODD)}
        return {**value, key: _bend_once(draw, value[key], most)}
    if isinstance(value, list) and value and draw.random() < 0.85:
        at = draw.randrange(len(value))
        if draw.random() < 0.2:
            return value * draw.choice((2, most))
        return [*value[:at], _bend_once(draw, value[at], most), *value[at + 1 :]]
    return deepcopy(draw.choice((*ODD, draw_text(draw))))
