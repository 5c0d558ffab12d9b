"""What a vault tells the world: new versions, and current versions that come near their end or reach it.

Expiry is told of versions that were made while somebody watched, as the real service does it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

from vaultbind.keyvault.simulation.estate import Estate
from vaultbind.keyvault.simulation.periods import add, parse_period
from vaultbind.keyvault.simulation.problems import NOUNS
from vaultbind.keyvault.simulation.records import CertificateVersion, Kind
from vaultbind.keyvault.simulation.vault import AnyVersion, SimulatedVault

NEAR_SECONDS: Final = 30 * 86_400
"""How long before their end secrets and certificates are told; keys have it in their rotation policy."""


class Happening(StrEnum):
    """What is told of an object's version."""

    CREATED = "NewVersionCreated"
    NEAR_EXPIRY = "NearExpiry"
    EXPIRED = "Expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultEvent:
    """One event; times in epoch seconds, never a value."""

    id: str
    vault: str
    kind: Kind
    name: str
    version: str
    happening: Happening
    time: int
    not_before: int | None
    expires: int | None

    @property
    def type(self) -> str:
        """Such as `Microsoft.KeyVault.SecretNewVersionCreated`."""
        return f"Microsoft.KeyVault.{NOUNS[self.kind]}{self.happening}"


Place = tuple[str, Kind, str]
"""Vault, kind and lower-case name."""


@dataclass(slots=True, kw_only=True)
class _Watched:
    """The current version of an object, if it was made while somebody watched, and what was told of it."""

    version: str
    told: set[Happening] = field(default_factory=set)


class EventSource:
    """Watches an estate and hands events to `sink`, from `start` on (which may be called again)."""

    def __init__(self, estate: Estate, sink: Callable[[VaultEvent], None]) -> None:
        """Watch nothing yet: as long as nobody wants events, they cost nothing."""
        self._estate = estate
        self._sink = sink
        self._started = False
        self._watched: dict[Place, _Watched] = {}
        self._next = math.inf
        """Before this time of the clock nothing comes due by itself."""

    def start(self) -> None:
        """Watch from now on."""
        if self._started:
            return
        self._started = True
        for vault in self._estate.vaults.values():
            self._watch(vault)
        self._estate.newcomers.append(self._watch)
        self._estate.time.listeners.append(self._look_again)

    def _watch(self, vault: SimulatedVault) -> None:
        for kind in Kind:
            vault.store(kind).listeners.append(self._listener(vault, kind))
        vault.tables["rotation"].listeners.append(self._listener(vault, Kind.KEYS))

    def _listener(self, vault: SimulatedVault, kind: Kind) -> Callable[[str, object | None], None]:
        def heard(key: str, added: Any) -> None:
            place = (vault.name, kind, key)
            if added is not None:
                self._watched[place] = _Watched(version=added.version)
            self._judge(place)

        return heard

    def _look_again(self) -> None:
        self._next = 0.0

    def sweep(self) -> None:
        """Tell what came near its end or reached it since the last time."""
        if self._estate.now().timestamp() < self._next:
            return
        self._next = math.inf
        for place in tuple(self._watched):
            self._judge(place)

    def _judge(self, place: Place) -> None:
        """Tell what is due of one object, and note when to look at it again."""
        watched = self._watched.get(place)
        if watched is None:
            return
        vault = self._estate.vaults[place[0]]
        found = vault.store(place[1]).find(place[2])
        if found is None or found[0].latest.version != watched.version:
            del self._watched[place]
            return
        record = found[0].latest
        if found[1] is not None or not _is_there(record):
            return
        clock = self._estate.now()
        now = self._estate.time.at(vault.name, clock).timestamp()
        for happening, moment in moments(vault, place[1], record):
            if moment > now:
                self._next = min(self._next, clock.timestamp() + moment - now)
            elif happening not in watched.told:
                watched.told.add(happening)
                self._sink(_event(vault, place[1], record, happening, int(now)))


def _event(
    vault: SimulatedVault, kind: Kind, record: AnyVersion, happening: Happening, now: int
) -> VaultEvent:
    return VaultEvent(
        id=str(uuid4()),
        vault=vault.name,
        kind=kind,
        name=record.name,
        version=record.version,
        happening=happening,
        time=now,
        not_before=record.attributes.not_before,
        expires=record.attributes.expires,
    )


def _is_there(record: AnyVersion) -> bool:
    """Tell whether a version is complete: a certificate is not while nobody has signed it."""
    return not isinstance(record, CertificateVersion) or record.is_issued


def moments(vault: SimulatedVault, kind: Kind, record: AnyVersion) -> Iterator[tuple[Happening, float]]:
    """When what happens to a version that is there, in epoch seconds; its creation is past."""
    yield Happening.CREATED, -math.inf
    end = record.attributes.expires
    if end is None:
        return
    near = end - NEAR_SECONDS if kind is not Kind.KEYS else _notice(vault, record.name, end)
    if near is not None:
        yield Happening.NEAR_EXPIRY, near
    yield Happening.EXPIRED, end


def _notice(vault: SimulatedVault, name: str, end: int) -> int | None:
    """When the coming end of a key is told, as its rotation policy says."""
    for action in vault.keys.get_rotation(name).actions:
        if action.action == "Notify" and action.trigger == "timeBeforeExpiry":
            return add(end, parse_period(action.period), back=True)
    return None
