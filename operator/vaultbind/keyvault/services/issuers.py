"""The issuers and contacts of a vault's certificates."""

from collections.abc import Sequence

from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.base import PAGE_SIZE, Operation
from vaultbind.keyvault.services.issuance import CertificateIssuance
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.types.issuer import CertificateContact, CertificateIssuer
from vaultbind.keyvault.validation import check_contacts, check_issuer, parse_name
from vaultbind.keyvault.wire.issuers import parse_contacts, parse_issuer, render_contacts, render_issuer

_ISSUERS = "/certificates/issuers"
_CONTACTS = "/certificates/contacts"


class CertificateAuthorities(CertificateIssuance):
    """Issuers and contacts; every method raises KeyVaultError."""

    async def create_issuer(self, issuer: CertificateIssuer) -> CertificateIssuer:
        """Let the vault ask this issuer, or replace what it knows of it; needs `certificates/setissuers`.

            issuer = CertificateIssuer(name="ca", provider="DigiCert", account_id="7", password=password)
            await client.certificates.create_issuer(issuer)

        Raises KeyVaultError: VALIDATION (no provider), BAD_PARAMETER, FORBIDDEN and those of any call.
        """
        check_issuer(issuer)
        return await self._of_issuer("PUT", issuer.name, render_issuer(issuer))

    async def get_issuer(self, name: str) -> CertificateIssuer:
        """Read an issuer, without its password; needs `certificates/getissuers`.

            issuer = await client.certificates.get_issuer("our-ca")

        Raises KeyVaultError: NOT_FOUND, FORBIDDEN and those of any call.
        """
        return await self._of_issuer("GET", name)

    def list_issuers(self, *, priority: Priority = Priority.FRESH) -> Listing[CertificateIssuer]:
        """List issuers by name and provider; needs `certificates/listissuers`.

            names = [issuer.name async for issuer in client.certificates.list_issuers()]

        Reading raises KeyVaultError: FORBIDDEN and those of any call.
        """
        call = self._call("GET", _ISSUERS, None, priority)
        first = f"{self._pipeline.url}{_ISSUERS}{self._query}&maxresults={PAGE_SIZE}"
        return self._listing(call, first, parse_issuer)

    async def update_issuer(self, issuer: CertificateIssuer) -> CertificateIssuer:
        """Change what is not None of an issuer; needs `certificates/setissuers`.

            await client.certificates.update_issuer(CertificateIssuer(name="our-ca", enabled=False))

        Raises KeyVaultError: NOT_FOUND, BAD_PARAMETER, FORBIDDEN and those of any call.
        """
        return await self._of_issuer("PATCH", issuer.name, render_issuer(issuer))

    async def delete_issuer(self, name: str) -> CertificateIssuer:
        """Forget an issuer, for good; needs `certificates/deleteissuers`.

            await client.certificates.delete_issuer("our-ca")

        Raises KeyVaultError: NOT_FOUND, FORBIDDEN and those of any call.
        """
        return await self._of_issuer("DELETE", name)

    async def set_contacts(self, contacts: Sequence[CertificateContact]) -> tuple[CertificateContact, ...]:
        """Replace who is told about certificates; needs `certificates/managecontacts`.

            await client.certificates.set_contacts([CertificateContact(email="ops@shop.example")])

        Raises KeyVaultError: VALIDATION (none at all, or one without address), FORBIDDEN and those of any
        call.
        """
        check_contacts(contacts)
        return await self._of_contacts("PUT", render_contacts(contacts))

    async def get_contacts(self) -> tuple[CertificateContact, ...]:
        """Read who is told; needs `certificates/managecontacts`.

            contacts = await client.certificates.get_contacts()

        Raises KeyVaultError: NOT_FOUND (there is nobody), FORBIDDEN and those of any call.
        """
        return await self._of_contacts("GET")

    async def delete_contacts(self) -> tuple[CertificateContact, ...]:
        """Tell nobody any more; needs `certificates/managecontacts`.

            told_until_now = await client.certificates.delete_contacts()

        Raises KeyVaultError: NOT_FOUND (there is nobody), FORBIDDEN and those of any call.
        """
        return await self._of_contacts("DELETE")

    async def _of_issuer(self, method: str, name: str, content: bytes | None = None) -> CertificateIssuer:
        parse_name(name)
        operation = Operation(
            method=method,
            path=f"{_ISSUERS}/{name}",
            route=f"{_ISSUERS}/{{name}}",
            name=name,
            content=content,
        )
        return self._parse_as(await self._send(operation), name, parse_issuer)

    async def _of_contacts(self, method: str, content: bytes | None = None) -> tuple[CertificateContact, ...]:
        operation = Operation(method=method, path=_CONTACTS, route=_CONTACTS, name=None, content=content)
        return self._parse_as(await self._send(operation), None, parse_contacts)
