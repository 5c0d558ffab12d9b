"""The hub: which KeyVault leads to which session, and what every room asks for vault objects."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.api.errors import SpecError
from vaultbind.api.keyvault import CryptoPolicy, ExpiryScope, KeyVaultSpec
from vaultbind.api.keyvault_parser import parse_keyvault
from vaultbind.api.names import KIND_CLUSTER_KEYVAULT, KIND_KEYVAULT
from vaultbind.api.refs import ObjectKey, VaultObjectKind
from vaultbind.engine.cache import ObjectCache
from vaultbind.engine.clock import Clock
from vaultbind.engine.queue import Priority
from vaultbind.vaults.access import (
    MayRead,
    choose_rules,
    decide_access,
    describe_crypto_refusal,
    is_crypto_allowed,
)
from vaultbind.vaults.held import ClientFactory, OutdatedCheck, never_outdated
from vaultbind.vaults.interests import InterestBook
from vaultbind.vaults.policy import Denial, VaultPolicy, decide_policy
from vaultbind.vaults.session import VaultSession
from vaultbind.vaults.watcher import Watcher, look_key

logger = logging.getLogger(__name__)

Enqueue = Callable[[ObjectKey, Priority], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a KeyVault object leads to: a spec and a session, or a denial."""

    generation: tuple[str, int]
    spec: KeyVaultSpec | None = None
    session: VaultSession | None = None
    denial: Denial | None = None


