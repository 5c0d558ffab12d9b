"""The keys of a vault."""

from typing import ClassVar

from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.base import Operation
from vaultbind.keyvault.services.crypto import KeyCrypto
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.types.common import ObjectKind
from vaultbind.keyvault.types.key import CreateKeyOptions, Key, KeyProperties
from vaultbind.keyvault.validation import check_new_key, parse_name
from vaultbind.keyvault.wire.keys import parse_key, parse_key_properties, render_new_key


class KeysService(KeyCrypto):
    """Keys of one vault: their management here, what they are used for in KeyCrypto.

    Private parts never leave the vault. Every method raises KeyVaultError.
    """

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

    async def create_key(self, name: str, options: CreateKeyOptions) -> Key:
        """Make a key, or a new version of it; needs `keys/create`. Never repeated when it may have worked.

            options = CreateKeyOptions(key_type=KeyType.EC, curve=KeyCurve.P_256)
            key = await client.keys.create_key("signing", options)

        Raises KeyVaultError: VALIDATION, BAD_PARAMETER (a symmetric key in a standard vault),
        DELETED_BUT_RECOVERABLE, MANAGED_BY_KEY_VAULT, FORBIDDEN and those of any call.
        """
        parse_name(name)
        check_new_key(options)
        return await self._change("POST", name, "create", render_new_key(options))

    async def rotate_key(self, name: str) -> Key:
        """Make a new version of a key, of the same type and size; needs `keys/rotate`.

        Never repeated when it may have worked. Raises KeyVaultError: KEY_NOT_FOUND, MANAGED_BY_KEY_VAULT,
        FORBIDDEN and those of any call.
        """
        parse_name(name)
        return await self._change("POST", name, "rotate")

    async def _change(self, method: str, name: str, verb: str, content: bytes | None = None) -> Key:
        """Send `content` to a path below the key and read the key that comes back."""
        operation = Operation(
            method=method,
            path=f"{self._collection}/{name}/{verb}",
            route=f"{self._collection}/{{name}}/{verb}",
            name=name,
            content=content,
        )
        return self._parse(await self._send(operation), name)
