"""Who asks: descriptions of identities, without any I/O or import of azure.identity.

Where an `authority_host` is empty, `AZURE_AUTHORITY_HOST` or the public cloud's is taken.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.common import SecretString


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultIdentity:
    """DefaultAzureCredential without developers' tools: environment, workload identity, managed identity.

    `AZURE_TOKEN_CREDENTIALS`, when set, decides instead.
    """

    authority_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedIdentity:
    """Managed identity; by `client_id` or `resource_id`, or the system-assigned one when both are empty."""

    client_id: str = ""
    resource_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecretIdentity:
    """Service principal with a client secret; empty `authority_host`: `AZURE_AUTHORITY_HOST` or Azure's."""

    tenant_id: str
    client_id: str
    client_secret: SecretString
    authority_host: str = ""

    def __post_init__(self) -> None:
        _check_hidden("client_secret", self.client_secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadIdentity:
    """Federated token of the process; what is empty comes from the `AZURE_*` variables."""

    tenant_id: str = ""
    client_id: str = ""
    token_file: str = ""
    authority_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificateIdentity:
    """Service principal with a certificate: PEM or PFX with its RSA private key, as bytes."""

    tenant_id: str
    client_id: str
    certificate: bytes = field(repr=False)
    password: SecretString | None = None
    authority_host: str = ""

    def __post_init__(self) -> None:
        _check_hidden("password", self.password)


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedIdentity:
    """Service principal that trusts another issuer, whose token `fetch_assertion` gets.

    That is asked for each time Entra ID is: a ServiceAccount's TokenRequest, for example, with audience
    `api://AzureADTokenExchange`. What it raises ends as KeyVaultError (AUTHENTICATION_FAILED).
    """

    tenant_id: str
    client_id: str
    fetch_assertion: Callable[[], Awaitable[str]] = field(repr=False)
    """Compared, too: one who fetches another token may be somebody else."""
    authority_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureCliIdentity:
    """Whoever is logged in with `az login`, for developers; empty `tenant_id`: the CLI's own."""

    tenant_id: str = ""
    timeout: int = 10
    """Seconds for the CLI to answer."""


CredentialConfig = (
    DefaultIdentity
    | ManagedIdentity
    | ClientSecretIdentity
    | ClientCertificateIdentity
    | WorkloadIdentity
    | FederatedIdentity
    | AzureCliIdentity
)


def _check_hidden(name: str, given: object) -> None:
    """Plain text would be in every repr; raises KeyVaultError (CONFIGURATION)."""
    if given is not None and not isinstance(given, SecretString):
        raise KeyVaultError(KeyVaultErrorKind.CONFIGURATION, detail=f"{name}: must be a SecretString")
