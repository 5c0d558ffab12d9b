"""What the CloudEvents sink has still to be told; bounded, and made anew from the vaults after a restart.

Nothing is stored but one time per KeyVault, `status.eventsSentUntil`: the sink has all up to then. It moves
when nothing of a KeyVault waits any more, so that who comes after a crash sees again what the sink may lack.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from vaultbind.api.refs import ObjectKey
from vaultbind.expiry.cloudevents import Entry, is_rotation_doubtful
from vaultbind.expiry.facts import VaultFacts
from vaultbind.expiry.plan import adopt
from vaultbind.keyvault.rotation.judgement import Event, Telling, judge
from vaultbind.keyvault.rotation.state import MonitorState, Seen
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey

MOST_WAITING: Final = 1000
"""Events that wait at once, over all vaults; what finds no room stays untold until there is some."""


@dataclass(slots=True)
class _Box:
    """One KeyVault's, of the vault it leads to."""

    of: tuple[str, str]
    """The KeyVault's uid and the vault's host."""
    sent_until: datetime | None
    state: MonitorState = field(default_factory=MonitorState)
    """Of what was put into the box."""
    learned: frozenset[VaultKey] = frozenset()
    begun: bool = False
    """All objects were judged once; what is new from now on is new."""
    seen_until: datetime | None = None
    """Everything up to then is in the box, or was."""
    waiting: set[str] = field(default_factory=set)
    sent_before: datetime | None = field(init=False)
    """What the sink had before this process came."""

    def __post_init__(self) -> None:
        self.sent_before = self.sent_until


@dataclass(slots=True, kw_only=True)
class Outbox:
    """Filled by the room of expiry, emptied by `Delivery`; both in one event loop."""

    most: int = MOST_WAITING
    _boxes: dict[ObjectKey, _Box] = field(default_factory=dict)
    _entries: dict[tuple[ObjectKey, str], Entry] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many events wait."""
        return len(self._entries)

    def take(self, key: ObjectKey, uid: str, facts: VaultFacts) -> datetime | None:
        """Judge a KeyVault's objects; returns until when its events have been sent, None for never."""
        of, box = (uid, facts.vault), self._boxes.get(key)
        if box is None or box.of != of:
            self.forget(key)
            box = self._boxes[key] = _Box(of, facts.sent_until)
        if len(self._entries) < self.most:
            self._fill(box, key, facts)
        if not box.waiting and box.begun and box.sent_until is None:
            box.sent_until = box.seen_until  # the first look found nothing to tell
        return box.sent_until

    def _fill(self, box: _Box, key: ObjectKey, facts: VaultFacts) -> None:
        known = adopt(box.state, facts, box.learned, box.sent_before)
        known = replace(known, told_until=None if box.begun else box.sent_until)
        judged = judge(facts.objects, known, facts.now, thresholds=facts.limits)
        found: dict[VaultKey, list[tuple[Telling, bool]]] = {}
        for telling in judged.tellings:
            found.setdefault(telling.key, []).append((telling, False))
        for telling in () if box.begun else _doubtful(facts, known, box.sent_until):
            found.setdefault(telling.key, []).append((telling, True))
        seen = dict(judged.state.objects)
        late = [name for name, told in found.items() if not self._put(box, key, facts, told)]
        for name in late:
            _restore(seen, known, name)
        box.state, box.learned = MonitorState(objects=seen), facts.learned
        if not late:
            box.begun, box.seen_until = True, min(facts.looked, facts.now)

    def _put(
        self, box: _Box, key: ObjectKey, facts: VaultFacts, found: Sequence[tuple[Telling, bool]]
    ) -> bool:
        """Put in all that is to be told of one object; False where there is no room for any of it."""
        if len(self._entries) >= self.most:
            return False
        for telling, doubtful in found:
            entry = Entry(keyvault=key, vault=facts.vault, telling=telling, time=facts.now, doubtful=doubtful)
            self._entries[key, entry.id] = entry
            box.waiting.add(entry.id)
        return True

    def first(self, count: int) -> list[Entry]:
        """Return those that have waited longest; they stay until `settle`."""
        return [entry for entry, _ in zip(self._entries.values(), range(count), strict=False)]

    def settle(self, entry: Entry) -> bool:
        """The sink has it, or never will; tells whether the KeyVault's status has news now."""
        self._entries.pop((entry.keyvault, entry.id), None)
        box = self._boxes.get(entry.keyvault)
        if box is None or entry.id not in box.waiting:
            return False
        box.waiting.discard(entry.id)
        if box.waiting or box.seen_until is None:
            return False
        box.sent_until = box.seen_until
        return True

    def forget(self, key: ObjectKey) -> None:
        """A KeyVault is gone, or watches no expiry any more: nothing of it is sent."""
        box = self._boxes.pop(key, None)
        for name in box.waiting if box is not None else ():
            self._entries.pop((key, name), None)


def _doubtful(facts: VaultFacts, known: MonitorState, sent_until: datetime | None) -> list[Telling]:
    return [
        Telling(event=Event.ROTATED, properties=item)
        for item in facts.objects
        if VaultKey.of(item) not in known.objects and is_rotation_doubtful(item.created_on, sent_until)
    ]


def _restore(seen: dict[VaultKey, Seen], known: MonitorState, key: VaultKey) -> None:
    """Let an object count as not judged, so that the next pass judges it again."""
    before = known.objects.get(key)
    if before is None:
        seen.pop(key, None)
    else:
        seen[key] = before
