"""The one duration grammar: numbers with unit d, h, m or s, such as `90s`, `1h30m`, `7d`."""

import re
from datetime import timedelta
from typing import Final

_WHOLE: Final = re.compile(r"([0-9]+[dhms])+")
_PART: Final = re.compile(r"([0-9]+)([dhms])")
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LONGEST_TEXT: Final = 32
LONGEST: Final = timedelta(days=3650)
"""Longer ones are refused, so that adding one to a time of day cannot overflow."""


def parse_duration(text: str) -> timedelta:
    """Return the sum of the parts of `text`.

    Raises ValueError for anything else than the grammar and for more than ten years; the message is for
    people and never repeats `text`.
    """
    if len(text) > _LONGEST_TEXT or _WHOLE.fullmatch(text) is None:
        msg = "must be a duration such as 30s, 5m, 1h30m or 7d"
        raise ValueError(msg)
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds > LONGEST.total_seconds():
        msg = "must be at most 3650d"
        raise ValueError(msg)
    return timedelta(seconds=seconds)


def render_duration(duration: timedelta) -> str:
    """Return `duration` in whole seconds, largest units first: the shortest text that parses to it.

    A negative duration counts as zero.
    """
    left = max(0, int(duration.total_seconds()))
    parts = []
    for unit, size in _SECONDS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
