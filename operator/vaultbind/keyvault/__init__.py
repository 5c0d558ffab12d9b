"""Azure Key Vault for asyncio: one client, one error type, one shared transport, useful without Kubernetes.

Names are loaded when they are first used: importing the package costs nothing, and azure.identity waits for
the first token.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaultbind.keyvault.cache.manager import CacheStats
    from vaultbind.keyvault.cache.policy import CacheConfig
    from vaultbind.keyvault.client import KeyVaultClient, KeyVaultClientBuilder
    from vaultbind.keyvault.config import KeyVaultConfig, KeyVaultConfigBuilder
    from vaultbind.keyvault.envelope.envelopes import Envelopes, read_envelope_header
    from vaultbind.keyvault.envelope.form import EnvelopeHeader
    from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
    from vaultbind.keyvault.observer import NullObserver, Observer
    from vaultbind.keyvault.resilience.breaker import BreakerConfig, BreakerState
    from vaultbind.keyvault.resilience.ratelimit import Priority, TokenBucket
    from vaultbind.keyvault.resilience.retry import RetryConfig
    from vaultbind.keyvault.rotation.config import MonitorConfig
    from vaultbind.keyvault.rotation.handler import RotationHandler
    from vaultbind.keyvault.rotation.judgement import Telling
    from vaultbind.keyvault.rotation.monitor import CheckResult, ExpiryMonitor
    from vaultbind.keyvault.rotation.state import MonitorState
    from vaultbind.keyvault.services.certificates import CertificatesService
    from vaultbind.keyvault.services.keys import KeysService
    from vaultbind.keyvault.services.listing import Listing
    from vaultbind.keyvault.services.secrets import SecretsService
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
    from vaultbind.keyvault.types.crypto import (
        DecryptResult,
        EncryptionAlgorithm,
        EncryptResult,
        KeyWrapAlgorithm,
        SignatureAlgorithm,
        SignResult,
        UnwrapResult,
        VerifyResult,
        WrapResult,
    )
    from vaultbind.keyvault.types.key import (
        CreateKeyOptions,
        JsonWebKey,
        Key,
        KeyCurve,
        KeyOperation,
        KeyProperties,
        KeyReleasePolicy,
        KeyType,
    )
    from vaultbind.keyvault.types.secret import Secret, SecretProperties
    from vaultbind.keyvault.validation import VaultUrl, has_allowed_suffix, parse_vault_url

_HOMES = {
    "BreakerConfig": "resilience.breaker",
    "BreakerState": "resilience.breaker",
    "CacheConfig": "cache.policy",
    "CacheStats": "cache.manager",
    "Certificate": "types.certificate",
    "CertificatePolicy": "types.certificate",
    "CertificateProperties": "types.certificate",
    "CertificatesService": "services.certificates",
    "CheckResult": "rotation.monitor",
    "ClientSecretIdentity": "transport.auth",
    "CreateKeyOptions": "types.key",
    "CredentialConfig": "transport.auth",
    "DecryptResult": "types.crypto",
    "DefaultIdentity": "transport.auth",
    "EncryptResult": "types.crypto",
    "EncryptionAlgorithm": "types.crypto",
    "EnvelopeHeader": "envelope.form",
    "Envelopes": "envelope.envelopes",
    "ExpiryMonitor": "rotation.monitor",
    "JsonWebKey": "types.key",
    "Key": "types.key",
    "KeyCurve": "types.key",
    "KeyOperation": "types.key",
    "KeyProperties": "types.key",
    "KeyReleasePolicy": "types.key",
    "KeyType": "types.key",
    "KeyVaultClient": "client",
    "KeyVaultClientBuilder": "client",
    "KeyVaultConfig": "config",
    "KeyVaultConfigBuilder": "config",
    "KeyVaultError": "errors",
    "KeyVaultErrorKind": "errors",
    "KeyWrapAlgorithm": "types.crypto",
    "KeysService": "services.keys",
    "Listing": "services.listing",
    "ManagedIdentity": "transport.auth",
    "MonitorConfig": "rotation.config",
    "MonitorState": "rotation.state",
    "NullObserver": "observer",
    "ObjectKind": "types.common",
    "ObjectProperties": "types.common",
    "Observer": "observer",
    "Priority": "resilience.ratelimit",
    "RetryConfig": "resilience.retry",
    "RotationHandler": "rotation.handler",
    "Secret": "types.secret",
    "SecretProperties": "types.secret",
    "SecretString": "types.common",
    "SecretsService": "services.secrets",
    "SharedCredential": "transport.tokens",
    "SharedTransport": "transport.session",
    "SignResult": "types.crypto",
    "SignatureAlgorithm": "types.crypto",
    "Telling": "rotation.judgement",
    "TokenBucket": "resilience.ratelimit",
    "UnwrapResult": "types.crypto",
    "VaultUrl": "validation",
    "VerifyResult": "types.crypto",
    "WorkloadIdentity": "transport.auth",
    "WrapResult": "types.crypto",
    "build_credential": "transport.auth",
    "has_allowed_suffix": "validation",
    "parse_vault_url": "validation",
    "read_envelope_header": "envelope.envelopes",
}

__all__ = [
    "BreakerConfig",
    "BreakerState",
    "CacheConfig",
    "CacheStats",
    "Certificate",
    "CertificatePolicy",
    "CertificateProperties",
    "CertificatesService",
    "CheckResult",
    "ClientSecretIdentity",
    "CreateKeyOptions",
    "CredentialConfig",
    "DecryptResult",
    "DefaultIdentity",
    "EncryptResult",
    "EncryptionAlgorithm",
    "EnvelopeHeader",
    "Envelopes",
    "ExpiryMonitor",
    "JsonWebKey",
    "Key",
    "KeyCurve",
    "KeyOperation",
    "KeyProperties",
    "KeyReleasePolicy",
    "KeyType",
    "KeyVaultClient",
    "KeyVaultClientBuilder",
    "KeyVaultConfig",
    "KeyVaultConfigBuilder",
    "KeyVaultError",
    "KeyVaultErrorKind",
    "KeyWrapAlgorithm",
    "KeysService",
    "Listing",
    "ManagedIdentity",
    "MonitorConfig",
    "MonitorState",
    "NullObserver",
    "ObjectKind",
    "ObjectProperties",
    "Observer",
    "Priority",
    "RetryConfig",
    "RotationHandler",
    "Secret",
    "SecretProperties",
    "SecretString",
    "SecretsService",
    "SharedCredential",
    "SharedTransport",
    "SignResult",
    "SignatureAlgorithm",
    "Telling",
    "TokenBucket",
    "UnwrapResult",
    "VaultUrl",
    "VerifyResult",
    "WorkloadIdentity",
    "WrapResult",
    "build_credential",
    "has_allowed_suffix",
    "parse_vault_url",
    "read_envelope_header",
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