@dataclass(slots=True, kw_only=True)
class VaultHub:
    """All sessions of the process. `enqueue` is the engine's."""

    cache: ObjectCache
    clock: Clock
    policy: VaultPolicy
    make_client: ClientFactory
    enqueue: Enqueue
    namespace_labels: Callable[[str], Mapping[str, str]]
    is_outdated: OutdatedCheck = never_outdated
    stale_after: timedelta = timedelta(hours=1)
    book: InterestBook = field(default_factory=InterestBook)
    _resolutions: dict[ObjectKey, Resolution] = field(default_factory=dict)
    _sessions: dict[KeyVaultSpec, tuple[VaultSession, Watcher]] = field(default_factory=dict)
    _retired: list[VaultSession] = field(default_factory=list)
    _count: int = 0

    # -- KeyVault objects -----------------------------------------------------------------------

    def resolve(self, vault: ObjectKey) -> Resolution | None:
        """Return where a KeyVault leads, or None where there is no such object."""
        obj = self.cache.get(vault)
        if obj is None:
            return None
        metadata = obj["metadata"]
        generation = (str(metadata.get("uid")), int(metadata.get("generation", 0)))
        known = self._resolutions.get(vault)
        if known is None or known.generation != generation:
            before = self._forget(vault)
            known = self._decide(vault, obj, generation)
            self._resolutions[vault] = known
            self._end(before)
        return known

    def find(self, vault: ObjectKey, otherwise: str) -> "Resolution | Denial":
        """Return where a KeyVault leads that can be used, or why there is none.

        `otherwise`: what to do instead of creating it, for the message.
        """
        resolution = self.resolve(vault)
        if resolution is None:
            message = f"{vault} does not exist; create it or {otherwise}"
            return Denial(reason=Reason.KEYVAULT_NOT_FOUND, message=message)
        if resolution.session is None:
            word = resolution.denial.reason.word if resolution.denial is not None else ""
            return Denial(reason=Reason.KEYVAULT_NOT_READY, message=f"{vault} cannot be used: {word}")
        return resolution

    def _decide(self, vault: ObjectKey, obj: Mapping[str, Any], generation: tuple[str, int]) -> Resolution:
        try:
            spec = parse_keyvault(obj)
        except SpecError as error:
            return Resolution(generation=generation, denial=Denial(reason=error.reason, message=str(error)))
        denial = decide_policy(spec, namespaced=vault.kind == KIND_KEYVAULT, policy=self.policy)
        if denial is not None:
            return Resolution(generation=generation, spec=spec, denial=denial)
        return Resolution(generation=generation, spec=spec, session=self._join(vault, spec))

    def _join(self, vault: ObjectKey, spec: KeyVaultSpec) -> VaultSession:
        shared = replace(
            spec,
            access=None,
            warn_before=(),
            expiry_scope=ExpiryScope.BOUND,
            crypto=CryptoPolicy(),
            rotation=(),
        )
        if shared not in self._sessions:
            self._count += 1
            session = VaultSession(
                name=f"{self._count} {spec.url}",
                spec=shared,
                clock=self.clock,
                make_client=self.make_client,
                is_outdated=self.is_outdated,
                book=self.book,
                on_change=self._on_change,
                on_state=self._on_state,
            )
            self._sessions[shared] = (session, Watcher(session=session))
            self.enqueue(look_key(session), Priority.URGENT)
        session = self._sessions[shared][0]
        session.members.add(vault)
        if spec.expiry_scope is ExpiryScope.ALL:
            session.watching_all.add(vault)
        return session

    def leave(self, vault: ObjectKey) -> None:
        """Let a KeyVault leave its session, because it is gone."""
        self._end(self._forget(vault))

    def _forget(self, vault: ObjectKey) -> VaultSession | None:
        """Take a KeyVault out of its session, which is returned."""
        known = self._resolutions.pop(vault, None)
        if known is None or known.session is None:
            return None
        known.session.members.discard(vault)
        known.session.watching_all.discard(vault)
        return known.session

    def _end(self, session: VaultSession | None) -> None:
        """Retire a session that nobody uses any more: whoever waits for its vault is set free."""
        if session is None or session.members:
            return
        self.watcher(session).close()
        session.retire()
        del self._sessions[session.spec]
        self._retired.append(session)
        self.enqueue(look_key(session), Priority.ROUTINE)

    def vaults(self) -> list[ObjectKey]:
        """Keys of all KeyVaults and ClusterKeyVaults."""
        return [*self.cache.keys(KIND_KEYVAULT), *self.cache.keys(KIND_CLUSTER_KEYVAULT)]

    def sessions(self) -> list[VaultSession]:
        """All sessions that KeyVaults lead to."""
        return [session for session, _ in self._sessions.values()]

    def session_of_look(self, key: ObjectKey) -> tuple[VaultSession, Watcher] | None:
        """Return the session that a look's key names, unless nobody uses it any more."""
        for session, watcher in self._sessions.values():
            if look_key(session) == key:
                return session, watcher
        return None

    def watcher(self, session: VaultSession) -> Watcher:
        """Return the watcher of a session."""
        return self._sessions[session.spec][1]

    async def close_retired(self) -> None:
        """Close the sessions that nobody uses any more."""
        while self._retired:
            await self._retired.pop().aclose()

    async def aclose(self) -> None:
        """Close all sessions."""
        pairs = list(self._sessions.values())
        self._sessions.clear()
        for session, watcher in pairs:
            watcher.close()
            await session.aclose()
        await self.close_retired()

    # -- readers --------------------------------------------------------------------------------

    def decide_access(
        self, resolution: Resolution, namespace: str, sources: tuple[tuple[VaultObjectKind, str], ...]
    ) -> Denial | None:
        """Return why a namespace may not read those objects through a KeyVault, or None."""
        rules = resolution.spec.access if resolution.spec is not None else None
        if rules is None:
            return None
        labels = self.namespace_labels(namespace)
        return decide_access(rules, namespace=namespace, labels=labels, sources=sources)

    def may_read(self, resolution: Resolution, namespace: str) -> MayRead:
        """Return what tells whether a namespace may read an object through a KeyVault."""
        rules = resolution.spec.access if resolution.spec is not None else None
        if rules is None:
            return lambda kind, name: True  # noqa: ARG005 - any object may be
        labels = self.namespace_labels(namespace)
        return choose_rules(rules, namespace=namespace, labels=labels)

    def decide_crypto(
        self, resolution: Resolution, namespace: str, key: str, operation: CryptoOperation
    ) -> Denial | None:
        """Return why a namespace may not use that key for that operation through a KeyVault, or None."""
        spec = resolution.spec
        if spec is not None and not is_crypto_allowed(spec.crypto, key, operation):
            return Denial(
                reason=Reason.OPERATION_NOT_ALLOWED,
                message=describe_crypto_refusal(key, operation),
            )
        return self.decide_access(resolution, namespace, ((VaultObjectKind.KEY, key),))

    def readers_of(self, session: VaultSession) -> set[ObjectKey]:
        """All readers behind a session."""
        return {reader for vault in session.members for reader in self.book.readers_of(vault)}

    # -- what sessions tell ---------------------------------------------------------------------

    def _on_change(self, readers: set[ObjectKey]) -> None:
        for reader in sorted(readers):
            self.enqueue(reader, Priority.ROUTINE)

    def _on_state(self, session: VaultSession) -> None:
        logger.warning(
            "vault %s: %s",
            session.spec.url,
            session.trouble.message if session.trouble is not None else "answers again",
        )
        for vault in session.members:
            self.enqueue(vault, Priority.URGENT)
        if session.trouble is None:
            self._on_change(self.readers_of(session))
