"""Objects that bindings want and the vault does not have: whether they are deleted and can be recovered.

A list and a get do not tell; the vault is asked once, when the object is missed, and at most once a day as
long as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.expiry.reads import OwnReads
from vaultbind.expiry.times import render_time
from vaultbind.keyvault import (
    CertificateProperties,
    KeyProperties,
    KeyVaultClient,
    KeyVaultError,
    ObjectKind,
    SecretProperties,
)
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey
from vaultbind.keyvault.types.common import DeletedObject
from vaultbind.vaults.causes import is_not_found
from vaultbind.vaults.hub import VaultHub

KINDS = {
    VaultObjectKind.SECRET: ObjectKind.SECRET,
    VaultObjectKind.KEY: ObjectKind.KEY,
    VaultObjectKind.CERTIFICATE: ObjectKind.CERTIFICATE,
}
AnyDeleted = (
    DeletedObject[SecretProperties] | DeletedObject[KeyProperties] | DeletedObject[CertificateProperties]
)
Ask = Callable[[KeyVaultClient], Awaitable[tuple[AnyDeleted | None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What of a binding's missed objects can be recovered, in words, and whether that is all of them."""

    words: str
    whole: bool


@dataclass(slots=True, kw_only=True)
class Absences:
    """What is known of objects that are missed, by vault: bindings share the answers."""

    hub: VaultHub
    reads: OwnReads
    _answers: dict[str, dict[VaultKey, AnyDeleted | None]] = field(default_factory=dict)
    """By host of the vault: the last answers, None for what is not deleted, either."""
    _asking: dict[str, asyncio.Lock] = field(default_factory=dict)
    """By host: the second who misses an object waits for the answer to the first."""

    async def find_deleted(self, reader: ObjectKey) -> Deleted | None:
        """Say which objects that a binding misses are deleted and can be recovered; None where none is."""
        vault = self.hub.book.vault_of(reader)
        resolution = self.hub.resolve(vault) if vault is not None else None
        if vault is None or resolution is None or resolution.session is None:
            return None
        sightings, wanted = resolution.session.known.sightings, self.hub.book.refs_of(reader)
        missed = sorted(ref for ref in wanted if ref in sightings and sightings[ref] is None)
        host = urlsplit(resolution.session.spec.url).netloc
        async with self._asking.setdefault(host, asyncio.Lock()):
            found = {key_of(ref): await self._find(vault, host, ref) for ref in missed}
        words = [_sentence(key, deleted) for key, deleted in found.items() if deleted is not None]
        return Deleted(words="; ".join(words), whole=len(words) == len(found)) if words else None

    def forget_found(self, reader: ObjectKey) -> None:
        """What was answered of objects that are there again is past: who misses them later asks anew."""
        vault = self.hub.book.vault_of(reader)
        session = self.reads.session_of(vault) if vault is not None and self._answers else None
        if vault is None or session is None:
            return
        answers = self._answers.get(urlsplit(session.spec.url).netloc, {})
        for ref in self.hub.book.refs_of(reader) if answers else ():
            if key_of(ref) in answers and session.known.sightings.get(ref) is not None:
                del answers[key_of(ref)]
                self.reads.forget(vault, key_of(ref))

    async def _find(self, vault: ObjectKey, host: str, ref: VaultObjectRef) -> AnyDeleted | None:
        answers, key = self._answers.setdefault(host, {}), key_of(ref)
        if self.reads.may(vault, key):
            answer = await self.reads.ask(vault, key, "deleted", _asking_for(key.kind, ref.name))
            answers[key] = answer[0] if answer is not None else None
        return answers.get(key)


def key_of(ref: VaultObjectRef) -> VaultKey:
    """An object as the library names it."""
    return VaultKey(KINDS[ref.kind], ref.name.lower())


def _asking_for(kind: ObjectKind, name: str) -> Ask:
    async def ask(client: KeyVaultClient) -> tuple[AnyDeleted | None]:
        try:
            return (await _fetch_deleted(client, kind, name),)
        except KeyVaultError as error:
            if is_not_found(error):
                return (None,)
            raise

    return ask


async def _fetch_deleted(client: KeyVaultClient, kind: ObjectKind, name: str) -> AnyDeleted:
    match kind:
        case ObjectKind.SECRET:
            return await client.secrets.get_deleted_secret(name)
        case ObjectKind.KEY:
            return await client.keys.get_deleted_key(name)
        case ObjectKind.CERTIFICATE:
            return await client.certificates.get_deleted_certificate(name)


def _sentence(key: VaultKey, deleted: AnyDeleted) -> str:
    kind, purge = key.kind, deleted.scheduled_purge_on
    if isinstance(deleted.properties, SecretProperties) and deleted.properties.managed:
        kind = ObjectKind.CERTIFICATE  # that is what can be recovered, and its secret with it
    until = f" until {render_time(purge)}" if purge is not None else ""
    return f"{kind.value} {deleted.name} is deleted; recover it in the vault{until}"
