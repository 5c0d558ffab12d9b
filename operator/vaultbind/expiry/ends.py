"""When certificates end by themselves: no list shows it, and their attribute can say anything.

Bound ones are learned from what their bindings read. Others are read once per version, within the one read
of an object and day that we allow ourselves, and what was learned holds as long as the version is the same.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.expiry.facts import VaultFacts
from vaultbind.expiry.memory import GRACE, MOST_AT_ONCE, Memory, Version
from vaultbind.expiry.reads import OwnReads
from vaultbind.keyvault import Certificate, CertificateProperties, KeyVaultClient, ObjectProperties
from vaultbind.keyvault import Priority as Pace
from vaultbind.keyvault.rotation.judgement import decide_crossing, mark_of
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey
from vaultbind.rendering.ends import earlier, end_of
from vaultbind.vaults.session import VaultSession


@dataclass(slots=True, kw_only=True)
class Ends:
    """Certificates' own ends."""

    reads: OwnReads
    has_asked: Callable[[ObjectKey, VaultKey], bool]
    """Whether a certificate's pending operation was asked for: of what is near its end, that goes first."""
    _memory: Memory[datetime] = field(default_factory=Memory)

    async def learn(self, keyvault: ObjectKey, facts: VaultFacts) -> VaultFacts:
        """Read what is due, and return the facts with the earlier end of each certificate."""
        session = self.reads.session_of(keyvault)
        certificates = [item for item in facts.objects if isinstance(item, CertificateProperties)]
        if session is None or not facts.watched or not certificates:
            return facts
        versions = self._memory.see(facts.vault, certificates, facts.now)
        for item in certificates:
            _hear(versions[VaultKey.of(item)], session, item)
        due = [
            item
            for item in certificates
            if self._is_due(keyvault, facts, session, item, versions[VaultKey.of(item)])
        ]
        for item in sorted(due, key=_is_untouched)[:MOST_AT_ONCE]:
            found = await self.reads.ask(keyvault, VaultKey.of(item), "end", _asking_for(item.name))
            if found is not None and mark_of(found.properties) == mark_of(item):
                versions[VaultKey.of(item)].learn(end_of(found))
        return _apply(facts, versions)

    def _is_due(
        self,
        keyvault: ObjectKey,
        facts: VaultFacts,
        session: VaultSession,
        item: CertificateProperties,
        version: Version[datetime],
    ) -> bool:
        key = VaultKey.of(item)
        if version.is_known or not self.reads.may(keyvault, key):
            return False
        is_near = item.enabled and decide_crossing(item, facts.now, facts.warn_before) is not None
        if is_near and not self.has_asked(keyvault, key):
            return False
        is_bound = any(session.book.users(session.members, ref) for ref in _refs(item.name))
        grace = GRACE if is_bound or _is_untouched(item) else timedelta(0)
        return facts.now - version.since >= grace


def _hear(version: Version[datetime], session: VaultSession, item: CertificateProperties) -> None:
    """Take over what the reads of bindings have shown."""
    for ref in () if version.is_known else _refs(item.name):
        seen = session.known.sightings.get(ref)
        if seen is not None and seen.own_end is not None and seen.fingerprint.created == item.created_on:
            version.learn(seen.own_end)


def _apply(facts: VaultFacts, versions: Mapping[VaultKey, Version[datetime]]) -> VaultFacts:
    objects: list[ObjectProperties] = []
    learned = set(facts.learned)
    for item in facts.objects:
        version = versions[VaultKey.of(item)] if isinstance(item, CertificateProperties) else None
        ends = item.expires_on
        if version is not None and version.is_known:
            learned.add(VaultKey.of(item))
            ends = earlier(ends, version.value)
        objects.append(item if ends == item.expires_on else replace(item, expires_on=ends))
    return replace(facts, objects=tuple(objects), learned=frozenset(learned))


def _refs(name: str) -> tuple[VaultObjectRef, VaultObjectRef]:
    """How bindings name a certificate: as one, or by the secret that holds its key."""
    return (
        VaultObjectRef(VaultObjectKind.CERTIFICATE, name, ""),
        VaultObjectRef(VaultObjectKind.SECRET, name, ""),
    )


def _is_untouched(item: CertificateProperties) -> bool:
    """Whether a version looks as the vault has made it, with the certificate's own end as attribute.

    An import may have named another one, so that it is read, too, but later.
    """
    return item.expires_on is not None and item.updated_on == item.created_on


def _asking_for(name: str) -> Callable[[KeyVaultClient], Awaitable[Certificate]]:
    async def ask(client: KeyVaultClient) -> Certificate:
        return await client.certificates.get_certificate(name, priority=Pace.REFRESH)

    return ask
