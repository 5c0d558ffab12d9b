"""One pass over a KeyVault's objects: observe, decide, report. The engine writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vaultbind.api.refs import ObjectKey
from vaultbind.engine.cache import RawObject
from vaultbind.engine.report import Report
from vaultbind.expiry.facts import VaultFacts, VaultJudgement
from vaultbind.expiry.observe import observe_vault
from vaultbind.expiry.plan import decide
from vaultbind.expiry.report import report
from vaultbind.keyvault import ObjectProperties
from vaultbind.keyvault.rotation.judgement import Telling, Validity
from vaultbind.keyvault.rotation.state import MonitorState
from vaultbind.vaults.hub import VaultHub


class ExpiryObserver(Protocol):
    """Told of each judgement; must not block."""

    def judged(
        self,
        key: ObjectKey,
        vault: str,
        counts: Mapping[Validity, int],
        objects: Sequence[ObjectProperties],
    ) -> None:
        """What is so of a KeyVault's objects now."""

    def told(self, vault: str, tellings: Sequence[Telling]) -> None:
        """What is told now, once."""

    def forgotten(self, key: ObjectKey) -> None:
        """The KeyVault is gone, or watches no expiry any more."""


@dataclass(slots=True, kw_only=True)
class ExpiryRoom:
    """Judges the objects of KeyVaults; what was told is remembered here and, in short, in their status."""

    hub: VaultHub
    observer: ExpiryObserver
    now: Callable[[], datetime]
    _states: dict[ObjectKey, tuple[str, MonitorState]] = field(default_factory=dict)
    """By KeyVault: its uid, and what was told."""

    def judge(self, key: ObjectKey, obj: RawObject) -> Report:
        """Judge what the last look showed."""
        facts = observe_vault(self.hub, key, obj, self.now())
        if facts is None:
            return Report()
        judgement = decide(facts, self._state(key, obj))
        self._states[key] = (str(obj["metadata"]["uid"]), judgement.state)
        self._tell(key, facts, judgement)
        return report(facts, judgement)

    def forget(self, key: ObjectKey) -> None:
        """A KeyVault is gone."""
        self._states.pop(key, None)
        self.observer.forgotten(key)

    def _state(self, key: ObjectKey, obj: RawObject) -> MonitorState:
        uid, state = self._states.get(key, ("", MonitorState()))
        return state if uid == obj["metadata"]["uid"] else MonitorState()

    def _tell(self, key: ObjectKey, facts: VaultFacts, judgement: VaultJudgement) -> None:
        if not facts.watched:
            self.observer.forgotten(key)
            return
        self.observer.judged(key, facts.vault, judgement.counts, facts.objects)
        if judgement.tellings:
            self.observer.told(facts.vault, judgement.tellings)
