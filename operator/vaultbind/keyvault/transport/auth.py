"""How identities become credentials.

Building a credential does no I/O and does not import azure.identity; the first token does.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.core.pipeline.transport import AsyncHttpTransport

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.observer import Observer
from vaultbind.keyvault.transport.identities import (
    AzureCliIdentity,
    ClientCertificateIdentity,
    ClientSecretIdentity,
    CredentialConfig,
    DefaultIdentity,
    FederatedIdentity,
    ManagedIdentity,
    WorkloadIdentity,
)
from vaultbind.keyvault.transport.tokens import SharedCredential, TokenSource

_DEVELOPER_CREDENTIALS = (
    "shared_token_cache",
    "visual_studio_code",
    "cli",
    "developer_cli",
    "powershell",
)

Transport = AsyncHttpTransport[Any, Any]


def build_credential(
    config: CredentialConfig,
    *,
    transport: Transport | None = None,
    clock: Callable[[], float] = time.time,
    observer: Observer | None = None,
    environ: Mapping[str, str] | None = None,
) -> SharedCredential:
    """Make the credential of an identity; its token requests go over `transport`. No I/O, no import yet.

        credential = build_credential(ManagedIdentity(client_id="11111111-2222-3333-4444-555555555555"))
        await credential.aclose()

    Its methods raise KeyVaultError (AUTHENTICATION_FAILED). Clients of one SharedTransport need none.
    """
    variables = os.environ if environ is None else environ
    return SharedCredential(
        lambda: _build_source(config, transport, variables), clock=clock, observer=observer
    )


def _build_source(
    config: CredentialConfig, transport: Transport | None, environ: Mapping[str, str]
) -> TokenSource:
    from azure.identity import aio

    options: dict[str, Any] = {"retry_total": 1, "retry_status": 1, "retry_backoff_factor": 0.2}
    if transport is not None:
        options["transport"] = transport
    match config:
        case ManagedIdentity():
            return cast("TokenSource", aio.ManagedIdentityCredential(**_managed(config, environ), **options))
        case AzureCliIdentity():
            return aio.AzureCliCredential(tenant_id=config.tenant_id, process_timeout=config.timeout)
        case WorkloadIdentity():
            return _build_workload(config, options)
        case DefaultIdentity():
            options |= _authority(config.authority_host)
            if not environ.get("AZURE_TOKEN_CREDENTIALS"):
                options |= {f"exclude_{name}_credential": True for name in _DEVELOPER_CREDENTIALS}
            return aio.DefaultAzureCredential(**options)
    options |= _authority(config.authority_host)
    return _build_principal(config, options)


def _build_principal(
    config: ClientSecretIdentity | ClientCertificateIdentity | FederatedIdentity, options: dict[str, Any]
) -> TokenSource:
    from azure.identity import aio

    match config:
        case ClientSecretIdentity():
            secret = config.client_secret.expose_secret()
            return aio.ClientSecretCredential(config.tenant_id, config.client_id, secret, **options)
        case ClientCertificateIdentity():
            return _build_certificate(config, options)
        case FederatedIdentity():
            return _Federated(config, options)


def _build_certificate(config: ClientCertificateIdentity, options: dict[str, Any]) -> TokenSource:
    from azure.identity import aio

    try:
        return aio.CertificateCredential(
            config.tenant_id,
            config.client_id,
            certificate_data=config.certificate,
            password=config.password.expose_secret() if config.password else None,
            **options,
        )
    except ValueError:  # its text could quote what it was given
        detail = "the client certificate or its password is not usable: PEM or PFX with an RSA private key"
    raise KeyVaultError(
        KeyVaultErrorKind.AUTHENTICATION_FAILED, code="ClientCertificateUnusable", detail=detail
    )


class _Federated:
    """The SDK asks synchronously for an assertion, so it is fetched before."""

    def __init__(self, config: FederatedIdentity, options: dict[str, Any]) -> None:
        from azure.identity import aio

        self._fetch = config.fetch_assertion
        self._assertion = ""
        self._credential = aio.ClientAssertionCredential(
            config.tenant_id, config.client_id, lambda: self._assertion, **options
        )

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        self._assertion = await self._fetch()
        return await self._credential.get_token_info(*scopes, options=options)

    async def close(self) -> None:
        await self._credential.close()


def _build_workload(config: WorkloadIdentity, options: dict[str, Any]) -> TokenSource:
    from azure.identity import aio

    try:
        return aio.WorkloadIdentityCredential(
            tenant_id=config.tenant_id or None,
            client_id=config.client_id or None,
            token_file_path=config.token_file or None,
            **_authority(config.authority_host),
            **options,
        )
    except ValueError:
        detail = "workload identity needs AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE"
    raise KeyVaultError(
        KeyVaultErrorKind.AUTHENTICATION_FAILED, code="WorkloadIdentityMissing", detail=detail
    )


def _managed(config: ManagedIdentity, environ: Mapping[str, str]) -> dict[str, Any]:
    if config.client_id:
        return {"client_id": config.client_id}
    if not config.resource_id:
        return {}
    # App Service and the virtual machines' endpoint spell the same parameter differently.
    name = "mi_res_id" if environ.get("IDENTITY_HEADER") else "msi_res_id"
    return {"identity_config": {name: config.resource_id}}


def _authority(host: str) -> dict[str, str]:
    return {"authority": host} if host else {}


def quiet_azure_loggers() -> None:
    """Keep the SDK's loggers from repeating headers and Azure's texts, unless somebody has set them."""
    for name, level in (
        ("azure", logging.WARNING),
        ("azure.identity", logging.ERROR),
        ("msal", logging.ERROR),
    ):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(level)
