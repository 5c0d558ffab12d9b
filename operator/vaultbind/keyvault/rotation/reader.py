"""What a monitor asks of the vault: lists, and single objects only where a handler wants them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from vaultbind.keyvault.errors import KeyVaultError
from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.rotation.state import ObjectKey
from vaultbind.keyvault.services.certificates import CertificatesService
from vaultbind.keyvault.services.keys import KeysService
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.services.secrets import SecretsService
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties
from vaultbind.keyvault.types.key import Key
from vaultbind.keyvault.types.secret import Secret

MAX_VERSION_PAGES: Final = 20
"""500 versions; a list of versions has no order and no end, so that more are not looked through."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

AnyObject = Secret | Key | Certificate
AnyListing = Listing[ObjectProperties]


class VaultReader:
    """One vault's lists and objects by kind; everything goes with the priority of a refresh."""

    def __init__(
        self,
        secrets: SecretsService,
        keys: KeysService,
        certificates: CertificatesService,
        *,
        forget: Callable[[ObjectKind, str], None],
    ) -> None:
        """`forget` is told of an object that has a new version: what was read of it before is stale."""
        self._secrets = secrets
        self._keys = keys
        self._certificates = certificates
        self._forget = forget

    async def list_all(self, kind: ObjectKind) -> list[ObjectProperties]:
        """List all objects of a kind as their latest version is; raises KeyVaultError."""
        return await self._objects(kind)

    async def read_new(self, key: ObjectKey) -> AnyObject:
        """Read an object that has a new version; raises KeyVaultError."""
        self._forget(key.kind, key.name)
        match key.kind:
            case ObjectKind.SECRET:
                return await self._secrets.get_secret(key.name, priority=Priority.REFRESH)
            case ObjectKind.KEY:
                return await self._keys.get_key(key.name, priority=Priority.REFRESH)
            case ObjectKind.CERTIFICATE:
                return await self._certificates.get_certificate(key.name, priority=Priority.REFRESH)

    async def find_previous(self, key: ObjectKey, version: str) -> str:
        """Find the newest version but this one; empty where that cannot be known."""
        versions: list[ObjectProperties] = []
        pages = 0
        try:
            async for page in self._versions(key).by_page():
                versions += page
                pages += 1
                if pages > MAX_VERSION_PAGES:
                    return ""
        except KeyVaultError:
            return ""
        others = [item for item in versions if item.version != version]
        newest = max(others, key=lambda item: item.created_on or _LONG_AGO, default=None)
        return newest.version if newest is not None else ""

    def _objects(self, kind: ObjectKind) -> AnyListing:
        match kind:
            case ObjectKind.SECRET:
                return self._secrets.list_secrets(priority=Priority.REFRESH)
            case ObjectKind.KEY:
                return self._keys.list_keys(priority=Priority.REFRESH)
            case ObjectKind.CERTIFICATE:
                return self._certificates.list_certificates(priority=Priority.REFRESH)

    def _versions(self, key: ObjectKey) -> AnyListing:
        match key.kind:
            case ObjectKind.SECRET:
                return self._secrets.list_secret_versions(key.name, priority=Priority.REFRESH)
            case ObjectKind.KEY:
                return self._keys.list_key_versions(key.name, priority=Priority.REFRESH)
            case ObjectKind.CERTIFICATE:
                return self._certificates.list_certificate_versions(key.name, priority=Priority.REFRESH)
