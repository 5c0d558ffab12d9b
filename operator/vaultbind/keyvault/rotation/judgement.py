"""What is worth telling of a vault's objects: pure. Objects, what was told, and now; out come tellings.

An object's *crossings* are the moments at which a threshold before its expiry passes, and the expiry itself.
Each is told once per version and expiry date. When several have passed since the last judgement, the most
urgent one is told for all of them.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from vaultbind.keyvault.rotation.state import MonitorState, ObjectKey, Seen
from vaultbind.keyvault.types.certificate import CertificateProperties
from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties

DAY = timedelta(days=1)
EXPIRY = timedelta(0)
"""The last threshold: the expiry itself."""
THRESHOLDS = (30 * DAY, 7 * DAY, DAY)
Thresholds = Sequence[timedelta] | Callable[[ObjectProperties], Sequence[timedelta]]
"""For all objects, or a function that says which are for one."""


class Validity(StrEnum):
    """Whether an object can be used now."""

    VALID = "Valid"
    EXPIRES_SOON = "ExpiresSoon"
    EXPIRED = "Expired"
    NOT_YET_VALID = "NotYetValid"
    DISABLED = "Disabled"


class Event(StrEnum):
    """What is told."""

    NEAR_EXPIRY = "NearExpiry"
    EXPIRED = "Expired"
    ROTATED = "Rotated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One thing to tell; `threshold` is the one that was crossed, None for ROTATED."""

    event: Event
    properties: ObjectProperties
    threshold: timedelta | None = None
    days_until_expiry: int | None = None
    """Whole days that are left; 0 on the last day and afterwards."""
    previous_version: str = ""
    """Of ROTATED: the version that was current before, where it is known."""

    @property
    def key(self) -> ObjectKey:
        """Which object it is about."""
        return ObjectKey.of(self.properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Tellings in the order of the objects, and the state to judge the next look with."""

    tellings: tuple[Telling, ...]
    state: MonitorState


def judge(
    objects: Iterable[ObjectProperties],
    state: MonitorState,
    now: datetime,
    *,
    thresholds: Thresholds = THRESHOLDS,
    kinds: Collection[ObjectKind] = tuple(ObjectKind),
) -> Judgement:
    """Judge all objects of the vault's `kinds`; what is known of other kinds is kept.

    What is not among `objects` is forgotten. `told_until` of the state moves to `now` with a crossing.
    """
    seen = {key: known for key, known in state.objects.items() if key.kind not in kinds}
    tellings: list[Telling] = []
    for properties in objects:
        key = ObjectKey.of(properties)
        known = state.objects.get(key)
        limits = thresholds(properties) if callable(thresholds) else thresholds
        told, seen[key] = judge_object(properties, known, now, thresholds=limits, told_until=state.told_until)
        tellings += told
    crossed = any(telling.event is not Event.ROTATED for telling in tellings)
    told_until = now if crossed else state.told_until
    return Judgement(tellings=tuple(tellings), state=MonitorState(told_until=told_until, objects=seen))


def judge_object(
    properties: ObjectProperties,
    known: Seen | None,
    now: datetime,
    *,
    thresholds: Sequence[timedelta] = THRESHOLDS,
    told_until: datetime | None = None,
) -> tuple[list[Telling], Seen]:
    """Judge one object against what was `known` of it; returns what to tell and what is known then.

    Of an object that is not known, crossings up to `told_until` count as told unless it was created later.
    Nothing is told of the expiry of a disabled object until it is enabled.
    """
    tellings = []
    current = Seen(mark=mark_of(properties), expires=properties.expires_on, version=properties.version)
    if known is None:
        current = replace(current, told=told_before(properties, thresholds, told_until))
    elif known.mark != current.mark:
        tellings.append(Telling(event=Event.ROTATED, properties=properties, previous_version=known.version))
    else:
        told = known.told if known.expires == current.expires else None
        current = replace(current, told=told, version=current.version or known.version)
    crossed = decide_crossing(properties, now, thresholds) if properties.enabled else None
    if crossed is not None and (current.told is None or crossed < current.told):
        tellings.append(_tell_crossing(properties, crossed, now))
        current = replace(current, told=crossed)
    return tellings, current


def decide_crossing(
    properties: ObjectProperties, now: datetime, thresholds: Sequence[timedelta]
) -> timedelta | None:
    """Find the most urgent threshold that has passed; `EXPIRY` when the object has expired, else None."""
    if properties.expires_on is None:
        return None
    left = properties.expires_on - now
    return min((limit for limit in (EXPIRY, *thresholds) if left <= limit), default=None)


def decide_validity(
    properties: ObjectProperties, now: datetime, thresholds: Sequence[timedelta] = THRESHOLDS
) -> Validity:
    """Tell whether an object can be used now: disabled comes before expired, not yet valid before soon."""
    crossed = decide_crossing(properties, now, thresholds)
    if not properties.enabled:
        return Validity.DISABLED
    if crossed == EXPIRY:
        return Validity.EXPIRED
    if properties.not_before is not None and now < properties.not_before:
        return Validity.NOT_YET_VALID
    return Validity.VALID if crossed is None else Validity.EXPIRES_SOON


def mark_of(properties: ObjectProperties) -> str:
    """What tells a version from another: lists do not name it, so its certificate or its creation does.

    Two versions of one second cannot be told apart by a list.
    """
    if isinstance(properties, CertificateProperties) and properties.x509_thumbprint:
        return properties.x509_thumbprint.hex()
    return properties.created_on.isoformat() if properties.created_on is not None else ""


def told_before(
    properties: ObjectProperties, thresholds: Sequence[timedelta], told_until: datetime | None
) -> timedelta | None:
    """Most urgent threshold that counts as told by somebody who told all until then; None for none."""
    if told_until is None or properties.created_on is None or properties.created_on > told_until:
        return None
    return decide_crossing(properties, told_until, thresholds)


def _tell_crossing(properties: ObjectProperties, crossed: timedelta, now: datetime) -> Telling:
    assert properties.expires_on is not None  # noqa: S101 - without an expiry nothing is crossed
    return Telling(
        event=Event.EXPIRED if crossed == EXPIRY else Event.NEAR_EXPIRY,
        properties=properties,
        threshold=crossed,
        days_until_expiry=max(0, (properties.expires_on - now) // DAY),
    )
