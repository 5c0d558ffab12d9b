"""How certificates come to be: created by an issuer, signed outside and merged, or imported."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.lifecycle import ObjectLifecycle
from vaultbind.keyvault.types.certificate import (
    Certificate,
    CertificateContentType,
    CertificateOperation,
    CertificatePolicy,
    CertificateProperties,
    WellKnownIssuer,
)
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.validation import MAX_TAG, check_certificate_policy, check_tags, parse_name
from vaultbind.keyvault.wire.certificates import (
    parse_certificate_operation,
    render_certificate_request,
    render_chain,
)
from vaultbind.keyvault.wire.documents import render_document

CREATION_WAIT = 120.0
"""Seconds that a certificate's creation is waited for, unless told otherwise."""


class CertificateIssuance(ObjectLifecycle[Certificate, CertificateProperties]):
    """New versions of certificates; every method raises KeyVaultError."""

    async def begin_create_certificate(
        self,
        name: str,
        policy: CertificatePolicy,
        *,
        enabled: bool | None = None,
        tags: Mapping[str, str] | None = None,
        preserve_order: bool | None = None,
    ) -> CertificateOperation:
        """Have a new version made and do not wait; needs `certificates/create`.

            policy = CertificatePolicy(issuer=WellKnownIssuer.UNKNOWN, subject="CN=shop.example")
            operation = await client.certificates.begin_create_certificate("by-hand", policy)
            print(base64.b64encode(operation.csr))

        With issuer Unknown the result's `csr` is to be signed outside and given to `merge_certificate`.
        Raises KeyVaultError: VALIDATION, BAD_PARAMETER, CONFLICT (another one is under way, or a key or
        secret has the name), DELETED_BUT_RECOVERABLE, FORBIDDEN and those of any call.
        """
        parse_name(name)
        check_certificate_policy(policy)
        check_tags(tags or {}, MAX_TAG)
        content = render_certificate_request(
            policy, enabled=enabled, tags=tags, preserve_order=preserve_order
        )
        body = await self._send(self._of_live("POST", name, "/create", content=content))
        return self._parse_operation(body, name)

    async def create_certificate(
        self,
        name: str,
        policy: CertificatePolicy,
        *,
        enabled: bool | None = None,
        tags: Mapping[str, str] | None = None,
        preserve_order: bool | None = None,
        wait: float = CREATION_WAIT,
    ) -> Certificate:
        """Have a new version made by an issuer that the vault knows, and return it.

            policy = CertificatePolicy(issuer=WellKnownIssuer.SELF, subject="CN=shop.example")
            certificate = await client.certificates.create_certificate("shop", policy)

        Needs `certificates/create` and `certificates/get`. Raises as `begin_create_certificate`; further
        TIMEOUT (not done after `wait` seconds), CONFLICT (the issuer failed or somebody cancelled it).
        """
        if policy.issuer == WellKnownIssuer.UNKNOWN:
            raise KeyVaultError(
                KeyVaultErrorKind.VALIDATION,
                object_name=name,
                detail="issuer Unknown: use begin_create_certificate, then merge_certificate",
            )
        operation = await self.begin_create_certificate(
            name, policy, enabled=enabled, tags=tags, preserve_order=preserve_order
        )

        async def is_made() -> bool:
            nonlocal operation
            if operation.is_under_way:
                operation = await self.get_certificate_operation(name)
            return not operation.is_under_way

        await self._await_end(name, wait, is_made)
        if operation.status != "completed":
            code = operation.error_code or "CreationFailed"
            raise KeyVaultError(KeyVaultErrorKind.CONFLICT, code=code, object_name=name)
        return await self._get(name, "", Priority.FRESH)

    async def get_certificate_operation(self, name: str) -> CertificateOperation:
        """Read how the making of the last version goes; needs `certificates/get`.

            operation = await client.certificates.get_certificate_operation("intranet")
            print(operation.status, operation.is_under_way)

        Raises KeyVaultError: NOT_FOUND or CERTIFICATE_NOT_FOUND, FORBIDDEN and those of any call.
        """
        parse_name(name)
        return self._parse_operation(await self._send(self._of_live("GET", name, "/pending")), name)

    async def cancel_certificate_operation(self, name: str) -> CertificateOperation:
        """Ask to stop the making of a version; needs `certificates/update`. It may be too late for that.

            await client.certificates.cancel_certificate_operation("shop")

        Raises KeyVaultError: NOT_FOUND or CERTIFICATE_NOT_FOUND (nothing under way), FORBIDDEN and those of
        any call.
        """
        parse_name(name)
        content = render_document({"cancellation_requested": True})
        operation = self._of_live("PATCH", name, "/pending", content=content)
        return self._parse_operation(await self._send(operation), name)

    async def delete_certificate_operation(self, name: str) -> CertificateOperation:
        """Forget the making of a version, and let a new one begin; needs `certificates/update`.

            await client.certificates.delete_certificate_operation("intranet")

        Raises KeyVaultError: NOT_FOUND or CERTIFICATE_NOT_FOUND (nothing under way), FORBIDDEN and those of
        any call.
        """
        parse_name(name)
        return self._parse_operation(await self._send(self._of_live("DELETE", name, "/pending")), name)

    async def merge_certificate(
        self,
        name: str,
        chain: Sequence[bytes],
        *,
        enabled: bool | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Certificate:
        """Join the certificate that somebody signed (DER, leaf first) with its pending key.

            certificate = await client.certificates.merge_certificate("intranet", [leaf, intermediate])

        Needs `certificates/create`. Raises KeyVaultError: VALIDATION (nothing given), BAD_PARAMETER (not of
        this key), NOT_FOUND (nothing pending), FORBIDDEN and those of any call.
        """
        parse_name(name)
        check_tags(tags or {}, MAX_TAG)
        if not chain:
            raise KeyVaultError(
                KeyVaultErrorKind.VALIDATION, object_name=name, detail="a merge needs a certificate"
            )
        content = render_certificate_request(
            None, enabled=enabled, tags=tags, more={"x5c": render_chain(chain)}
        )
        body = await self._send(self._of_live("POST", name, "/pending/merge", content=content))
        return self._parse(body, name)

    async def import_certificate(
        self,
        name: str,
        data: bytes,
        *,
        password: str | SecretString | None = None,
        policy: CertificatePolicy | None = None,
        enabled: bool | None = None,
        tags: Mapping[str, str] | None = None,
        preserve_order: bool | None = None,
    ) -> Certificate:
        """Give a certificate with its private key to the vault: a PFX, or PEM with an unencrypted PKCS#8 key.

            certificate = await client.certificates.import_certificate("brought", pfx, password="horse")

        Needs `certificates/import`. Raises KeyVaultError: VALIDATION, BAD_PARAMETER (unreadable, or the
        password is wrong), DELETED_BUT_RECOVERABLE, CONFLICT, FORBIDDEN and those of any call.
        """
        parse_name(name)
        check_tags(tags or {}, MAX_TAG)
        if policy is not None:
            check_certificate_policy(policy)
        value, policy = _render_upload(data, policy)
        secret = password.expose_secret() if isinstance(password, SecretString) else password
        more: dict[str, Any] = {"value": value, "pwd": secret}
        content = render_certificate_request(
            policy, enabled=enabled, tags=tags, preserve_order=preserve_order, more=more
        )
        return self._parse(await self._send(self._of_live("POST", name, "/import", content=content)), name)

    def _parse_operation(self, body: bytes, name: str) -> CertificateOperation:
        return self._parse_as(body, name, lambda data: parse_certificate_operation(data, name))


def _render_upload(data: bytes, policy: CertificatePolicy | None) -> tuple[str, CertificatePolicy | None]:
    """A PFX goes as base64, PEM as text with a policy that says so."""
    if b"-----BEGIN" not in data:
        return base64.b64encode(data).decode("ascii"), policy
    return data.decode("ascii", "replace"), policy or CertificatePolicy(
        content_type=CertificateContentType.PEM
    )
