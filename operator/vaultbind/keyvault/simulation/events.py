"""What a vault tells the world: new versions, and current versions that come near their end or reach it.

Expiry is told of versions that were made while somebody watched, as the real service does it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
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


Place = tuple[str, Kind, str, str]
"""Vault, kind, lower-case name and version."""


class EventSource:
    """Watches an estate and hands events to `sink`, from `start` on (which may be called again)."""

    def __init__(self, estate: Estate, sink: Callable[[VaultEvent], None]) -> None:
        """Watch nothing yet: as long as nobody wants events, they cost nothing."""
        self._estate = estate
        self._sink = sink
        self._started = False
        self._told: dict[Place, set[Happening]] = {}
        self._next = 0.0
        """Before this time of the clock nothing can come due."""

    def start(self) -> None:
        """Watch from now on."""
        if self._started:
            return
        self._started = True
        for vault in self._estate.vaults.values():
            self._watch(vault)
        self._estate.newcomers.append(self._watch)
        self._estate.time.listeners.append(self._wake)

    def _watch(self, vault: SimulatedVault) -> None:
        for kind in Kind:
            vault.store(kind).listeners.append(self._listener(vault, kind))
        vault.tables["rotation"].listeners.append(lambda _key, _added: self._wake())

    def _listener(self, vault: SimulatedVault, kind: Kind) -> Callable[[str, object | None], None]:
        def heard(key: str, added: Any) -> None:
            self._wake()
            if added is not None:
                self._told[vault.name, kind, key, added.version] = set()
            current = self._current(vault, kind, key)
            place = (vault.name, kind, key, current.version if current else "")
            if current is not None and place in self._told and _is_there(current):
                self._tell(place, current, Happening.CREATED)

        return heard

    def _wake(self) -> None:
        self._next = 0.0

    def sweep(self) -> None:
        """Tell what came near its end or reached it since the last time."""
        now = self._estate.now().timestamp()
        if now < self._next:
            return
        self._next = math.inf
        for place in tuple(self._told):
            self._judge(place, now)

    def _judge(self, place: Place, now: float) -> None:
        vault = self._estate.vaults[place[0]]
        current = self._current(vault, place[1], place[2])
        if current is None or current.version != place[3]:
            if current is not None or vault.store(place[1]).find(place[2]) is None:
                del self._told[place]  # a newer version counts now, or it is purged
            return
        end = current.attributes.expires
        if end is None or not _is_there(current):
            return
        vault_now = int(self._estate.now(vault.name).timestamp())
        moments = ((Happening.NEAR_EXPIRY, near_expiry(vault, place[1], current)), (Happening.EXPIRED, end))
        for happening, moment in moments:
            if moment is not None and moment <= vault_now:
                self._tell(place, current, happening)
            elif moment is not None:
                self._next = min(self._next, now + moment - vault_now)

    def _current(self, vault: SimulatedVault, kind: Kind, key: str) -> AnyVersion | None:
        found = vault.store(kind).find(key)
        return found[0].latest if found is not None and found[1] is None else None

    def _tell(self, place: Place, record: AnyVersion, happening: Happening) -> None:
        if happening in self._told[place]:
            return
        self._told[place].add(happening)
        self._sink(
            VaultEvent(
                id=str(uuid4()),
                vault=place[0],
                kind=place[1],
                name=record.name,
                version=record.version,
                happening=happening,
                time=int(self._estate.now(place[0]).timestamp()),
                not_before=record.attributes.not_before,
                expires=record.attributes.expires,
            )
        )


def _is_there(record: AnyVersion) -> bool:
    """Tell whether a version is complete: a certificate is not while nobody has signed it."""
    return not isinstance(record, CertificateVersion) or record.is_issued


def near_expiry(vault: SimulatedVault, kind: Kind, record: AnyVersion) -> int | None:
    """When a version's coming end is told, None: never."""
    end = record.attributes.expires
    if end is None:
        return None
    if kind is not Kind.KEYS:
        return end - NEAR_SECONDS
    for action in vault.keys.get_rotation(record.name).actions:
        if action.action == "Notify" and action.trigger == "timeBeforeExpiry":
            return add(end, parse_period(action.period), back=True)
    return None
