"""How far the time of the vaults is ahead of the clock: of all of them, and of single ones on top."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

LIMIT: Final = timedelta(days=36_500)


class VaultTime:
    """Time that can be moved. Tokens stay on the clock: moving time logs nobody out."""

    def __init__(self) -> None:
        """Begin on the clock."""
        self.shared = timedelta()
        self.own: dict[str, timedelta] = {}
        self.moves = 0
        """How often it was moved."""
        self.listeners: list[Callable[[], None]] = []
        """Called whenever time was moved."""

    def at(self, vault: str, now: datetime) -> datetime:
        """Time of a vault when the clock shows `now`; without a name, the one that all share."""
        own = self.own.get(vault)
        if own is None:
            return now + self.shared if self.shared else now
        return now + self.shared + own

    def advance(self, distance: timedelta, vault: str = "") -> None:
        """Move the time of one vault or of all; raises ValueError beyond 100 years from the clock."""
        if vault:
            self._put(vault, self.own.get(vault, timedelta()) + distance)
        else:
            self.shared = _checked(self.shared + distance)
        self._tell()

    def move_to(self, moment: datetime, now: datetime, vault: str = "") -> None:
        """Make it `moment` now; from there it goes on. Raises ValueError as `advance` does."""
        self.advance(moment - self.at(vault, now), vault)

    def reset(self, vault: str = "") -> None:
        """Go back to the clock: one vault to the shared time, or everything."""
        if vault:
            self.own.pop(vault, None)
        else:
            self.shared = timedelta()
            self.own.clear()
        self._tell()

    def load(self, shared: timedelta, own: Mapping[str, timedelta]) -> None:
        """Be as far ahead as somewhere else, where it was checked."""
        self.shared = shared
        self.own = dict(own)
        self._tell()

    def _tell(self) -> None:
        self.moves += 1
        for listener in self.listeners:
            listener()

    def _put(self, vault: str, distance: timedelta) -> None:
        self.own[vault] = _checked(distance)
        if not distance:
            del self.own[vault]


def _checked(distance: timedelta) -> timedelta:
    if abs(distance) > LIMIT:
        raise ValueError(f"time can be at most {LIMIT.days} days away from the clock")
    return distance
