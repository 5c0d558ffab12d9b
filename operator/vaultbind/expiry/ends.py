"""When certificates end by themselves: no list shows it, and their attribute can say anything.

Bound ones are learned from what their bindings read. Others are read once per version, within the one read
of an object and day that we allow ourselves, and what was learned holds as long as the version is the same.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.expiry.facts import VaultFacts
from vaultbind.expiry.reads import OwnReads
from vaultbind.keyvault import Certificate, CertificateProperties, KeyVaultClient, ObjectProperties
from vaultbind.keyvault import Priority as Pace
from vaultbind.keyvault.rotation.judgement import decide_crossing, mark_of
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey
from vaultbind.rendering.ends import earlier, end_of
from vaultbind.vaults.session import VaultSession

MOST_AT_ONCE: Final = 20
"""Certificates that are read in one pass; the others come with the next look."""
GRACE_OF_BINDINGS: Final = timedelta(hours=1)
"""How long the read of a binding is waited for, which shows the same."""
GRACE_OF_VAULT: Final = timedelta(days=1)
"""For what looks as the vault has made it: its attribute is the certificate's own end, unless it was imported
with another one. The first day's read is left to what needs it more, and a restart costs nothing."""


@dataclass(slots=True)
class _Version:
    """What is known of one version of a certificate."""

    mark: str
    since: datetime
    """When it was seen first."""
    is_known: bool = False
    end: datetime | None = None
    """Its own; None where it cannot be read from the certificate, either."""


@dataclass(slots=True, kw_only=True)
class Ends:
    """Certificates' own ends, by host of the vault: KeyVaults that lead to one vault share them."""

    reads: OwnReads
    has_asked: Callable[[ObjectKey, VaultKey], bool]
    """Whether a certificate's pending operation was asked for: of what is near its end, that goes first."""
    _versions: dict[str, dict[VaultKey, _Version]] = field(default_factory=dict)

    async def learn(self, keyvault: ObjectKey, facts: VaultFacts) -> VaultFacts:
        """Read what is due, and return the facts with the earlier end of each certificate."""
        session = self.reads.session_of(keyvault)
        certificates = [item for item in facts.objects if isinstance(item, CertificateProperties)]
        if session is None or not facts.watched or not certificates:
            return facts
        versions = self._see(facts, certificates)
        for item in certificates:
            _hear(versions[VaultKey.of(item)], session, item)
        due = [item for item in certificates if self._is_due(keyvault, facts, session, item)]
        for item in sorted(due, key=_is_untouched)[:MOST_AT_ONCE]:
            found = await self.reads.ask(keyvault, VaultKey.of(item), "end", _asking_for(item.name))
            if found is not None and mark_of(found.properties) == mark_of(item):
                version = versions[VaultKey.of(item)]
                version.is_known, version.end = True, end_of(found)
        return _apply(facts, versions)

    def _see(
        self, facts: VaultFacts, certificates: Sequence[CertificateProperties]
    ) -> dict[VaultKey, _Version]:
        """Begin anew with each new version; what is gone is forgotten, once that is worth while."""
        versions = self._versions.setdefault(facts.vault, {})
        for item in certificates:
            key, mark = VaultKey.of(item), mark_of(item)
            known = versions.get(key)
            if known is None or known.mark != mark:
                versions[key] = _Version(mark, facts.now)
        if len(versions) > 2 * len(certificates) + MOST_AT_ONCE:
            there = {VaultKey.of(item) for item in certificates}
            for key in [key for key in versions if key not in there]:
                del versions[key]
        return versions

    def _is_due(
        self, keyvault: ObjectKey, facts: VaultFacts, session: VaultSession, item: CertificateProperties
    ) -> bool:
        key = VaultKey.of(item)
        version = self._versions[facts.vault][key]
        if version.is_known or not self.reads.may(keyvault, key):
            return False
        is_near = item.enabled and decide_crossing(item, facts.now, facts.warn_before) is not None
        if is_near and not self.has_asked(keyvault, key):
            return False
        is_bound = any(session.book.users(session.members, ref) for ref in _refs(item.name))
        graces = ((GRACE_OF_BINDINGS, is_bound), (GRACE_OF_VAULT, _is_untouched(item)))
        return facts.now - version.since >= max((grace for grace, so in graces if so), default=timedelta(0))


def _hear(version: _Version, session: VaultSession, item: CertificateProperties) -> None:
    """Take over what the reads of bindings have shown."""
    for ref in () if version.is_known else _refs(item.name):
        seen = session.known.sightings.get(ref)
        if seen is not None and seen.own_end is not None and seen.fingerprint.created == item.created_on:
            version.is_known, version.end = True, seen.own_end


def _apply(facts: VaultFacts, versions: dict[VaultKey, _Version]) -> VaultFacts:
    objects: list[ObjectProperties] = []
    own_ends = set(facts.own_ends)
    for item in facts.objects:
        version = versions[VaultKey.of(item)] if isinstance(item, CertificateProperties) else None
        ends = item.expires_on
        if version is not None and version.is_known:
            own_ends.add(VaultKey.of(item))
            ends = earlier(ends, version.end)
        objects.append(item if ends == item.expires_on else replace(item, expires_on=ends))
    return replace(facts, objects=tuple(objects), own_ends=frozenset(own_ends))


def _refs(name: str) -> tuple[VaultObjectRef, VaultObjectRef]:
    """How bindings name a certificate: as one, or by the secret that holds its key."""
    return (
        VaultObjectRef(VaultObjectKind.CERTIFICATE, name, ""),
        VaultObjectRef(VaultObjectKind.SECRET, name, ""),
    )


def _is_untouched(item: CertificateProperties) -> bool:
    """Whether nobody has changed the version since it was made, and it has an end."""
    return item.expires_on is not None and item.updated_on == item.created_on


def _asking_for(name: str) -> Callable[[KeyVaultClient], Awaitable[Certificate]]:
    async def ask(client: KeyVaultClient) -> Certificate:
        return await client.certificates.get_certificate(name, priority=Pace.REFRESH)

    return ask
