"""Hints that an object may have changed, from Event Grid: each leads to one look at that object, no more.

A hint is not believed: it says where to look, and the vault says what is there. So one that is forged,
repeated or late costs a get at most, and that only for objects that somebody has bound.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.engine.cache import RawObject
from vaultbind.engine.clock import Clock
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Report
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.session import VaultSession

KIND_HINT: Final = "VaultHint"
"""Not a kind of the cluster: the engine's name for looks at single objects."""
MOST_REMEMBERED: Final = 10_000
"""Ids of events that are known as had."""
EVERY_SECONDS: Final = 2.0
"""Between two looks at one object, however many hints come."""
_PREFIX: Final = "Microsoft.KeyVault."
_COLLECTIONS: Final = {
    "secrets": VaultObjectKind.SECRET,
    "keys": VaultObjectKind.KEY,
    "certificates": VaultObjectKind.CERTIFICATE,
}
_LONGEST: Final = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One event: its id, and the object that it is about, in lower case."""

    id: str
    host: str
    kind: VaultObjectKind
    name: str

    @property
    def key(self) -> ObjectKey:
        """Under which the engine knows the look."""
        return ObjectKey(KIND_HINT, self.host, f"{self.kind.value}/{self.name}")


def parse_hints(content: Any) -> Iterator[Hint]:
    """Find events about objects of vaults, CloudEvents or of Event Grid's schema; others are left out."""
    for event in content if isinstance(content, list) else [content]:
        if isinstance(event, dict) and (hint := _parse(event)) is not None:
            yield hint


def _parse(event: dict[str, Any]) -> Hint | None:
    kind, data = event.get("type") or event.get("eventType"), event.get("data")
    if not (isinstance(kind, str) and kind.startswith(_PREFIX) and isinstance(data, dict)):
        return None
    address, identifier = data.get("Id"), event.get("id")
    if not (isinstance(address, str) and isinstance(identifier, str)):
        return None
    if len(address) > _LONGEST or not 0 < len(identifier) <= _LONGEST:
        return None
    try:
        parts = urlsplit(address.lower())
    except ValueError:
        return None
    steps = parts.path.split("/")
    if len(steps) < 3 or steps[1] not in _COLLECTIONS or not steps[2]:
        return None
    host = parts.netloc.removesuffix(":443")
    return Hint(id=identifier, host=host, kind=_COLLECTIONS[steps[1]], name=steps[2])


class HintObserver(Protocol):
    """Told of each hint; must not block."""

    def hinted(self, outcome: str) -> None:
        """Outcome is taken, repeated, unknown (no binding wants it) or refused (of no known sender)."""


@dataclass(slots=True, kw_only=True)
class HintRoom:
    """Takes hints, and looks as the engine lets it: one key per object waits once."""

    hub: VaultHub
    clock: Clock
    observer: HintObserver
    enqueue: Callable[[ObjectKey, Priority], None]
    _had: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _looked: dict[ObjectKey, float] = field(default_factory=dict)
    """Monotonic seconds of the last look at an object, the oldest first; forgotten after `EVERY_SECONDS`."""

    def take(self, hint: Hint) -> None:
        """Let the object have a look soon."""
        if hint.id in self._had:
            self.observer.hinted("repeated")
            return
        self._had[hint.id] = None
        if len(self._had) > MOST_REMEMBERED:
            self._had.popitem(last=False)
        if not any(True for _ in self._wanted(hint.host, hint.kind.value, hint.name)):
            self.observer.hinted("unknown")
            return
        self.observer.hinted("taken")
        self.enqueue(hint.key, Priority.URGENT)

    async def look(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        """Look at one object, or say when it may be looked at again."""
        _ = obj, priority
        now = self.clock.monotonic()
        wait = self._looked.get(key, now - EVERY_SECONDS) + EVERY_SECONDS - now
        if wait > 0:
            return Report(next_in=wait)
        kind, _, name = key.name.partition("/")
        found: dict[str, tuple[VaultSession, set[VaultObjectRef]]] = {}
        for session, ref in self._wanted(key.namespace, kind, name):
            found.setdefault(session.name, (session, set()))[1].add(ref)
        if not found:
            self._looked.pop(key, None)
            return None
        self._note(key, now)
        for session, refs in found.values():
            await self.hub.watcher(session).look_at(refs)
        return None

    def _note(self, key: ObjectKey, now: float) -> None:
        """Remember a look, and forget those that hold nothing back any more."""
        self._looked.pop(key, None)
        self._looked[key] = now
        for old, moment in list(self._looked.items()):
            if now - moment < EVERY_SECONDS:
                break
            del self._looked[old]

    def _wanted(self, host: str, kind: str, name: str) -> Iterator[tuple[VaultSession, VaultObjectRef]]:
        """Bound objects of that name; a certificate's secret and key are told as it."""
        certificate = kind == VaultObjectKind.CERTIFICATE.value
        for session in self.hub.sessions():
            if urlsplit(session.spec.url).netloc != host:
                continue
            for vault, ref in self.hub.book.find_named(name):
                fits = not ref.version and (certificate or ref.kind.value == kind)
                if fits and vault in session.members:
                    yield session, ref
