"""The secrets of a vault."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote

from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.lifecycle import WAIT, ObjectLifecycle
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.types.certificate import CertificateContentType
from vaultbind.keyvault.types.common import BackupBlob, ObjectKind, SecretString
from vaultbind.keyvault.types.secret import DeletedSecret, Secret, SecretProperties, SetSecretOptions
from vaultbind.keyvault.validation import (
    check_secret_properties,
    check_secret_value,
    parse_content_type,
    parse_exact_version,
    parse_name,
    parse_version,
)
from vaultbind.keyvault.wire.secrets import (
    parse_deleted_secret,
    parse_secret,
    parse_secret_properties,
    render_secret,
    render_secret_update,
)


class SecretsService(ObjectLifecycle[Secret, SecretProperties]):
    """Secrets of one vault; every method raises KeyVaultError."""

    kind: ClassVar[ObjectKind] = ObjectKind.SECRET

    def __init__(self, pipeline: VaultPipeline) -> None:
        """Share the vault's pipeline."""
        super().__init__(pipeline, parse_secret, parse_secret_properties)

    async def get_secret(
        self,
        name: str,
        version: str = "",
        *,
        out_content_type: CertificateContentType | None = None,
        priority: Priority = Priority.FRESH,
    ) -> Secret:
        """Read a secret, the latest version when none is named; needs `secrets/get`.

            password = (await client.secrets.get_secret("db-password")).value.expose_secret()

        `out_content_type` asks for a certificate's secret in the other form, which the service can do from
        PFX to PEM, since version 2025-07-01 of its interface; such a read does not use the cache.

        Raises KeyVaultError: SECRET_NOT_FOUND, DISABLED, FORBIDDEN, BAD_PARAMETER (another form) and those of
        any call.
        """
        if out_content_type is None:
            return await self._get(name, version, priority)
        parse_name(name)
        parse_version(version)
        wanted = quote(parse_content_type(out_content_type), safe="")
        return await self._fetch(name, version, priority, f"&outContentType={wanted}")

    async def get_secret_version(self, name: str, version: str) -> Secret:
        """Read exactly this version of a secret; needs `secrets/get`.

            old = await client.secrets.get_secret_version("db-password", version)

        Raises as `get_secret` does.
        """
        return await self._get(name, parse_exact_version(version), Priority.FRESH)

    def list_secrets(self, *, priority: Priority = Priority.FRESH) -> Listing[SecretProperties]:
        """List the latest version of every secret, no values; needs `secrets/list` on the whole vault.

            async for item in client.secrets.list_secrets():
                print(item.name, item.enabled)
            items = await client.secrets.list_secrets()

        Reading raises KeyVaultError: FORBIDDEN and those of any call.
        """
        return self._list(priority)

    def list_secret_versions(
        self, name: str, *, priority: Priority = Priority.FRESH
    ) -> Listing[SecretProperties]:
        """List all versions of a secret, in no order and without limit; needs `secrets/list`.

            listing = client.secrets.list_secret_versions("db-password")
            newest = max(await listing, key=lambda item: item.created_on)

        Reading raises KeyVaultError: FORBIDDEN and those of any call; a secret that is not there has no
        versions.
        """
        return self._list_versions(name, priority)

    async def set_secret(
        self, name: str, value: str | SecretString, options: SetSecretOptions | None = None
    ) -> Secret:
        """Make a new version of a secret and return it; needs `secrets/set`.

            options = SetSecretOptions(content_type="text/plain", tags={"team": "shop"})
            secret = await client.secrets.set_secret("db-password", "s3cr3t", options)

        Raises KeyVaultError: VALIDATION (over 25,600 bytes, 255 characters of content type, 15 tags of 512),
        DELETED_BUT_RECOVERABLE, MANAGED_BY_KEY_VAULT, FORBIDDEN and those of any call.
        """
        options = options or SetSecretOptions()
        text = value.expose_secret() if isinstance(value, SecretString) else value
        parse_name(name)
        check_secret_value(text)
        check_secret_properties(options.content_type, options.tags)
        operation = self._of_live("PUT", name, content=render_secret(text, options))
        return self._parse(await self._send(operation), name)

    async def update_secret_properties(
        self,
        name: str,
        version: str = "",
        *,
        content_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        enabled: bool | None = None,
        not_before: datetime | None = None,
        expires_on: datetime | None = None,
    ) -> SecretProperties:
        """Change a version (the latest when none is named), not its value; needs `secrets/set`.

            soon = datetime.now(UTC) + timedelta(days=90)
            await client.secrets.update_secret_properties("db-password", expires_on=soon)

        What is None stays as it is; `tags` replace all tags. Raises KeyVaultError: VALIDATION,
        SECRET_NOT_FOUND, MANAGED_BY_KEY_VAULT, FORBIDDEN and those of any call.
        """
        options = SetSecretOptions(
            content_type=content_type,
            tags=tags,
            enabled=enabled,
            not_before=not_before,
            expires_on=expires_on,
        )
        parse_name(name)
        parse_version(version)
        check_secret_properties(content_type, tags)
        operation = self._of_version("PATCH", name, version, content=render_secret_update(options))
        return self._parse_as(await self._send(operation), name, parse_secret_properties)

    async def delete_secret(self, name: str, *, wait: float = WAIT) -> DeletedSecret:
        """Delete a secret with all versions; needs `secrets/delete`, and `secrets/get` to wait for the end.

            deleted = await client.secrets.delete_secret("db-password")
            print(deleted.scheduled_purge_on)

        Raises KeyVaultError: SECRET_NOT_FOUND, MANAGED_BY_KEY_VAULT (delete the certificate instead), TIMEOUT
        (not done after `wait` seconds), FORBIDDEN and those of any call.
        """
        return await self._delete(name, wait, parse_deleted_secret)

    async def get_deleted_secret(self, name: str) -> DeletedSecret:
        """Read a deleted secret, without value; needs `secrets/get`.

            deleted = await client.secrets.get_deleted_secret("old-password")

        Raises KeyVaultError: SECRET_NOT_FOUND, FORBIDDEN and those of any call.
        """
        return await self._get_deleted(name, parse_deleted_secret)

    def list_deleted_secrets(self, *, priority: Priority = Priority.FRESH) -> Listing[DeletedSecret]:
        """List deleted secrets; needs `secrets/list` on the whole vault.

            names = [item.name async for item in client.secrets.list_deleted_secrets()]

        Reading raises KeyVaultError: FORBIDDEN and those of any call.
        """
        return self._list_deleted(priority, parse_deleted_secret)

    async def recover_deleted_secret(self, name: str, *, wait: float = WAIT) -> SecretProperties:
        """Bring a deleted secret back with all versions; needs `secrets/recover`, and `secrets/get` to wait.

            properties = await client.secrets.recover_deleted_secret("old-password")

        Raises KeyVaultError: SECRET_NOT_FOUND, TIMEOUT (not done after `wait` seconds), FORBIDDEN and those
        of any call.
        """
        return await self._recover(name, wait, parse_secret_properties)

    async def purge_deleted_secret(self, name: str, *, wait: float = WAIT) -> None:
        """Destroy a deleted secret for good; needs `secrets/purge`, and `secrets/get` to wait for the end.

            await client.secrets.purge_deleted_secret("old-password")

        Raises KeyVaultError: SECRET_NOT_FOUND, TIMEOUT (not done after `wait` seconds), FORBIDDEN (also where
        the vault is protected from purging) and those of any call.
        """
        await self._purge(name, wait)

    async def backup_secret(self, name: str) -> BackupBlob:
        """All versions of a secret in one encrypted blob; needs `secrets/backup`. At most 500 versions.

            backup = await client.secrets.backup_secret("db-password")
            kept = backup.data  # bytes, to be stored anywhere

        Raises KeyVaultError: SECRET_NOT_FOUND, MANAGED_BY_KEY_VAULT, FORBIDDEN and those of any call.
        """
        return await self._backup(name)

    async def restore_secret(self, backup: BackupBlob) -> SecretProperties:
        """Restore a backed-up secret under its old name; needs `secrets/restore`.

            backup = BackupBlob(kind=ObjectKind.SECRET, data=kept)
            properties = await client.secrets.restore_secret(backup)

        Raises KeyVaultError: VALIDATION (the backup of another kind), CONFLICT (the name is taken),
        BAD_PARAMETER (from another subscription or geography), FORBIDDEN and those of any call.
        """
        return await self._restore(backup, parse_secret_properties)
