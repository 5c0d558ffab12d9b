"""The certificates of a vault."""

from collections.abc import Mapping
from typing import ClassVar

from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.issuers import CertificateAuthorities
from vaultbind.keyvault.services.lifecycle import WAIT
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.types.certificate import (
    Certificate,
    CertificatePolicy,
    CertificateProperties,
    DeletedCertificate,
    SecretReader,
)
from vaultbind.keyvault.types.common import BackupBlob, ObjectKind
from vaultbind.keyvault.validation import (
    MAX_TAG,
    check_certificate_policy,
    check_tags,
    parse_exact_version,
    parse_name,
    parse_version,
)
from vaultbind.keyvault.wire.certificates import (
    parse_certificate,
    parse_certificate_properties,
    parse_deleted_certificate,
    parse_policy,
    render_certificate_request,
    render_policy,
)
from vaultbind.keyvault.wire.documents import render_document


class CertificatesService(CertificateAuthorities):
    """Certificates of one vault; how they come to be and by whom is in the classes that it is made of.

    Every method raises KeyVaultError.
    """

    kind: ClassVar[ObjectKind] = ObjectKind.CERTIFICATE

    def __init__(self, pipeline: VaultPipeline, read_secret: SecretReader | None = None) -> None:
        """Share the vault's pipeline; `read_secret` is the way from a certificate to its private key."""
        super().__init__(
            pipeline, lambda data: parse_certificate(data, read_secret), parse_certificate_properties
        )

    async def get_certificate(
        self, name: str, version: str = "", *, priority: Priority = Priority.FRESH
    ) -> Certificate:
        """Read a certificate, the latest version when none is named; needs `certificates/get`.

            bundle = await (await client.certificates.get_certificate("shop")).with_private_key()

        Raises KeyVaultError: CERTIFICATE_NOT_FOUND, DISABLED, FORBIDDEN and those of any call.
        """
        return await self._get(name, version, priority)

    async def get_certificate_version(self, name: str, version: str) -> Certificate:
        """Read exactly this version; needs `certificates/get`.

            old = await client.certificates.get_certificate_version("shop", version)

        Raises as `get_certificate` does.
        """
        return await self._get(name, parse_exact_version(version), Priority.FRESH)

    def list_certificates(
        self, *, include_pending: bool = False, priority: Priority = Priority.FRESH
    ) -> Listing[CertificateProperties]:
        """List the latest version of every certificate; needs `certificates/list` on the whole vault.

            async for item in client.certificates.list_certificates():
                print(item.name, item.subject, item.expires_on)

        Reading raises KeyVaultError: FORBIDDEN and those of any call.
        """
        return self._list(priority, "&includePending=true" if include_pending else "")

    def list_certificate_versions(
        self, name: str, *, priority: Priority = Priority.FRESH
    ) -> Listing[CertificateProperties]:
        """List all versions of a certificate, in no order and without limit; needs `certificates/list`.

            versions = await client.certificates.list_certificate_versions("shop")

        Reading raises KeyVaultError: FORBIDDEN and those of any call.
        """
        return self._list_versions(name, priority)

    async def get_certificate_policy(self, name: str) -> CertificatePolicy:
        """Read how the next version will be made; needs `certificates/get`.

            policy = await client.certificates.get_certificate_policy("shop")
            print(policy.issuer, policy.validity_months)

        Raises KeyVaultError: CERTIFICATE_NOT_FOUND, FORBIDDEN and those of any call.
        """
        parse_name(name)
        body = await self._send(self._of_live("GET", name, "/policy"))
        return self._parse_as(body, name, parse_policy)

    async def update_certificate_policy(self, name: str, policy: CertificatePolicy) -> CertificatePolicy:
        """Change how the next version will be made, as far as `policy` says; needs `certificates/update`.

            tell = CertificateLifetimeAction(
                action=CertificatePolicyAction.EMAIL_CONTACTS, days_before_expiry=30
            )
            policy = CertificatePolicy(lifetime_actions=(tell,))
            await client.certificates.update_certificate_policy("shop", policy)

        Raises KeyVaultError: VALIDATION, CERTIFICATE_NOT_FOUND, BAD_PARAMETER, FORBIDDEN and those of any
        call.
        """
        parse_name(name)
        check_certificate_policy(policy)
        content = render_document(render_policy(policy))
        body = await self._send(self._of_live("PATCH", name, "/policy", content=content))
        return self._parse_as(body, name, parse_policy)

    async def update_certificate_properties(
        self,
        name: str,
        version: str = "",
        *,
        enabled: bool | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Certificate:
        """Change a version, the latest when none is named; needs `certificates/update`.

            await client.certificates.update_certificate_properties("shop", tags={"team": "shop"})

        What is None stays as it is; `tags` replace all tags. Raises KeyVaultError: VALIDATION,
        CERTIFICATE_NOT_FOUND, FORBIDDEN and those of any call.
        """
        parse_name(name)
        parse_version(version)
        check_tags(tags or {}, MAX_TAG)
        content = render_certificate_request(None, enabled=enabled, tags=tags)
        operation = self._of_version("PATCH", name, version, content=content)
        return self._parse(await self._send(operation), name)

    async def delete_certificate(self, name: str, *, wait: float = WAIT) -> DeletedCertificate:
        """Delete a certificate with its key and secret, all versions; needs `certificates/delete`.

            deleted = await client.certificates.delete_certificate("shop")

        Needs `certificates/get` to wait for the end. Raises KeyVaultError: CERTIFICATE_NOT_FOUND, TIMEOUT
        (not done after `wait` seconds), FORBIDDEN and those of any call.
        """
        return await self._delete(name, wait, parse_deleted_certificate)

    async def get_deleted_certificate(self, name: str) -> DeletedCertificate:
        """Read a deleted certificate; needs `certificates/get`.

            deleted = await client.certificates.get_deleted_certificate("old-shop")

        Raises KeyVaultError: CERTIFICATE_NOT_FOUND, FORBIDDEN and those of any call.
        """
        return await self._get_deleted(name, parse_deleted_certificate)

    def list_deleted_certificates(
        self, *, priority: Priority = Priority.FRESH
    ) -> Listing[DeletedCertificate]:
        """List deleted certificates; needs `certificates/list` on the whole vault.

            names = [item.name async for item in client.certificates.list_deleted_certificates()]

        Reading raises KeyVaultError: FORBIDDEN and those of any call.
        """
        return self._list_deleted(priority, parse_deleted_certificate)

    async def recover_deleted_certificate(self, name: str, *, wait: float = WAIT) -> Certificate:
        """Bring a deleted certificate back, all versions; needs `certificates/recover`, and `get` to wait.

            certificate = await client.certificates.recover_deleted_certificate("old-shop")

        Raises KeyVaultError: CERTIFICATE_NOT_FOUND, TIMEOUT (not done after `wait` seconds), FORBIDDEN and
        those of any call.
        """
        return await self._recover(name, wait, self._parse_full)

    async def purge_deleted_certificate(self, name: str, *, wait: float = WAIT) -> None:
        """Destroy a deleted certificate for good; needs `certificates/purge`, and `get` to wait for the end.

            await client.certificates.purge_deleted_certificate("old-shop")

        Raises KeyVaultError: CERTIFICATE_NOT_FOUND, TIMEOUT (not done after `wait` seconds), FORBIDDEN (also
        where the vault is protected from purging) and those of any call.
        """
        await self._purge(name, wait)

    async def backup_certificate(self, name: str) -> BackupBlob:
        """All versions of a certificate in one encrypted blob; needs `certificates/backup`.

            backup = await client.certificates.backup_certificate("shop")
            kept = backup.data  # bytes, to be stored anywhere

        Raises KeyVaultError: CERTIFICATE_NOT_FOUND, FORBIDDEN and those of any call.
        """
        return await self._backup(name)

    async def restore_certificate(self, backup: BackupBlob) -> Certificate:
        """Restore a backed-up certificate under its old name; needs `certificates/restore`.

            backup = BackupBlob(kind=ObjectKind.CERTIFICATE, data=kept)
            certificate = await client.certificates.restore_certificate(backup)

        Raises KeyVaultError: VALIDATION (the backup of another kind), CONFLICT (the name is taken),
        BAD_PARAMETER (from another subscription or geography), FORBIDDEN and those of any call.
        """
        return await self._restore(backup, self._parse_full)
