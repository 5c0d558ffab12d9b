"""Kopf keeps nothing on our objects: no diff base, no progress, no finalizer."""

from collections.abc import Collection
from typing import Any

import kopf


class NullDiffBase(kopf.DiffBaseStorage):
    """Remembers no former state: nothing of ours asks for differences."""

    def build(self, **_: Any) -> Any:
        """Nothing."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing."""
        return {}

    def store(self, **_: Any) -> None:
        """Nothing."""


class NullProgress(kopf.ProgressStorage):
    """Remembers no handlers' progress: ours have none."""

    def fetch(self, **_: Any) -> Any:
        """Nothing."""
        return None

    def store(self, **_: Any) -> None:
        """Nothing."""

    def purge(self, **_: Any) -> None:
        """Nothing."""

    def touch(self, **_: Any) -> None:
        """Nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Nothing."""
        return essence


class EndlessBackoff(Collection[float]):
    """Seconds between retries of Kopf's own requests: 1, 2, 5, 10, then 30 for ever."""

    _first = (1.0, 2.0, 5.0, 10.0)

    def __iter__(self) -> Any:
        """Start anew for each request."""
        yield from self._first
        while True:
            yield 30.0

    def __len__(self) -> int:
        """Formal: the iteration does not end."""
        return len(self._first) + 1

    def __contains__(self, item: object) -> bool:
        """Formal."""
        return item in self._first or item == 30.0
