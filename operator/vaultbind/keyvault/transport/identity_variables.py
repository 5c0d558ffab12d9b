"""Environment variables to an identity: Azure's own names, and one that says which kind it is."""

from collections.abc import Callable, Mapping
from pathlib import Path

from vaultbind.keyvault.transport.clouds import find_cloud
from vaultbind.keyvault.transport.identities import (
    AzureCliIdentity,
    ClientCertificateIdentity,
    ClientSecretIdentity,
    CredentialConfig,
    DefaultIdentity,
    ManagedIdentity,
    WorkloadIdentity,
)
from vaultbind.keyvault.types.common import SecretString

PREFIX = "VAULTBIND_KEYVAULT_"
CREDENTIAL = PREFIX + "CREDENTIAL"
RESOURCE_ID = PREFIX + "MANAGED_IDENTITY_RESOURCE_ID"
CREDENTIAL_VARIABLES = {
    CREDENTIAL: "`default`, `workload`, `managed`, `client-secret`, `client-certificate` or `cli`",
    RESOURCE_ID: "resource of a user-assigned managed identity; else `AZURE_CLIENT_ID` names it",
}
"""What they mean."""
Variables = Mapping[str, str]


def read_identity(variables: Variables, vault_url: str) -> tuple[CredentialConfig, list[str]]:
    """The identity that the variables describe, Azure's default one where they say nothing, and mistakes.

    Entra ID is that of the vault's cloud, unless `AZURE_AUTHORITY_HOST` names another. Reads the file of
    `AZURE_CLIENT_CERTIFICATE_PATH`.
    """
    cloud = find_cloud(vault_url)
    host = variables.get("AZURE_AUTHORITY_HOST") or (cloud.authority_host if cloud is not None else "")
    kind = variables.get(CREDENTIAL) or "default"
    if kind not in _KINDS:
        return DefaultIdentity(), [f"{CREDENTIAL}: must be one of {', '.join(_KINDS)}"]
    needed, make = _KINDS[kind]
    missing = [f"{name}: missing ({CREDENTIAL} asks for it)" for name in needed if not variables.get(name)]
    if missing:
        return DefaultIdentity(), missing
    try:
        return make(variables, host), []
    except OSError:
        return DefaultIdentity(), [f"{_CERTIFICATE}: cannot be read"]


def _default(_: Variables, host: str) -> CredentialConfig:
    return DefaultIdentity(authority_host=host)


def _workload(variables: Variables, host: str) -> CredentialConfig:
    return WorkloadIdentity(
        tenant_id=variables[_TENANT],
        client_id=variables[_CLIENT],
        token_file=variables[_TOKEN_FILE],
        authority_host=host,
    )


def _managed(variables: Variables, _: str) -> CredentialConfig:
    resource = variables.get(RESOURCE_ID, "")
    return ManagedIdentity(client_id="" if resource else variables.get(_CLIENT, ""), resource_id=resource)


def _secret(variables: Variables, host: str) -> CredentialConfig:
    return ClientSecretIdentity(
        tenant_id=variables[_TENANT],
        client_id=variables[_CLIENT],
        client_secret=SecretString(variables[_SECRET]),
        authority_host=host,
    )


def _certificate(variables: Variables, host: str) -> CredentialConfig:
    password = variables.get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
    return ClientCertificateIdentity(
        tenant_id=variables[_TENANT],
        client_id=variables[_CLIENT],
        certificate=Path(variables[_CERTIFICATE]).read_bytes(),
        password=SecretString(password) if password else None,
        authority_host=host,
    )


def _cli(variables: Variables, _: str) -> CredentialConfig:
    return AzureCliIdentity(tenant_id=variables.get(_TENANT, ""))


_TENANT, _CLIENT, _SECRET = "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"
_CERTIFICATE, _TOKEN_FILE = "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"
_KINDS: dict[str, tuple[tuple[str, ...], Callable[[Variables, str], CredentialConfig]]] = {
    "default": ((), _default),
    "workload": ((_TENANT, _CLIENT, _TOKEN_FILE), _workload),
    "managed": ((), _managed),
    "client-secret": ((_TENANT, _CLIENT, _SECRET), _secret),
    "client-certificate": ((_TENANT, _CLIENT, _CERTIFICATE), _certificate),
    "cli": ((), _cli),
}
"""Kinds by name: the variables that each needs, and how it is made."""
