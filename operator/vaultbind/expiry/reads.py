"""Reads of our own: what lists do not show. At most one per object and day, only on change or absence."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

from vaultbind.api.refs import ObjectKey
from vaultbind.engine.engine import StaleStateError
from vaultbind.expiry.cloudevents import Entry, Versions
from vaultbind.keyvault import (
    Certificate,
    Key,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
    ObjectKind,
    ObjectProperties,
    Priority,
    Secret,
)
from vaultbind.keyvault.rotation.judgement import mark_of
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.session import VaultPausedError, VaultSession

T = TypeVar("T")

EVERY: Final = timedelta(days=1)


class ReadObserver(Protocol):
    """Told of each read; must not block."""

    def own_read(self, vault: str, purpose: str, outcome: str) -> None:
        """Outcome is ok, failed, or spared where the object was read within a day."""


@dataclass(slots=True, kw_only=True)
class OwnReads:
    """The day's reads of all vaults. A new process does not know those of the one before."""

    hub: VaultHub
    now: Callable[[], datetime]
    observer: ReadObserver
    _last: dict[tuple[str, ObjectKind, str], datetime] = field(default_factory=dict)
    _versions: dict[tuple[str, ObjectKind, str], tuple[str, Versions | None]] = field(default_factory=dict)
    """By object: the mark of the version, and what was found when it was new."""

    async def ask(
        self,
        keyvault: ObjectKey,
        key: VaultKey,
        purpose: str,
        call: Callable[[KeyVaultClient], Awaitable[T]],
    ) -> T | None:
        """Let `call` ask the vault about an object; None where it is not asked or does not answer."""
        resolution = self.hub.resolve(keyvault)
        if resolution is None or resolution.session is None or resolution.spec is None:
            return None
        vault = urlsplit(resolution.spec.url).netloc
        if not self._take(vault, key):
            self.observer.own_read(vault, purpose, "spared")
            return None
        try:
            found = await resolution.session.use(call)
        except (VaultPausedError, StaleStateError):
            self._last.pop((vault, *key), None)  # nothing was read
            return None
        except KeyVaultError:
            self.observer.own_read(vault, purpose, "failed")
            return None
        self.observer.own_read(vault, purpose, "ok")
        return found

    def session_of(self, keyvault: ObjectKey) -> VaultSession | None:
        """Where a KeyVault leads, or None."""
        resolution = self.hub.resolve(keyvault)
        return resolution.session if resolution is not None else None

    def may(self, keyvault: ObjectKey, key: VaultKey) -> bool:
        """Whether a day has passed since the last read of an object."""
        resolution = self.hub.resolve(keyvault)
        if resolution is None or resolution.spec is None:
            return False
        return self._is_due((urlsplit(resolution.spec.url).netloc, *key))

    def forget(self, keyvault: ObjectKey, key: VaultKey) -> None:
        """Let an object be read again today, because what was read speaks of another state of it."""
        resolution = self.hub.resolve(keyvault)
        if resolution is not None and resolution.spec is not None:
            self._last.pop((urlsplit(resolution.spec.url).netloc, *key), None)

    def _is_due(self, place: tuple[str, ObjectKind, str]) -> bool:
        return place not in self._last or self.now() - self._last[place] >= EVERY

    def _take(self, vault: str, key: VaultKey) -> bool:
        """Whether a day has passed since the last read of the object; counts this one."""
        now, place = self.now(), (vault, *key)
        if not self._is_due(place):
            return False
        for old in [other for other, moment in self._last.items() if now - moment >= EVERY]:
            del self._last[old]
            self._versions.pop(old, None)
        self._last[place] = now
        return True

    async def find_versions(self, entry: Entry) -> Versions | None:
        """Find the newest two versions of an object; None where it has one, and so was not rotated."""
        properties = entry.telling.properties
        place = (entry.vault, *VaultKey.of(properties))
        known = self._versions.get(place)
        if known is not None and known[0] == mark_of(properties):
            return known[1]  # several want to know of one rotation

        async def call(client: KeyVaultClient) -> list[ObjectProperties]:
            return await _list_versions(client, properties)

        found = await self.ask(entry.keyvault, VaultKey.of(properties), "versions", call)
        if found is None:
            return Versions()  # nothing is known of them: it is told without
        newest = sorted((item for item in found if item.created_on), key=_age, reverse=True)[:2]
        versions = None
        if len(newest) > 1:
            versions = Versions(current=newest[0].version, previous=newest[1].version)
        self._versions[place] = (mark_of(properties), versions)
        return versions


def _age(properties: ObjectProperties) -> datetime:
    assert properties.created_on is not None  # noqa: S101 - others were left out
    return properties.created_on


async def fetch_new(hub: VaultHub, entry: Entry) -> Secret | Key | Certificate:
    """Read an object that has a new version, with its value. Raises KeyVaultError.

    Not counted among the day's reads: each new version is read once, for a handler that wants it.
    """
    resolution = hub.resolve(entry.keyvault)
    if resolution is None or resolution.session is None:
        raise KeyVaultError(KeyVaultErrorKind.UNREACHABLE, detail="no KeyVault leads there any more")
    name, kind = entry.telling.properties.name, entry.telling.properties.kind

    async def call(client: KeyVaultClient) -> Secret | Key | Certificate:
        match kind:
            case ObjectKind.SECRET:
                return await client.secrets.get_secret(name, priority=Priority.REFRESH)
            case ObjectKind.KEY:
                return await client.keys.get_key(name, priority=Priority.REFRESH)
            case ObjectKind.CERTIFICATE:
                return await client.certificates.get_certificate(name, priority=Priority.REFRESH)

    try:
        return await resolution.session.use(call)
    except (VaultPausedError, StaleStateError):
        raise KeyVaultError(KeyVaultErrorKind.UNREACHABLE, detail="the vault is left alone") from None


async def _list_versions(client: KeyVaultClient, properties: ObjectProperties) -> list[ObjectProperties]:
    name, pace = properties.name, Priority.REFRESH
    match properties.kind:
        case ObjectKind.SECRET:
            return [*await client.secrets.list_secret_versions(name, priority=pace)]
        case ObjectKind.KEY:
            return [*await client.keys.list_key_versions(name, priority=pace)]
        case ObjectKind.CERTIFICATE:
            return [*await client.certificates.list_certificate_versions(name, priority=pace)]
