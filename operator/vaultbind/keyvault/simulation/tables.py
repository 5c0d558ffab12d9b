"""What a vault holds beside its objects: named tables of immutable records, which tell whoever listens."""

from collections import UserDict
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Listener = Callable[[str, object | None], None]
"""Called with a lower-case name that changed and, where a version was added, that version."""


class Table(UserDict[str, T]):
    """Records by lower-case name; a record is replaced, never changed in place: so each change is seen."""

    def __init__(self, hint: Any) -> None:
        """`hint` is the type of the records, as `codec.decode` takes it."""
        self.hint = hint
        self.listeners: list[Listener] = []
        super().__init__()

    def __setitem__(self, key: str, record: T) -> None:
        """Write a record."""
        super().__setitem__(key, record)
        self._tell(key)

    def __delitem__(self, key: str) -> None:
        """Forget a record; raises KeyError."""
        super().__delitem__(key)
        self._tell(key)

    def _tell(self, key: str) -> None:
        for listener in self.listeners:
            listener(key, None)
