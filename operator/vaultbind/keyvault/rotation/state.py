"""What a monitor remembers between two looks: small, without any value, and yours to store."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties


class ObjectKey(NamedTuple):
    """Names an object of a vault; `name` in lower case."""

    kind: ObjectKind
    name: str

    @classmethod
    def of(cls, properties: ObjectProperties) -> Self:
        """Key of the object with these properties."""
        return cls(properties.kind, properties.name.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One object as it was last seen."""

    mark: str
    """Tells its version from others."""
    expires: datetime | None = None
    told: timedelta | None = None
    """Most urgent threshold before `expires` that was told; zero: that it has expired."""
    version: str = ""
    """Where it was learned; lists do not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorState:
    """What was told.

        stored = client.expiry_monitor.state.to_json()
        client.expiry_monitor.state = MonitorState.from_json(stored)

    Who keeps nothing but `told_until` is told of expiry no crossing twice, either.
    """

    told_until: datetime | None = None
    """When something was last told of an expiry."""
    objects: Mapping[ObjectKey, Seen] = field(default_factory=dict)

    def to_json(self) -> str:
        """Text for `from_json`, with names, versions and times."""
        objects = {f"{key.kind}/{key.name}": _render_seen(seen) for key, seen in self.objects.items()}
        content = {"toldUntil": _render_time(self.told_until), "objects": objects}
        return json.dumps(content, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> "MonitorState":
        """Read what `to_json` wrote; raises KeyVaultError (VALIDATION)."""
        try:
            content = json.loads(text)
            objects = {_parse_key(key): _parse_seen(seen) for key, seen in content["objects"].items()}
            return MonitorState(told_until=_parse_time(content["toldUntil"]), objects=objects)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            pass
        raise _invalid("this is no state of an ExpiryMonitor")


def check_state(given: object) -> None:
    """Raise KeyVaultError (VALIDATION) for what is no state."""
    if not isinstance(given, MonitorState):
        raise _invalid("a state is a MonitorState: MonitorState.from_json(text)")


def check_moment(given: object) -> None:
    """Raise KeyVaultError (VALIDATION) for a moment that is not known exactly; None stands for now."""
    if given is not None and (not isinstance(given, datetime) or given.utcoffset() is None):
        raise _invalid("now is an aware datetime, such as datetime.now(UTC)")


def _invalid(detail: str) -> KeyVaultError:
    return KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)


def _render_seen(seen: Seen) -> dict[str, Any]:
    told = seen.told.total_seconds() if seen.told is not None else None
    content = {
        "mark": seen.mark,
        "expires": _render_time(seen.expires),
        "told": told,
        "version": seen.version or None,
    }
    return {name: value for name, value in content.items() if value is not None}


def _parse_seen(content: dict[str, Any]) -> Seen:
    told = content.get("told")
    return Seen(
        mark=str(content["mark"]),
        expires=_parse_time(content.get("expires")),
        told=timedelta(seconds=told) if told is not None else None,
        version=str(content.get("version") or ""),
    )


def _parse_key(text: str) -> ObjectKey:
    kind, _, name = text.partition("/")
    return ObjectKey(ObjectKind(kind), name)


def _render_time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment is not None else None


def _parse_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text is not None else None
