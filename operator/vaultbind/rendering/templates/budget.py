"""How much a binding's templates may do: a bomb ends with an error within a fraction of a second."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vaultbind.api.conditions import Reason
from vaultbind.rendering.keys import MAX_BYTES
from vaultbind.rendering.problems import EntryError

MOST_STEPS: Final = 100_000
"""Of all templates of a binding together. A step is a part of a template done once, or CHARACTERS of text."""
CHARACTERS: Final = 64
DEEP: Final = 16
"""Levels by which a list's members each cost a step more: JSON on several lines goes through all of them."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """What is left of one rendering's steps and of the room in its Secret."""

    steps: int = MOST_STEPS
    room: int = MAX_BYTES

    def spend(self, steps: int) -> None:
        """Take steps. Raises EntryError (TEMPLATE_TOO_COSTLY) where there are not so many left."""
        self.steps -= steps
        if self.steps < 0:
            text = f"the binding's templates ask for more than {MOST_STEPS} steps of work"
            raise EntryError(Reason.TEMPLATE_TOO_COSTLY, text)

    def spend_on_text(self, length: int) -> None:
        """Pay for a text of that many characters before it is made.

        Raises EntryError: VALUE_TOO_LARGE for more than a Secret holds, else as `spend`.
        """
        if length > MAX_BYTES:
            raise EntryError(Reason.VALUE_TOO_LARGE, _too_large("makes a text of"))
        self.spend(1 + length // CHARACTERS)

    def weigh(self, value: Any, indent: int = 0) -> None:
        """Pay for all that a value holds, as often as it holds it, and for lines moved by its depth.

        Raises EntryError as `spend_on_text`.
        """
        todo, characters = [(value, 0)], 0
        while todo:
            item, depth = todo.pop()
            if isinstance(item, str):
                characters += len(item)
                self.spend_on_text(len(item))
                continue
            members = _members(item)
            self.spend(1 + len(members) * (1 + depth // DEEP) + _bits(item) // CHARACTERS)
            todo += [(member, depth + 1) for member in members]
            characters += len(members) * depth * indent
        self.spend_on_text(characters)

    def write(self, text: str) -> None:
        """Take room for what a template puts out. Raises EntryError (VALUE_TOO_LARGE)."""
        self.room -= len(text)
        if self.room < 0:
            raise EntryError(Reason.VALUE_TOO_LARGE, _too_large("the binding's templates put out"))


def _bits(value: Any) -> int:
    """Of a whole number: its digits take longer to write than as many letters."""
    return value.bit_length() if isinstance(value, int) else 0


def _members(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, list | tuple) else []


def _too_large(what: str) -> str:
    return f"{what} more than the {MAX_BYTES} bytes that a Secret holds"
