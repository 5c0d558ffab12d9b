"""Pure: the objects of a KeyVault that a status can name: those that end next, and those that ended last.

A status is no inventory: it has room for some, whatever the vault holds, and counts the others.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vaultbind.expiry.times import render_time
from vaultbind.keyvault import ObjectProperties

MOST_NAMED: Final = 20
"""Objects in a status (`maxItems` of the schema)."""
ROOM_FOR_PAST: Final = 5
"""Of these for what has ended, where more will end: old ends that nobody cleans up must not hide it."""

_End = tuple[datetime, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Soonest:
    """What is named, and how many there are in all."""

    entries: tuple[dict[str, Any], ...]
    """`{kind, name, expires}`, the earliest end first."""
    ending: int
    """Enabled objects that end some time."""


def find_soonest(objects: Iterable[ObjectProperties], now: datetime) -> Soonest:
    """Choose who is named; as long as no object changes and none ends, it is the same choice."""
    ends: list[_End] = [
        (item.expires_on, item.kind.value, item.name)
        for item in objects
        if item.expires_on is not None and item.enabled
    ]
    past = heapq.nlargest(MOST_NAMED, (end for end in ends if end[0] <= now))
    coming = heapq.nsmallest(MOST_NAMED, (end for end in ends if end[0] > now))
    named_past = past[: max(ROOM_FOR_PAST, MOST_NAMED - len(coming))]
    named = sorted([*named_past, *coming[: MOST_NAMED - len(named_past)]])
    return Soonest(entries=tuple(_entry(end) for end in named), ending=len(ends))


def _entry(end: _End) -> dict[str, Any]:
    expires, kind, name = end
    return {"kind": kind, "name": name, "expires": render_time(expires)}
