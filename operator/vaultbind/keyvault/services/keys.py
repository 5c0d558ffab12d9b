"""Keys over the wire."""

from typing import ClassVar

from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.base import ObjectService
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.types.common import ObjectKind
from vaultbind.keyvault.types.key import Key, KeyProperties
from vaultbind.keyvault.wire import parse_key, parse_key_properties


class RemoteKeys(ObjectService[Key, KeyProperties]):
    """The KeysService of a vault."""

    kind: ClassVar[ObjectKind] = ObjectKind.KEY

    def __init__(self, pipeline: VaultPipeline) -> None:
        """Share the vault's pipeline."""
        super().__init__(pipeline, parse_key, parse_key_properties)

    async def get_key(self, name: str, version: str = "", *, priority: Priority = Priority.FRESH) -> Key:
        """Read a key, the latest version when none is named; needs `keys/get`.

        Raises KeyVaultError: KEY_NOT_FOUND, DISABLED, FORBIDDEN and those of any call.
        """
        return await self._get(name, version, priority)

    def list_keys(self, *, priority: Priority = Priority.FRESH) -> Listing[KeyProperties]:
        """List the latest version of every key; needs `keys/list` on the whole vault."""
        return self._list(priority)

    def list_key_versions(self, name: str, *, priority: Priority = Priority.FRESH) -> Listing[KeyProperties]:
        """List all versions of a key, in no order and without limit; needs `keys/list`."""
        return self._list_versions(name, priority)
