"""The certificates of a vault."""

from typing import ClassVar

from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.base import ObjectService
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.types.certificate import Certificate, CertificateProperties
from vaultbind.keyvault.types.common import ObjectKind
from vaultbind.keyvault.wire.certificates import parse_certificate, parse_certificate_properties


class CertificatesService(ObjectService[Certificate, CertificateProperties]):
    """Certificates of one vault; every method raises KeyVaultError."""

    kind: ClassVar[ObjectKind] = ObjectKind.CERTIFICATE

    def __init__(self, pipeline: VaultPipeline) -> None:
        """Share the vault's pipeline."""
        super().__init__(pipeline, parse_certificate, parse_certificate_properties)

    async def get_certificate(
        self, name: str, version: str = "", *, priority: Priority = Priority.FRESH
    ) -> Certificate:
        """Read a certificate, the latest version when none is named; needs `certificates/get`.

        Raises KeyVaultError: CERTIFICATE_NOT_FOUND, DISABLED, FORBIDDEN and those of any call.
        """
        return await self._get(name, version, priority)

    def list_certificates(self, *, priority: Priority = Priority.FRESH) -> Listing[CertificateProperties]:
        """List the latest version of every certificate; needs `certificates/list` on the whole vault."""
        return self._list(priority)

    def list_certificate_versions(
        self, name: str, *, priority: Priority = Priority.FRESH
    ) -> Listing[CertificateProperties]:
        """List all versions of a certificate, in no order and without limit; needs `certificates/list`."""
        return self._list_versions(name, priority)
