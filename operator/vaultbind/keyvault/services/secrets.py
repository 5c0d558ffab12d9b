"""The secrets of a vault."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.base import ObjectService
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.types.common import ObjectKind
from vaultbind.keyvault.types.secret import Secret, SecretProperties
from vaultbind.keyvault.validation import check_secret, parse_name
from vaultbind.keyvault.wire.secrets import parse_secret, parse_secret_properties, render_secret


class SecretsService(ObjectService[Secret, SecretProperties]):
    """Secrets of one vault; every method raises KeyVaultError."""

    kind: ClassVar[ObjectKind] = ObjectKind.SECRET

    def __init__(self, pipeline: VaultPipeline) -> None:
        """Share the vault's pipeline."""
        super().__init__(pipeline, parse_secret, parse_secret_properties)

    async def get_secret(
        self, name: str, version: str = "", *, priority: Priority = Priority.FRESH
    ) -> Secret:
        """Read a secret, the latest version when none is named; needs `secrets/get`.

        Raises KeyVaultError: SECRET_NOT_FOUND, DISABLED, FORBIDDEN and those of any call.
        """
        return await self._get(name, version, priority)

    def list_secrets(self, *, priority: Priority = Priority.FRESH) -> Listing[SecretProperties]:
        """List the latest version of every secret, no values; needs `secrets/list` on the whole vault."""
        return self._list(priority)

    def list_secret_versions(
        self, name: str, *, priority: Priority = Priority.FRESH
    ) -> Listing[SecretProperties]:
        """List all versions of a secret, in no order and without limit; needs `secrets/list`."""
        return self._list_versions(name, priority)

    async def set_secret(
        self,
        name: str,
        value: str,
        *,
        content_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        enabled: bool | None = None,
        not_before: datetime | None = None,
        expires_on: datetime | None = None,
    ) -> Secret:
        """Make a new version of a secret and return it; needs `secrets/set`. Times have whole seconds.

        Raises KeyVaultError: VALIDATION (over 25,600 bytes, 255 characters of content type, 15 tags of 512),
        DELETED_BUT_RECOVERABLE, MANAGED_BY_KEY_VAULT, FORBIDDEN and those of any call.
        """
        parse_name(name)
        check_secret(value, content_type, tags)
        content = render_secret(
            value,
            content_type=content_type,
            tags=dict(tags) if tags is not None else None,
            enabled=enabled,
            not_before=not_before,
            expires_on=expires_on,
        )
        call = self._call("PUT", f"{self._collection}/{{name}}", name, Priority.FRESH)
        body = await self._pipeline.request(call, f"{self._base}/{name}{self._query}", content)
        return self._parse(body, name)
