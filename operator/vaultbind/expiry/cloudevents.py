"""Pure: what is told of an object, as a CloudEvent (1.0, structured JSON). Names, versions and times only."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from vaultbind.api.durations import render_duration
from vaultbind.api.names import GROUP
from vaultbind.api.refs import ObjectKey
from vaultbind.expiry.times import render_time
from vaultbind.keyvault import ObjectKind
from vaultbind.keyvault.rotation.judgement import Event, Telling, mark_of

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
_WORDS: Final = {Event.NEAR_EXPIRY: "nearexpiry", Event.EXPIRED: "expired", Event.ROTATED: "rotated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Of a rotation, as far as they could be found out; empty where not."""

    current: str = ""
    previous: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One telling on its way to the sink."""

    keyvault: ObjectKey
    """Through which it was seen; its name is part of the event."""
    vault: str
    """Host of the vault, with its port where it has one."""
    telling: Telling
    time: datetime
    """When it was seen."""
    doubtful: bool = False
    """A new process sees a version made since the sink was last told: a rotation, or a new object."""

    @property
    def id(self) -> str:
        """Names the occurrence, not the sending: the same after a restart and through another KeyVault."""
        return occurrence_of(self.vault, self.telling)


def occurrence_of(vault: str, telling: Telling) -> str:
    """Name for what is told: the same whoever tells it, and whenever."""
    properties, threshold = telling.properties, telling.threshold
    parts = (
        vault,
        properties.kind.value,
        properties.name.lower(),
        mark_of(properties),
        telling.event.value,
        "" if threshold is None else str(int(threshold.total_seconds())),
        "" if threshold is None or properties.expires_on is None else properties.expires_on.isoformat(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def type_of(telling: Telling) -> str:
    """`vaultbind.dev.secret.nearexpiry`; a certificate with a new version is `renewed`."""
    kind = telling.properties.kind
    renewed = telling.event is Event.ROTATED and kind is ObjectKind.CERTIFICATE
    return f"{GROUP}.{kind.value}.{'renewed' if renewed else _WORDS[telling.event]}"


def render_cloudevent(entry: Entry, versions: Versions = Versions()) -> dict[str, Any]:
    """Render the event; what is not known is left out of its data."""
    telling, key = entry.telling, entry.keyvault
    properties = telling.properties
    expires, threshold = properties.expires_on, telling.threshold
    data = {
        "keyVault": _known({"kind": key.kind, "namespace": key.namespace, "name": key.name}),
        "vault": entry.vault,
        "kind": properties.kind.value,
        "name": properties.name,
        "version": versions.current or properties.version,
        "previousVersion": versions.previous or telling.previous_version,
        "expires": render_time(expires) if expires is not None else "",
        "threshold": render_duration(threshold) if threshold else "",
        "daysUntilExpiry": telling.days_until_expiry,
    }
    return {
        "specversion": "1.0",
        "id": entry.id,
        "source": f"https://{entry.vault}",
        "type": type_of(telling),
        "subject": f"{properties.kind.collection}/{properties.name}",
        "time": render_time(entry.time),
        "datacontenttype": "application/json",
        "data": _known(data),
    }


def _known(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value not in ("", None)}


def is_rotation_doubtful(
    created: datetime | None, sent_until: datetime | None, skew: timedelta = timedelta(minutes=5)
) -> bool:
    """Whether a version that a new process sees may have come since the sink was last told.

    `skew` is by how much the vault's clock may differ from ours: what came that shortly before may be told
    twice, with the same id.
    """
    return created is not None and sent_until is not None and created > sent_until - skew
