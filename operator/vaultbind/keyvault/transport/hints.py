"""What whoever gets an error of the way to a vault can do about it: one hint per code, in our own words."""

from azure.core.credentials_async import AsyncTokenProvider

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
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

_ON_THE_WAY = frozenset(
    {KeyVaultErrorKind.UNREACHABLE, KeyVaultErrorKind.TIMEOUT, KeyVaultErrorKind.AUTHENTICATION_FAILED}
)
_BY_CODE = {
    "CertificateUntrusted": "trust its CA by SSL_CERT_FILE, VAULTBIND_KEYVAULT_CA_FILE or ca_pem",
    "NameNotResolved": "check the vault's URL (AZURE_KEYVAULT_URL)",
    "ConnectionRefused": "nothing listens there: check the vault's URL and port, or the proxy",
    "ProxyFailed": "check the proxy (HTTPS_PROXY), or name the vault in NO_PROXY",
}
_NO_IDENTITY = frozenset({"ClientAuthenticationError", "CredentialUnavailableError"})
_BY_IDENTITY: dict[type[CredentialConfig], str] = {
    DefaultIdentity: "no identity was found: set the AZURE_* variables of a service principal or workload"
    " identity, run where there is a managed identity, or VAULTBIND_KEYVAULT_CREDENTIAL=cli after `az login`",
    ManagedIdentity: "managed identity was tried: run on a machine that has one, and name a user-assigned one"
    " by AZURE_CLIENT_ID",
    WorkloadIdentity: "workload identity was tried: check AZURE_TENANT_ID, AZURE_CLIENT_ID and"
    " AZURE_FEDERATED_TOKEN_FILE",
    ClientSecretIdentity: "a client secret was tried: check tenant, client id, secret and authority host",
    ClientCertificateIdentity: "a client certificate was tried: check tenant, client id and authority host",
    FederatedIdentity: "a federated token was tried: check tenant, client id and who is trusted there",
    AzureCliIdentity: "the Azure CLI was tried: `az login`",
}
_GIVEN = "the credential that the client was given has no token"


def tell_way(
    error: KeyVaultError, host: str, credential: CredentialConfig | AsyncTokenProvider
) -> KeyVaultError:
    """Return `error` with the vault's host and a hint, where it is about the way to the vault."""
    if error.kind not in _ON_THE_WAY:
        return error
    if error.kind is KeyVaultErrorKind.AUTHENTICATION_FAILED and error.code in _NO_IDENTITY:
        hint = _BY_IDENTITY[type(credential)] if isinstance(credential, CredentialConfig) else _GIVEN
    else:
        hint = _BY_CODE.get(error.code, "")
    return error.advised(hint, vault=host)
