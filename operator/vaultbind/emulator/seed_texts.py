"""Texts of a YAML file that are none: escapes can name halves of surrogate pairs, and nobody can write it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

ADVICE: Final = "holds half of a surrogate pair: write \\U0001F600, not \\uD83D\\uDE00"


def find_broken_texts(content: Any) -> Iterator[str]:
    """Tell each by its place, as `vaults.shop.secrets.db holds ...`."""
    yield from _find(content, "", set())


def _find(content: Any, where: str, seen: set[int]) -> Iterator[str]:
    if isinstance(content, str):
        if not _is_text(content):
            yield f"{where or 'the file'} {ADVICE}"
        return
    if not isinstance(content, Mapping | list) or id(content) in seen:
        return  # an anchor may stand for itself
    seen.add(id(content))
    items = content.items() if isinstance(content, Mapping) else enumerate(content)
    for key, item in items:
        place = _place(where, key) if isinstance(content, Mapping) else f"{where}[{key}]"
        if isinstance(content, Mapping):
            yield from _find(key, f"the name {place}", seen)
        yield from _find(item, place, seen)


def _place(where: str, key: Any) -> str:
    shown = str(key).encode(errors="replace").decode()
    return f"{where}.{shown}" if where else shown


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
