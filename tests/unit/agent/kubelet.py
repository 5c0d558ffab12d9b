"""A reader of the kubelet's env-file grammar, written from what was measured of it.

A line is at most 64 KiB, its end is a line feed before which one carriage return is dropped. A variable is
`NAME='TEXT'` with TEXT over as many lines as it likes and nothing but blanks or a comment behind it; blank
lines and comments may stand between variables. Anything else breaks the file from there on. The first of a
name counts, and empty text is no value.
"""

import re

LINE = 64 * 1024
_START = re.compile(r"[ \t]*([^=]*[^= \t])='(.*)", re.DOTALL)
_BETWEEN = re.compile(r"[ \t]*(#.*)?")


class UnreadableError(Exception):
    """The kubelet would say: couldn't parse env file."""


def read_env_file(content: bytes, key: str) -> str | None:
    """Value of one variable; None where it is missing or empty. Raises UnreadableError."""
    lines = _lines(content)
    while lines:
        line = lines.pop(0)
        if _BETWEEN.fullmatch(line):
            continue
        start = _START.fullmatch(line)
        if start is None:
            raise UnreadableError(line[:40])
        name, rest = start[1].lstrip(" \t"), start[2]
        text: list[str] = []
        while "'" not in rest:
            if not lines:
                raise UnreadableError("a quote is not closed")
            text.append(rest)
            rest = lines.pop(0)
        last, _, tail = rest.partition("'")
        if not _BETWEEN.fullmatch(tail):
            raise UnreadableError(tail[:40])
        if name == key:
            return "\n".join([*text, last]) or None
    return None


def _lines(content: bytes) -> list[str]:
    raw = content.split(b"\n")
    if raw[-1] == b"":
        raw.pop()
    if any(len(line) >= LINE for line in raw):
        raise UnreadableError("a line is too long")
    return [line.removesuffix(b"\r").decode("utf-8") for line in raw]
