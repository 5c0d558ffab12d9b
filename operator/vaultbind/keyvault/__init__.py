"""Azure Key Vault for asyncio: one client, one error type, one shared transport, useful without Kubernetes.

Names are loaded when they are first used: importing the package costs nothing, and azure.identity waits for
the first token.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaultbind.keyvault.client import KeyVaultClient, KeyVaultClientBuilder
    from vaultbind.keyvault.config import KeyVaultConfig, KeyVaultConfigBuilder
    from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
    from vaultbind.keyvault.observer import NullObserver, Observer
    from vaultbind.keyvault.resilience.breaker import BreakerConfig, BreakerState
    from vaultbind.keyvault.resilience.ratelimit import Priority, TokenBucket
    from vaultbind.keyvault.resilience.retry import RetryConfig
    from vaultbind.keyvault.services.base import CertificatesService, KeysService, SecretsService
    from vaultbind.keyvault.services.listing import Listing
    from vaultbind.keyvault.transport.auth import (
        ClientSecretIdentity,
        CredentialConfig,
        DefaultIdentity,
        ManagedIdentity,
        WorkloadIdentity,
        build_credential,
    )
    from vaultbind.keyvault.transport.session import SharedTransport
    from vaultbind.keyvault.transport.tokens import SharedCredential
    from vaultbind.keyvault.types.certificate import Certificate, CertificatePolicy, CertificateProperties
    from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties, SecretString
    from vaultbind.keyvault.types.key import JsonWebKey, Key, KeyProperties
    from vaultbind.keyvault.types.secret import Secret, SecretProperties
    from vaultbind.keyvault.validation import VaultUrl, has_allowed_suffix, parse_vault_url

_HOMES = {
    "BreakerConfig": "resilience.breaker",
    "BreakerState": "resilience.breaker",
    "Certificate": "types.certificate",
    "CertificatePolicy": "types.certificate",
    "CertificateProperties": "types.certificate",
    "CertificatesService": "services.base",
    "ClientSecretIdentity": "transport.auth",
    "CredentialConfig": "transport.auth",
    "DefaultIdentity": "transport.auth",
    "JsonWebKey": "types.key",
    "Key": "types.key",
    "KeyProperties": "types.key",
    "KeyVaultClient": "client",
    "KeyVaultClientBuilder": "client",
    "KeyVaultConfig": "config",
    "KeyVaultConfigBuilder": "config",
    "KeyVaultError": "errors",
    "KeyVaultErrorKind": "errors",
    "KeysService": "services.base",
    "Listing": "services.listing",
    "ManagedIdentity": "transport.auth",
    "NullObserver": "observer",
    "ObjectKind": "types.common",
    "ObjectProperties": "types.common",
    "Observer": "observer",
    "Priority": "resilience.ratelimit",
    "RetryConfig": "resilience.retry",
    "Secret": "types.secret",
    "SecretProperties": "types.secret",
    "SecretString": "types.common",
    "SecretsService": "services.base",
    "SharedCredential": "transport.tokens",
    "SharedTransport": "transport.session",
    "TokenBucket": "resilience.ratelimit",
    "VaultUrl": "validation",
    "WorkloadIdentity": "transport.auth",
    "build_credential": "transport.auth",
    "has_allowed_suffix": "validation",
    "parse_vault_url": "validation",
}

__all__ = [
    "BreakerConfig",
    "BreakerState",
    "Certificate",
    "CertificatePolicy",
    "CertificateProperties",
    "CertificatesService",
    "ClientSecretIdentity",
    "CredentialConfig",
    "DefaultIdentity",
    "JsonWebKey",
    "Key",
    "KeyProperties",
    "KeyVaultClient",
    "KeyVaultClientBuilder",
    "KeyVaultConfig",
    "KeyVaultConfigBuilder",
    "KeyVaultError",
    "KeyVaultErrorKind",
    "KeysService",
    "Listing",
    "ManagedIdentity",
    "NullObserver",
    "ObjectKind",
    "ObjectProperties",
    "Observer",
    "Priority",
    "RetryConfig",
    "Secret",
    "SecretProperties",
    "SecretString",
    "SecretsService",
    "SharedCredential",
    "SharedTransport",
    "TokenBucket",
    "VaultUrl",
    "WorkloadIdentity",
    "build_credential",
    "has_allowed_suffix",
    "parse_vault_url",
]


def __getattr__(name: str) -> Any:
    """Load a public name's module with its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
