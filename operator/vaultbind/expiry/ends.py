"""When certificates end by themselves: no list shows it, and their attribute can say anything.

Bound ones are learned from what their bindings read. Others are read once per version, within the one read
of an object and day that we allow ourselves, and what was learned holds as long as the version is the same.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.expiry.facts import VaultFacts
from vaultbind.expiry.memory import GRACE, MOST_AT_ONCE, Memory, Version
from vaultbind.expiry.reads import OwnReads
from vaultbind.keyvault import Certificate, CertificateProperties, KeyVaultClient
from vaultbind.keyvault import Priority as Pace
from vaultbind.keyvault.rotation.judgement import decide_crossing, mark_of
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey
from vaultbind.rendering.ends import earlier, end_of
from vaultbind.vaults.session import VaultSession


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """What a certificate says of itself."""

    end: datetime | None
    """None where it cannot be read."""
    version: str = ""
    """Where the read showed it: so a renewal can be told with the version before."""


@dataclass(slots=True, kw_only=True)
class Ends:
    """Certificates' own ends."""

    reads: OwnReads
    has_asked: Callable[[ObjectKey, VaultKey], bool]
    """Whether a certificate's pending operation was asked for: of what is near its end, that goes first."""
    _memory: Memory[_Own] = field(default_factory=Memory)

    async def learn(self, keyvault: ObjectKey, facts: VaultFacts) -> VaultFacts:
        """Read what is due, and return the facts with the earlier end of each certificate."""
        session = self.reads.session_of(keyvault)
        certificates = [item for item in facts.objects if isinstance(item, CertificateProperties)]
        if session is None or not facts.watched or not certificates:
            return facts
        versions = self._memory.see(facts.vault, certificates, facts.now)
        unknown = [pair for pair in zip(certificates, versions, strict=True) if not pair[1].is_known]
        for item, version in unknown:
            _hear(version, session, item)
        due = [pair for pair in unknown if self._is_due(keyvault, facts, session, *pair)]
        for item, version in sorted(due, key=lambda pair: _is_untouched(pair[0]))[:MOST_AT_ONCE]:
            found = await self.reads.ask(keyvault, version.key, "end", _asking_for(item.name))
            if found is not None and mark_of(found.properties) == version.mark:
                version.learn(_Own(end=end_of(found), version=found.version))
        return _apply(facts, versions)

    def _is_due(
        self,
        keyvault: ObjectKey,
        facts: VaultFacts,
        session: VaultSession,
        item: CertificateProperties,
        version: Version[_Own],
    ) -> bool:
        age = facts.now - version.since
        if version.is_known or (age < GRACE and _is_untouched(item)):
            return False
        if not self.reads.may(keyvault, version.key):
            return False
        is_near = item.enabled and decide_crossing(item, facts.now, facts.warn_before) is not None
        if is_near and not self.has_asked(keyvault, version.key):
            return False
        is_bound = any(session.book.users(session.members, ref) for ref in _refs(item.name))
        return age >= GRACE or not is_bound


def _hear(version: Version[_Own], session: VaultSession, item: CertificateProperties) -> None:
    """Take over what the reads of bindings have shown."""
    sightings = session.known.sightings
    for ref in _refs(item.name) if sightings else ():
        seen = sightings.get(ref)
        if seen is not None and seen.own_end is not None and seen.fingerprint.created == item.created_on:
            version.learn(_Own(end=seen.own_end))


def _apply(facts: VaultFacts, versions: Sequence[Version[_Own]]) -> VaultFacts:
    """Versions are those of the certificates among the objects, in their order."""
    learned = facts.learned.union(version.key for version in versions if version.is_known)
    rest = iter(versions)
    objects = tuple(
        _with(item, next(rest).value) if isinstance(item, CertificateProperties) else item
        for item in facts.objects
    )
    return replace(facts, objects=objects, learned=learned)


def _with(item: CertificateProperties, own: _Own | None) -> CertificateProperties:
    if own is None:
        return item
    version, ends = item.version or own.version, earlier(item.expires_on, own.end)
    if (version, ends) == (item.version, item.expires_on):
        return item
    return replace(item, version=version, expires_on=ends)


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
