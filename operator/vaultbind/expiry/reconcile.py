"""One pass over a KeyVault's objects: observe, decide, report. The engine writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vaultbind.api.refs import ObjectKey
from vaultbind.engine.cache import RawObject
from vaultbind.engine.report import Report
from vaultbind.expiry.cloudevents import Entry
from vaultbind.expiry.facts import VaultFacts, VaultJudgement
from vaultbind.expiry.observe import observe_vault
from vaultbind.expiry.outbox import Outbox
from vaultbind.expiry.plan import adopt, decide
from vaultbind.expiry.report import report
from vaultbind.keyvault import ObjectProperties
from vaultbind.keyvault.rotation.judgement import Telling, Validity
from vaultbind.keyvault.rotation.state import MonitorState
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey
from vaultbind.vaults.hub import VaultHub


class ExpiryObserver(Protocol):
    """Told of each judgement; must not block."""

    def judged(
        self,
        key: ObjectKey,
        vault: str,
        counts: Mapping[Validity, int],
        objects: Sequence[ObjectProperties],
        now: datetime,
    ) -> None:
        """What is so of a KeyVault's objects now."""

    def told(self, vault: str, tellings: Sequence[Telling]) -> None:
        """What is told now, once."""

    def forgotten(self, key: ObjectKey) -> None:
        """The KeyVault is gone, or watches no expiry any more."""


@dataclass(slots=True)
class _Memory:
    """Of one KeyVault and the vault it leads to, from one judgement to the next."""

    of: tuple[str, str]
    """The KeyVault's uid and the vault's host: with another `spec.url`, all objects are others."""
    told_before: datetime | None
    """Until when all was told before this process came."""
    state: MonitorState = field(default_factory=MonitorState)
    learned: frozenset[VaultKey] = frozenset()


@dataclass(slots=True, kw_only=True)
class ExpiryRoom:
    """Judges the objects of KeyVaults; what was told is remembered here and, in short, in their status."""

    hub: VaultHub
    observer: ExpiryObserver
    now: Callable[[], datetime]
    outbox: Outbox | None = None
    """Of the CloudEvents sink, where there is one."""
    on_told: Callable[[Entry], None] | None = None
    """Told of each telling, once; for handlers."""
    on_outbox: Callable[[], None] = lambda: None
    """Told that something may be in it."""
    _memories: dict[ObjectKey, _Memory] = field(default_factory=dict)
    _objects: dict[ObjectKey, tuple[ObjectProperties, ...]] = field(default_factory=dict)
    _urgent: dict[ObjectKey, tuple[ObjectProperties, ...]] = field(default_factory=dict)

    def observe(self, key: ObjectKey, obj: RawObject) -> VaultFacts | None:
        """Gather what the last look showed; None where nothing is known yet."""
        return observe_vault(self.hub, key, obj, self.now())

    def judge(self, key: ObjectKey, obj: RawObject, facts: VaultFacts) -> Report:
        """Judge what was observed."""
        of, memory = (str(obj["metadata"]["uid"]), facts.vault), self._memories.get(key)
        if memory is None or memory.of != of:
            memory = self._memories[key] = _Memory(of, facts.told_until)
        state = adopt(memory.state, facts, memory.learned, memory.told_before)
        judgement = decide(facts, state)
        memory.state, memory.learned = judgement.state, facts.learned
        self._urgent[key], self._objects[key] = judgement.urgent, facts.objects
        self._tell(key, facts, judgement)
        return report(facts, judgement, sent_until=self._send(key, obj, facts))

    def has_judged(self, key: ObjectKey) -> bool:
        """Whether a KeyVault has been judged in this process."""
        return key in self._memories

    def urgent(self, key: ObjectKey) -> tuple[ObjectProperties, ...]:
        """Objects of a KeyVault that had expired at its last judgement, or soon will."""
        return self._urgent.get(key, ())

    def objects(self, key: ObjectKey) -> tuple[ObjectProperties, ...]:
        """Objects of a KeyVault at its last judgement."""
        return self._objects.get(key, ())

    def forget(self, key: ObjectKey) -> None:
        """A KeyVault is gone."""
        self._memories.pop(key, None)
        self._urgent.pop(key, None)
        self._objects.pop(key, None)
        self.observer.forgotten(key)
        if self.outbox is not None:
            self.outbox.forget(key)

    def _send(self, key: ObjectKey, obj: RawObject, facts: VaultFacts) -> datetime | None:
        """Put what the sink has to be told into the outbox; returns until when it has all."""
        if self.outbox is None:
            return None
        if not facts.watched:
            self.outbox.forget(key)
            return None
        sent_until = self.outbox.take(key, str(obj["metadata"]["uid"]), facts)
        if len(self.outbox):
            self.on_outbox()
        return sent_until

    def _tell(self, key: ObjectKey, facts: VaultFacts, judgement: VaultJudgement) -> None:
        if not facts.watched:
            self.observer.forgotten(key)
            return
        self.observer.judged(key, facts.vault, judgement.counts, facts.objects, facts.now)
        if judgement.tellings:
            self.observer.told(facts.vault, judgement.tellings)
        if self.on_told is None:
            return
        for telling in judgement.tellings:
            self.on_told(Entry(keyvault=key, vault=facts.vault, telling=telling, time=facts.now))
