"""Pure: what one look at a vault shows, and how to look cheapest."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from vaultbind.api.keyvault import Detection
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.keyvault import CertificateProperties, KeyProperties, SecretProperties
from vaultbind.rendering.ends import earlier
from vaultbind.rendering.fingerprint import Fingerprint, fingerprint_of

Properties = SecretProperties | CertificateProperties | KeyProperties

RELIST_AFTER_LOOKS = 60
"""Looks by get before a forbidden or too long list is tried again."""
MOST_PAGES = 1_000
MOST_LISTED = 25_000
"""Pages and objects of one list, whoever wants it whole: a vault may send next links without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a list shows of an object, as far as anybody here cares."""

    fingerprint: Fingerprint
    enabled: bool
    not_before: datetime | None
    expires_on: datetime | None
    managed: bool = False
    """A secret or a key that is a certificate's: the secret holds what the certificate shows, and its key."""
    own_end: datetime | None = None
    """When a certificate ends by itself, or its attribute if that is earlier; no list shows it."""

    @property
    def ends(self) -> datetime | None:
        """The earlier one of what the attribute says and what the certificate says, as far as known."""
        return earlier(self.expires_on, self.own_end)


def sighting_of(properties: Properties, own_end: datetime | None = None) -> Sighting:
    """Keep what matters of an item or bundle."""
    return Sighting(
        fingerprint=fingerprint_of(properties),
        enabled=properties.enabled,
        not_before=properties.not_before,
        expires_on=properties.expires_on,
        managed=not isinstance(properties, CertificateProperties) and properties.managed,
        own_end=own_end,
    )


@dataclass(slots=True)
class KindPlan:
    """What former looks taught about listing one kind."""

    pages: int = 0
    """Pages that are known to exist, from the last list, complete or given up."""
    forbidden: bool = False
    """The last list was refused."""
    overlong: bool = False
    """The last list was given up although all of it was wanted."""
    looks_by_get: int = 0
    """Looks since the last list."""


def decide_detection(detection: Detection, plan: KindPlan, wanted: int, *, sought: bool = False) -> Detection:
    """List or Get for the next look at one kind, where `wanted` objects are bound.

    Where somebody looks for objects (`sought`), gets are no way: a forbidden list is asked for at each look.
    """
    if plan.overlong and plan.looks_by_get < RELIST_AFTER_LOOKS:
        return Detection.GET
    if detection is not Detection.AUTO:
        return detection
    is_dear = (plan.forbidden and not sought) or plan.pages > wanted
    return Detection.GET if is_dear and plan.looks_by_get < RELIST_AFTER_LOOKS else Detection.LIST


def page_budget(detection: Detection, wanted: int) -> int | None:
    """Pages after which getting each object is cheaper; None: no limit, a list was asked for."""
    return None if detection is Detection.LIST else max(1, wanted)


@dataclass(slots=True)
class Known:
    """Last sighting of each object, from looks and reads alike (None: it does not exist)."""

    sightings: dict[VaultObjectRef, Sighting | None] = field(default_factory=dict)
    unsettled: set[VaultObjectRef] = field(default_factory=set)
    """Read within the second of their last change: they count as changed at the next look."""

    def note(self, ref: VaultObjectRef, sighting: Sighting | None) -> bool:
        """Take a sighting; tell whether it differs from the one before (a first one does not)."""
        before = self.sightings.get(ref)
        changed = ref in self.sightings and _mark(before) != _mark(sighting)
        if before is not None and sighting is not None and before.own_end is not None and not changed:
            sighting = replace(sighting, own_end=earlier(sighting.own_end, before.own_end))
        self.sightings[ref] = sighting
        return changed

    def learn_end(self, ref: VaultObjectRef, seen: Sighting, own_end: datetime) -> None:
        """Note when a certificate ends by itself, unless it has changed since it was `seen`."""
        now = self.sightings.get(ref)
        if (
            can_have_own_end(ref, seen)
            and now is not None
            and now.fingerprint == seen.fingerprint
            and now.own_end != own_end
        ):
            self.sightings[ref] = replace(now, own_end=own_end)

    def take_unsettled(self, ref: VaultObjectRef) -> bool:
        """Tell once whether an object must be read again although it looks the same."""
        if ref in self.unsettled:
            self.unsettled.discard(ref)
            return True
        return False

    def keep_only(self, refs: frozenset[VaultObjectRef]) -> None:
        """Forget objects that nobody wants any more."""
        for ref in [ref for ref in self.sightings if ref not in refs]:
            del self.sightings[ref]
            self.unsettled.discard(ref)


def can_have_own_end(ref: VaultObjectRef, sighting: Sighting | None) -> bool:
    """Whether an object is a certificate, or the secret of one."""
    if sighting is None or ref.kind is VaultObjectKind.KEY:
        return False
    return sighting.managed or ref.kind is VaultObjectKind.CERTIFICATE


def _mark(sighting: Sighting | None) -> Fingerprint | None:
    return sighting.fingerprint if sighting is not None else None


def split_refs(
    refs: Iterable[VaultObjectRef],
) -> tuple[dict[VaultObjectKind, set[VaultObjectRef]], set[VaultObjectRef]]:
    """Objects wanted in their latest version by kind (lists show these), and pinned ones (lists do not)."""
    latest: dict[VaultObjectKind, set[VaultObjectRef]] = {}
    pinned: set[VaultObjectRef] = set()
    for ref in refs:
        if ref.version:
            pinned.add(ref)
        else:
            latest.setdefault(ref.kind, set()).add(ref)
    return latest, pinned
