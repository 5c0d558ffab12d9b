"""Pure: what lists of a vault show to those who look for objects (`dataFrom.find`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Final, NamedTuple

from vaultbind.api.data_from import FindEntry
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.rendering.find import has_name, has_tags
from vaultbind.rendering.rewrite import MOST_EFFORT, Effort, EffortError
from vaultbind.vaults.access import MayRead
from vaultbind.vaults.look import Sighting

MOST_COMPARED: Final = 256
"""Objects that differ between two lists and are looked at; where there are more, all finders are told."""


class Listed(NamedTuple):
    """An object as a list shows it, its name in the vault's own case."""

    name: str
    sighting: Sighting


class NoList(Enum):
    """Why there is no list of a kind."""

    FORBIDDEN = "forbidden"
    SWITCHED_OFF = "detection is Get"
    TOO_LONG = "too long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All objects of one kind, by lower-cased name."""

    items: Mapping[str, Listed]
    stamp: object = field(default_factory=object, compare=False)
    """The same one as long as no other objects can fit than before."""


Catalogs = Mapping[VaultObjectKind, Catalog | NoList]
_Move = tuple[Listed | None, Listed | None]


def next_catalog(before: Catalog | NoList | None, items: Mapping[str, Listed]) -> Catalog:
    """The catalog after another list; its stamp tells whether that can matter to anybody."""
    if isinstance(before, Catalog) and not any(True for _ in _moved(before.items, items)):
        return Catalog(items=items, stamp=before.stamp)
    return Catalog(items=items)


def find_moved(
    kind: VaultObjectKind,
    before: Catalog | NoList | None,
    after: Catalog | NoList,
    finders: Mapping[ObjectKey, Sequence[FindEntry]],
) -> Iterator[set[ObjectKey]]:
    """Readers to whom another catalog of a kind gives other objects, one entry's after another's.

    Between two of them others can have a turn. All entries together cost what one binding may; the readers
    of one that takes more than its share are told, and their own search shows what it is.
    """
    moved = _compare(before, after)
    if moved is not None and not moved:
        return
    readers = _by_entry(kind, finders)
    if moved is None:
        yield set[ObjectKey]().union(*readers.values())
        return
    share = MOST_EFFORT // max(1, len(readers))
    for entry, told in readers.items():
        yield told if _is_concerned(entry, moved, Effort(left=share)) else set()


def _compare(before: Catalog | NoList | None, after: Catalog | NoList) -> list[_Move] | None:
    """What differs, each as it was and is; None where that is not known, or too much."""
    if not (isinstance(before, Catalog) and isinstance(after, Catalog)):
        return [] if before is after else None
    if before.stamp is after.stamp:
        return []
    moved = list(islice(_moved(before.items, after.items), MOST_COMPARED + 1))
    return moved if len(moved) <= MOST_COMPARED else None


def _by_entry(
    kind: VaultObjectKind, finders: Mapping[ObjectKey, Sequence[FindEntry]]
) -> Mapping[FindEntry, set[ObjectKey]]:
    """Who looks for the same: it is compared once."""
    readers: dict[FindEntry, set[ObjectKey]] = {}
    for reader, entries in finders.items():
        for entry in entries:
            if kind in entry.kinds:
                readers.setdefault(FindEntry(regexp=entry.regexp, tags=entry.tags), set()).add(reader)
    return readers


def _moved(before: Mapping[str, Listed], after: Mapping[str, Listed]) -> Iterator[_Move]:
    for low, listed in after.items():
        if (old := before.get(low)) is None or _mark(old) != _mark(listed):
            yield old, listed
    for low, old in before.items():
        if low not in after:
            yield old, None


def _mark(listed: Listed) -> tuple[object, ...]:
    """All that membership follows from."""
    seen = listed.sighting
    return listed.name, seen.fingerprint.tags, seen.enabled, seen.managed


def _is_concerned(entry: FindEntry, moved: Sequence[_Move], effort: Effort) -> bool:
    try:
        return any(_is_member(entry, old, effort) != _is_member(entry, new, effort) for old, new in moved)
    except EffortError:
        return True


def _is_member(entry: FindEntry, listed: Listed | None, effort: Effort) -> bool:
    """Raises EffortError."""
    return listed is not None and _may_fit(entry, listed) and has_name(entry, listed.name, effort)


def _may_fit(entry: FindEntry, listed: Listed) -> bool:
    """Whether an object is found if it has the name: enabled, and not only a part of a certificate."""
    seen = listed.sighting
    return seen.enabled and not seen.managed and has_tags(entry, seen.fingerprint.tags)


def find_all(
    entries: Sequence[FindEntry],
    catalogs: Mapping[VaultObjectKind, Catalog],
    may_read: MayRead,
    unlisted: Mapping[VaultObjectRef, Listed],
) -> tuple[tuple[VaultObjectRef, ...], ...]:
    """What each entry finds, by kind and name; `unlisted` are objects that a list lacks and that are there.

    What may not be read is not found, and costs no effort: that would tell how much there is. Raises
    EffortError.
    """
    effort = Effort()
    return tuple(_find(entry, catalogs, may_read, unlisted, effort) for entry in entries)


def _find(
    entry: FindEntry,
    catalogs: Mapping[VaultObjectKind, Catalog],
    may_read: MayRead,
    unlisted: Mapping[VaultObjectRef, Listed],
    effort: Effort,
) -> tuple[VaultObjectRef, ...]:
    found: list[VaultObjectRef] = []
    for kind in entry.kinds:
        items = catalogs[kind].items
        more = [item for ref, item in unlisted.items() if ref.kind is kind and ref.name.lower() not in items]
        names = (
            item.name
            for item in (*items.values(), *more)
            if _may_fit(entry, item) and may_read(kind, item.name) and has_name(entry, item.name, effort)
        )
        found += (VaultObjectRef(kind, name) for name in sorted(names))
    return tuple(found)
