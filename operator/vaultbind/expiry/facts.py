"""What is known of a KeyVault's objects at one moment, and what is to be told of them: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vaultbind.keyvault import ObjectProperties
from vaultbind.keyvault.rotation.judgement import Telling, Thresholds, Validity
from vaultbind.keyvault.rotation.state import MonitorState
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFacts:
    """All objects in a KeyVault's scope as the last look showed them."""

    vault: str
    """Host of the vault, with its port where it has one."""
    objects: tuple[ObjectProperties, ...]
    watched: bool
    """False where `spec.expiry.scope` is None: the objects are counted only."""
    whole: bool
    """All objects of the vault (`scope` All); else those of bindings, which tell of changes themselves."""
    warn_before: tuple[timedelta, ...]
    """Thresholds, longest first."""
    told_until: datetime | None
    """Of the status: when something was last told of this vault."""
    now: datetime
    looked: datetime
    """When the last look at the vault began: what is known is of then."""
    sent_until: datetime | None = None
    """Of the status: what the CloudEvents sink has; None where it was told nothing yet."""
    notices: Mapping[VaultKey, timedelta] = field(default_factory=dict)
    """Keys that have a threshold more, by their rotation policy."""
    learned: frozenset[VaultKey] = frozenset()
    """Objects of which more is known than lists show: certificates' own ends, keys' policies."""

    @property
    def limits(self) -> Thresholds:
        """For the library's judgement: one answer for all where no object has thresholds of its own."""
        return self.thresholds_of if self.notices else self.warn_before

    def thresholds_of(self, properties: ObjectProperties) -> tuple[timedelta, ...]:
        """Thresholds that count for an object."""
        notice = self.notices.get(VaultKey.of(properties))
        return self.warn_before if notice is None else (*self.warn_before, notice)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultJudgement:
    """What follows from the facts."""

    state: MonitorState
    """To judge the next look with."""
    tellings: tuple[Telling, ...] = ()
    counts: Mapping[Validity, int] = field(default_factory=dict)
    urgent: tuple[ObjectProperties, ...] = ()
    """Objects that have expired or soon will."""
    soonest: ObjectProperties | None = None
    """The object that expires first, of those that are told of; None where there is none."""
