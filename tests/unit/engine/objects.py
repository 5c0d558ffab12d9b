"""Objects, clock, sink and observer for tests of the engine."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from vaultbind.api.conditions import Condition, ConditionType, Reason, Status
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.cache import RawObject
from vaultbind.engine.report import Note

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
STAMP = "2026-11-24T12:00:00Z"
EARLIER = "2026-11-24T11:00:00Z"
KIND = "Thing"


def key_of(name: str, kind: str = KIND) -> ObjectKey:
    return ObjectKey(kind, "shop", name)


def thing(name: str = "a", *, uid: str = "u1", version: int = 1, **parts: Any) -> dict[str, Any]:
    """An object; `parts` are members of metadata, `status` stands beside it."""
    status = parts.pop("status", None)
    metadata = {"name": name, "uid": uid, "resourceVersion": str(version), "generation": 1, **parts}
    return {"kind": KIND, "metadata": metadata, **({"status": status} if status is not None else {})}


def condition(
    kind: ConditionType = ConditionType.SYNCED,
    status: Status = Status.TRUE,
    reason: Reason = Reason.SYNCED,
    message: str = "as it should be",
) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)


FINE = condition()
BAD = condition(status=Status.FALSE, reason=Reason.TIMEOUT, message="too slow")


@dataclass
class FakeClock:
    """Moves when told."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000.0)


@dataclass
class FakeSink:
    """Keeps what is written; answers as an API server would."""

    version: int = 100
    patches: list[tuple[ObjectKey, dict[str, Any]]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    fail: Callable[[], Exception | None] = lambda: None
    stored: dict[ObjectKey, RawObject] = field(default_factory=dict)

    async def write_status(self, key: ObjectKey, patch: Mapping[str, Any]) -> RawObject:
        await asyncio.sleep(0)
        error = self.fail()
        if error is not None:
            raise error
        self.log.append("status")
        self.patches.append((key, dict(patch)))
        self.version += 1
        known = self.stored.get(key, thing(key.name))
        metadata = {**known["metadata"], "resourceVersion": str(self.version)}
        self.stored[key] = {
            **known,
            "metadata": metadata,
            "status": {**(known.get("status") or {}), **patch["status"]},
        }
        return self.stored[key]

    async def post_note(self, obj: RawObject, note: Note) -> None:
        _ = obj
        self.log.append(f"note {note.reason.word}")
        self.notes.append(note)


@dataclass
class Work:
    """What the observer was told."""

    done: list[tuple[str, str]] = field(default_factory=list)

    def worked(self, kind: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.done.append((kind, outcome))

    @property
    def outcomes(self) -> list[str]:
        return [outcome for _, outcome in self.done]
