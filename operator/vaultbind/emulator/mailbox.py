"""Events on their way to one subscriber: at least once, order not promised. Pure; times in epoch seconds."""

import random
from dataclasses import dataclass
from itertools import count
from typing import Final

from vaultbind.keyvault.simulation.events import VaultEvent

CAPACITY: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An event that somebody has in hand until it is settled, postponed or the hold ends."""

    token: str
    event: VaultEvent
    attempt: int


@dataclass(slots=True, kw_only=True)
class _Letter:
    event: VaultEvent
    put: float
    due: float
    attempts: int = 0
    token: str = ""


class Mailbox:
    """Keeps what was not settled yet. The oldest letters fall out when there are too many."""

    def __init__(self, *, most_attempts: int, lifetime: float, shuffle: random.Random | None = None) -> None:
        """`lifetime` in seconds; `shuffle` mixes the order in which letters are taken."""
        self._most_attempts = most_attempts
        self._lifetime = lifetime
        self._shuffle = shuffle
        self._numbers = count(1)
        self._letters: dict[int, _Letter] = {}
        self._tokens: dict[str, int] = {}
        self.delivered = 0
        self.dropped = 0

    def __len__(self) -> int:
        """Count the letters."""
        return len(self._letters)

    def put(self, event: VaultEvent, now: float) -> None:
        """Add a letter."""
        if len(self._letters) >= CAPACITY:
            self._drop(next(iter(self._letters)))
        self._letters[next(self._numbers)] = _Letter(event=event, put=now, due=now)

    def take(self, now: float, limit: int, hold: float) -> list[Held]:
        """Hand out up to `limit` letters that are due; each comes again when the hold ends unsettled."""
        due = [number for number, letter in self._letters.items() if letter.due <= now]
        if self._shuffle is not None:
            self._shuffle.shuffle(due)
        taken: list[Held] = []
        for number in due:
            if len(taken) == limit:
                break
            letter = self._letters[number]
            if letter.attempts >= self._most_attempts or now - letter.put > self._lifetime:
                self._drop(number)
                continue
            taken.append(self._hold(number, letter, now + hold))
        return taken

    def _hold(self, number: int, letter: _Letter, until: float) -> Held:
        self._tokens.pop(letter.token, None)
        letter.attempts += 1
        letter.due = until
        letter.token = f"{number:08x}-{letter.attempts:04x}"
        self._tokens[letter.token] = number
        return Held(token=letter.token, event=letter.event, attempt=letter.attempts)

    def settle(self, token: str, now: float, *, delivered: bool = True) -> bool:
        """Forget a letter that is held; False when the hold has ended or never was."""
        number = self._held(token, now)
        if number is None:
            return False
        if delivered:
            self.delivered += 1
            del self._tokens[token]
            del self._letters[number]
        else:
            self._drop(number)
        return True

    def postpone(self, token: str, now: float, until: float, *, keep: bool = False) -> bool:
        """Have a letter come again at `until`, still held with `keep`; False as `settle`."""
        number = self._held(token, now)
        if number is None:
            return False
        self._letters[number].due = until
        if not keep:
            del self._tokens[token]
            self._letters[number].token = ""
        return True

    def _held(self, token: str, now: float) -> int | None:
        number = self._tokens.get(token)
        return number if number is not None and self._letters[number].due > now else None

    def _drop(self, number: int) -> None:
        letter = self._letters.pop(number)
        self._tokens.pop(letter.token, None)
        self.dropped += 1
