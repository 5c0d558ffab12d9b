"""From a spec's `auth` to the identity that asks the vault. Nothing is sent to Azure."""

from vaultbind.api import grammar
from vaultbind.api.conditions import Reason
from vaultbind.api.keyvault import (
    DefaultAuth,
    KeyVaultSpec,
    ManagedIdentityAuth,
    ServicePrincipalAuth,
    WorkloadIdentityAuth,
)
from vaultbind.engine.clock import Clock
from vaultbind.keyvault import (
    ClientCertificateIdentity,
    ClientSecretIdentity,
    CredentialConfig,
    DefaultIdentity,
    FederatedIdentity,
    ManagedIdentity,
    SecretString,
    WorkloadIdentity,
)
from vaultbind.vaults.account_token import AccountToken
from vaultbind.vaults.material import CLIENT_ID, TENANT_ID, Material, unusable


async def fetch_identity(spec: KeyVaultSpec, material: Material, clock: Clock) -> CredentialConfig:
    """Return who asks the vault; what the cluster keeps of it comes through `material`.

    Raises KeyVaultError (AUTHENTICATION_FAILED) where that cannot be had.
    """
    if isinstance(spec.auth, WorkloadIdentityAuth) and spec.auth.service_account is not None:
        return await _fetch_account(spec.auth, spec.authority_host, material, clock)
    if not isinstance(spec.auth, ServicePrincipalAuth):
        return _ambient_identity(spec)
    return await _fetch_principal(spec.auth, spec.authority_host, material)


async def _fetch_account(
    auth: WorkloadIdentityAuth, authority_host: str, material: Material, clock: Clock
) -> CredentialConfig:
    """Identity that trusts a ServiceAccount; what the spec leaves out, the account's annotations name."""
    account = auth.service_account
    if account is None:
        raise TypeError("the operator's own workload identity")  # that is an ambient one
    client_id, tenant_id = await material.fetch_account_ids(account)
    client_id, tenant_id = auth.client_id or client_id, auth.tenant_id or tenant_id
    found = ((client_id, grammar.CLIENT_ID, CLIENT_ID), (tenant_id, grammar.TENANT_ID, TENANT_ID))
    for value, shape, annotation in found:
        if not shape.is_met(value):
            problem = f"annotation {annotation} is {'no id' if value else 'missing'}"
            where = f"ServiceAccount {account.namespace}/{account.name}"
            raise unusable(Reason.SERVICE_ACCOUNT_NOT_ANNOTATED.word, f"{where}: {problem}")
    token = AccountToken(kube=material.kube, account=account, clock=clock, asker=material.asker)
    return FederatedIdentity(
        tenant_id=tenant_id,
        client_id=client_id,
        fetch_assertion=token.fetch,
        authority_host=authority_host,
    )


async def _fetch_principal(
    auth: ServicePrincipalAuth, authority_host: str, material: Material
) -> CredentialConfig:
    if auth.certificate_ref is not None:
        pem = await material.fetch_secret(auth.certificate_ref, missing="ClientCertificateMissing")
        return ClientCertificateIdentity(
            tenant_id=auth.tenant_id,
            client_id=auth.client_id,
            certificate=pem.encode(),
            authority_host=authority_host,
        )
    if auth.secret_ref is None:
        raise TypeError("a service principal without material")  # the parser knows no such thing
    return ClientSecretIdentity(
        tenant_id=auth.tenant_id,
        client_id=auth.client_id,
        client_secret=SecretString(
            await material.fetch_secret(auth.secret_ref, missing="ClientSecretMissing")
        ),
        authority_host=authority_host,
    )


def _ambient_identity(spec: KeyVaultSpec) -> CredentialConfig:
    auth = spec.auth
    if isinstance(auth, DefaultAuth):
        return DefaultIdentity(authority_host=spec.authority_host)
    if isinstance(auth, ManagedIdentityAuth):
        return ManagedIdentity(client_id=auth.client_id, resource_id=auth.resource_id)
    if isinstance(auth, ServicePrincipalAuth):
        raise TypeError("a service principal is not ambient")
    return WorkloadIdentity(
        tenant_id=auth.tenant_id, client_id=auth.client_id, authority_host=spec.authority_host
    )
