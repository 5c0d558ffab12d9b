"""The keys of a vault."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.lifecycle import WAIT
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.services.local import FRESH_SECONDS, LocalPublicKey
from vaultbind.keyvault.services.release import KeyRelease
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.types.common import BackupBlob, ObjectKind
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import (
    CreateKeyOptions,
    DeletedKey,
    ImportKeyOptions,
    Key,
    KeyOperation,
    KeyProperties,
    KeyReleasePolicy,
    KeyRotationPolicy,
)
from vaultbind.keyvault.validation import (
    MAX_TAG,
    check_imported_key,
    check_new_key,
    check_operations,
    check_rotation_policy,
    check_tags,
    parse_name,
    parse_version,
)
from vaultbind.keyvault.wire.keys import (
    parse_deleted_key,
    parse_key,
    parse_key_properties,
    parse_rotation_policy,
    render_import,
    render_key_update,
    render_new_key,
    render_rotation_policy,
)


class KeysService(KeyRelease):
    """Keys of one vault: their management here, what they are used for in KeyCrypto and KeyRelease.

    Private parts never leave the vault. Every method raises KeyVaultError.
    """

    kind: ClassVar[ObjectKind] = ObjectKind.KEY

    def __init__(self, pipeline: VaultPipeline) -> None:
        """Share the vault's pipeline."""
        super().__init__(pipeline, parse_key, parse_key_properties)

    async def get_key(self, name: str, version: str = "", *, priority: Priority = Priority.FRESH) -> Key:
        """Read a key, the latest version when none is named; needs `keys/get`.

            key = await client.keys.get_key("signing")
            print(key.key_type, key.key.to_pem())

        Raises KeyVaultError: KEY_NOT_FOUND, DISABLED, FORBIDDEN and those of any call.
        """
        return await self._get(name, version, priority)

    async def open_public_key(
        self, name: str, version: str = "", *, max_age: float = FRESH_SECONDS
    ) -> LocalPublicKey:
        """Read an RSA or EC key for encrypting, wrapping and verifying here; needs `keys/get`.

            key = await client.keys.open_public_key("signing")
            good = [key.verify(SignatureAlgorithm.ES256, message=m, signature=s) for m, s in pairs]

        It is read from the vault, whatever the cache has, and believed for `max_age` seconds: so long may a
        key be used on that is disabled meanwhile. Raises as `get_key` does, and VALIDATION for a symmetric
        key, which is used in the vault only.
        """
        parse_name(name)
        parse_version(version)
        clock = self._pipeline.clock
        read_at = clock.monotonic()
        key = await self._fetch(name, version, Priority.FRESH)
        key.key.check_public()
        return LocalPublicKey(key=key, clock=clock, read_at=read_at, max_age=max_age)

    def list_keys(self, *, priority: Priority = Priority.FRESH) -> Listing[KeyProperties]:
        """List the latest version of every key; needs `keys/list` on the whole vault.

            names = [item.name async for item in client.keys.list_keys()]

        Reading raises KeyVaultError: FORBIDDEN and those of any call.
        """
        return self._list(priority)

    def list_key_versions(self, name: str, *, priority: Priority = Priority.FRESH) -> Listing[KeyProperties]:
        """List all versions of a key, in no order and without limit; needs `keys/list`.

            versions = await client.keys.list_key_versions("signing")

        Reading raises KeyVaultError: FORBIDDEN and those of any call; a key that is not there has no
        versions.
        """
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
        operation = self._of_live("POST", name, "/create", content=render_new_key(options))
        return self._parse(await self._send(operation), name)

    async def import_key(self, name: str, key: JsonWebKey, options: ImportKeyOptions | None = None) -> Key:
        """Give a key to the vault, as a new version; needs `keys/import`.

            key = await client.keys.import_key("brought", JsonWebKey.from_pem(pem))

        Raises KeyVaultError: VALIDATION (no private members), BAD_PARAMETER, DELETED_BUT_RECOVERABLE,
        MANAGED_BY_KEY_VAULT, FORBIDDEN and those of any call.
        """
        options = options or ImportKeyOptions()
        parse_name(name)
        check_imported_key(key, options)
        operation = self._of_live("PUT", name, content=render_import(key, options))
        return self._parse(await self._send(operation), name)

    async def update_key_properties(
        self,
        name: str,
        version: str = "",
        *,
        operations: tuple[KeyOperation, ...] | None = None,
        enabled: bool | None = None,
        not_before: datetime | None = None,
        expires_on: datetime | None = None,
        tags: Mapping[str, str] | None = None,
        release_policy: KeyReleasePolicy | None = None,
    ) -> Key:
        """Change a version, the latest when none is named; needs `keys/update`.

            only = (KeyOperation.VERIFY,)
            key = await client.keys.update_key_properties("signing", operations=only)

        What is None stays as it is; `tags` and `operations` replace all. Raises KeyVaultError: VALIDATION,
        KEY_NOT_FOUND, MANAGED_BY_KEY_VAULT, FORBIDDEN and those of any call.
        """
        parse_name(name)
        parse_version(version)
        check_operations(operations)
        check_tags(tags or {}, MAX_TAG)
        content = render_key_update(
            operations=operations,
            enabled=enabled,
            not_before=not_before,
            expires_on=expires_on,
            tags=tags,
            release_policy=release_policy,
        )
        operation = self._of_version("PATCH", name, version, content=content)
        return self._parse(await self._send(operation), name)

    async def rotate_key(self, name: str) -> Key:
        """Make a new version of a key, of the same type and size; needs `keys/rotate`.

            key = await client.keys.rotate_key("orders")

        Never repeated when it may have worked. Raises KeyVaultError: KEY_NOT_FOUND, MANAGED_BY_KEY_VAULT,
        FORBIDDEN and those of any call.
        """
        parse_name(name)
        return self._parse(await self._send(self._of_live("POST", name, "/rotate")), name)

    async def get_key_rotation_policy(self, name: str) -> KeyRotationPolicy:
        """Read when a key is rotated; needs `keys/getrotationpolicy`.

            policy = await client.keys.get_key_rotation_policy("orders")
            print(policy.expires_in, policy.lifetime_actions)

        Raises KeyVaultError: KEY_NOT_FOUND, FORBIDDEN and those of any call.
        """
        parse_name(name)
        operation = self._of_live("GET", name, "/rotationpolicy")
        return self._parse_as(await self._send(operation), name, parse_rotation_policy)

    async def update_key_rotation_policy(self, name: str, policy: KeyRotationPolicy) -> KeyRotationPolicy:
        """Set when a key is rotated, and return the policy as the service keeps it.

            rotate = KeyRotationLifetimeAction(action=KeyRotationAction.ROTATE, time_after_create="P60D")
            policy = KeyRotationPolicy(lifetime_actions=(rotate,), expires_in="P90D")
            kept = await client.keys.update_key_rotation_policy("orders", policy)

        Needs `keys/setrotationpolicy`. Raises KeyVaultError: VALIDATION, KEY_NOT_FOUND, BAD_PARAMETER (a
        rotation within 7 days of creation or expiry), FORBIDDEN and those of any call.
        """
        parse_name(name)
        check_rotation_policy(policy)
        operation = self._of_live("PUT", name, "/rotationpolicy", content=render_rotation_policy(policy))
        return self._parse_as(await self._send(operation), name, parse_rotation_policy)

    async def delete_key(self, name: str, *, wait: float = WAIT) -> DeletedKey:
        """Delete a key with all versions; needs `keys/delete`, and `keys/get` to wait for the end.

            deleted = await client.keys.delete_key("signing")

        Raises KeyVaultError: KEY_NOT_FOUND, MANAGED_BY_KEY_VAULT (delete the certificate instead), TIMEOUT
        (not done after `wait` seconds), FORBIDDEN and those of any call.
        """
        return await self._delete(name, wait, parse_deleted_key)

    async def get_deleted_key(self, name: str) -> DeletedKey:
        """Read a deleted key; needs `keys/get`.

            deleted = await client.keys.get_deleted_key("old-signing")

        Raises KeyVaultError: KEY_NOT_FOUND, FORBIDDEN and those of any call.
        """
        return await self._get_deleted(name, parse_deleted_key)

    def list_deleted_keys(self, *, priority: Priority = Priority.FRESH) -> Listing[DeletedKey]:
        """List deleted keys; needs `keys/list` on the whole vault.

            names = [item.name async for item in client.keys.list_deleted_keys()]

        Reading raises KeyVaultError: FORBIDDEN and those of any call.
        """
        return self._list_deleted(priority, parse_deleted_key)

    async def recover_deleted_key(self, name: str, *, wait: float = WAIT) -> Key:
        """Bring a deleted key back with all versions; needs `keys/recover`, and `keys/get` to wait.

            key = await client.keys.recover_deleted_key("old-signing")

        Raises KeyVaultError: KEY_NOT_FOUND, TIMEOUT (not done after `wait` seconds), FORBIDDEN and those of
        any call.
        """
        return await self._recover(name, wait, parse_key)

    async def purge_deleted_key(self, name: str, *, wait: float = WAIT) -> None:
        """Destroy a deleted key, and with it what only it can decrypt; needs `keys/purge`.

            await client.keys.purge_deleted_key("old-signing")

        Needs `keys/get` to wait for the end. Raises KeyVaultError: KEY_NOT_FOUND, TIMEOUT (not done after
        `wait` seconds), FORBIDDEN (also where the vault is protected from purging) and those of any call.
        """
        await self._purge(name, wait)

    async def backup_key(self, name: str) -> BackupBlob:
        """All versions of a key in one encrypted blob; needs `keys/backup`. At most 500 versions.

            backup = await client.keys.backup_key("signing")
            kept = backup.data  # bytes, to be stored anywhere

        Raises KeyVaultError: KEY_NOT_FOUND, MANAGED_BY_KEY_VAULT, FORBIDDEN and those of any call.
        """
        return await self._backup(name)

    async def restore_key(self, backup: BackupBlob) -> Key:
        """Restore a backed-up key under its old name; needs `keys/restore`.

            backup = BackupBlob(kind=ObjectKind.KEY, data=kept)
            key = await client.keys.restore_key(backup)

        Raises KeyVaultError: VALIDATION (the backup of another kind), CONFLICT (the name is taken),
        BAD_PARAMETER (from another subscription or geography), FORBIDDEN and those of any call.
        """
        return await self._restore(backup, parse_key)
