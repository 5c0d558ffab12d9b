"""Typed reading of an object that nobody vouches for.

A custom resource may have been admitted by another release's schema, so each rule of the CRD is kept here
again. Null counts as absent. Messages name the field and never repeat what it holds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from vaultbind.api.durations import parse_duration
from vaultbind.api.errors import SpecError
from vaultbind.api.grammar import Grammar

_ChoiceT = TypeVar("_ChoiceT", bound=StrEnum)
_MISSING: Final = "is required"


class Fields:
    """The fields of one object, and the path under which messages name it.

    Every method raises SpecError (InvalidSpec) where the field does not hold what is asked for.
    """

    __slots__ = ("_values", "path")

    def __init__(self, values: object, path: str) -> None:
        """Read `values`, which stand at `path`."""
        if not isinstance(values, Mapping):
            raise SpecError(path, "must be an object")
        self._values: Mapping[str, Any] = values
        self.path = path

    def fail(self, field: str, problem: str) -> SpecError:
        """Return the error for `field`."""
        return SpecError(f"{self.path}.{field}", problem)

    def has(self, field: str) -> bool:
        """Tell whether the field is there."""
        return self._values.get(field) is not None

    def only_one_of(self, *names: str) -> str:
        """Return the one field of `names` that is there; none or several are an error."""
        found = [name for name in names if self.has(name)]
        if len(found) != 1:
            raise SpecError(self.path, f"exactly one of {_enumerate(names)} must be set")
        return found[0]

    def at_most_one_of(self, *names: str) -> None:
        """Raise if several fields of `names` are there."""
        if sum(map(self.has, names)) > 1:
            raise SpecError(self.path, f"at most one of {_enumerate(names)} may be set")

    def text(self, field: str, grammar: Grammar, default: str = "") -> str:
        """Return a text that fits the grammar."""
        value = self._values.get(field)
        if value is None:
            return default
        if not isinstance(value, str) or not grammar.is_met(value):
            raise self.fail(field, grammar.sentence)
        return value

    def required_text(self, field: str, grammar: Grammar) -> str:
        """Return a text that fits the grammar and must be there."""
        if not self.has(field):
            raise self.fail(field, _MISSING)
        return self.text(field, grammar)

    def choice(self, field: str, default: _ChoiceT) -> _ChoiceT:
        """Return the member of `default`'s enum that the field names."""
        value = self._values.get(field)
        if value is None:
            return default
        try:
            return type(default)(value)
        except ValueError:
            raise self.fail(field, f"must be one of {', '.join(type(default))}") from None

    def flag(self, field: str) -> bool:
        """Return a boolean, false when absent."""
        value = self._values.get(field)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.fail(field, "must be true or false")
        return value

    def whole(self, field: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number between `least` and `most`."""
        value = self._values.get(field)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.fail(field, f"must be a whole number from {least} to {most}")
        return value

    def duration(self, field: str, default: timedelta) -> timedelta:
        """Return a duration of the grammar that `durations` describes."""
        value = self._values.get(field)
        return default if value is None else _parse_duration_at(value, f"{self.path}.{field}")

    def durations(self, field: str, default: tuple[timedelta, ...], *, most: int) -> tuple[timedelta, ...]:
        """Return a list of durations as it stands."""
        if not self.has(field):
            return default
        return tuple(_parse_duration_at(value, path) for value, path in self._items(field, most))

    def object(self, field: str) -> "Fields | None":
        """Return the fields of an object below this one, None when absent."""
        value = self._values.get(field)
        return None if value is None else Fields(value, f"{self.path}.{field}")

    def required_object(self, field: str) -> "Fields":
        """Return the fields of an object below this one that must be there."""
        if not self.has(field):
            raise self.fail(field, _MISSING)
        return Fields(self._values[field], f"{self.path}.{field}")

    def objects(self, field: str, *, most: int) -> list["Fields"]:
        """Return the objects of a list, empty when absent."""
        return [Fields(value, path) for value, path in self._items(field, most)]

    def texts(
        self, field: str, grammar: Grammar, *, most: int, may_be_empty: bool = False
    ) -> tuple[str, ...]:
        """Return the texts of a list, empty when absent; a list that is there must hold one at least."""
        found = tuple(
            _checked(value, path, grammar.is_met, grammar.sentence)
            for value, path in self._items(field, most)
        )
        if not found and self.has(field) and not may_be_empty:
            raise self.fail(field, "must not be empty, leave it out instead")
        return found

    def pairs(self, field: str, keys: Grammar, values: Grammar, *, most: int) -> dict[str, str]:
        """Return a map of texts; a key that does not fit is not repeated in the message."""
        found = self._values.get(field)
        if found is None:
            return {}
        if not isinstance(found, Mapping) or len(found) > most:
            raise self.fail(field, f"must be a map of at most {most} texts")
        for key, value in found.items():
            if not keys.is_met(key):
                raise self.fail(field, f"a key {keys.sentence}")
            if not isinstance(value, str) or not values.is_met(value):
                raise self.fail(f"{field}[{key}]", values.sentence)
        return dict(found)

    def _items(self, field: str, most: int) -> Iterator[tuple[Any, str]]:
        found = self._values.get(field)
        if found is None:
            return
        if not isinstance(found, Sequence) or isinstance(found, str) or len(found) > most:
            raise self.fail(field, f"must be a list of at most {most} entries")
        for index, value in enumerate(found):
            yield value, f"{self.path}.{field}[{index}]"


def _checked(value: object, path: str, is_met: Callable[[str], bool], sentence: str) -> str:
    if not isinstance(value, str) or not is_met(value):
        raise SpecError(path, sentence)
    return value


def _parse_duration_at(value: object, path: str) -> timedelta:
    if not isinstance(value, str):
        raise SpecError(path, "must be a duration such as 30s, 5m, 1h30m or 7d")
    try:
        return parse_duration(value)
    except ValueError as error:
        raise SpecError(path, str(error)) from None


def _enumerate(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
