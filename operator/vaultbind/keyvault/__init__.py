"""Azure Key Vault for asyncio: one client, one error type, one shared transport, useful without Kubernetes.

Names are loaded when they are first used: importing the package costs nothing, and azure.identity waits for
the first token.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaultbind.keyvault.builder import KeyVaultClientBuilder
    from vaultbind.keyvault.cache.manager import CacheStats
    from vaultbind.keyvault.cache.policy import CacheConfig
    from vaultbind.keyvault.certs.bundle import CertificateBundle
    from vaultbind.keyvault.client import KeyVaultClient
    from vaultbind.keyvault.config import KeyVaultConfig, KeyVaultConfigBuilder
    from vaultbind.keyvault.envelope.envelopes import Envelopes, read_envelope_header
    from vaultbind.keyvault.envelope.form import EnvelopeHeader
    from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
    from vaultbind.keyvault.health import HealthStatus
    from vaultbind.keyvault.observer import NullObserver, Observer
    from vaultbind.keyvault.resilience.breaker import Breaker, BreakerConfig, BreakerState
    from vaultbind.keyvault.resilience.clock import Clock
    from vaultbind.keyvault.resilience.ratelimit import Priority, TokenBucket
    from vaultbind.keyvault.resilience.retry import RetryBudget, RetryConfig
    from vaultbind.keyvault.rotation.config import MonitorConfig
    from vaultbind.keyvault.rotation.handler import RotationHandler
    from vaultbind.keyvault.rotation.judgement import Event, Telling
    from vaultbind.keyvault.rotation.monitor import CheckResult, ExpiryMonitor
    from vaultbind.keyvault.rotation.state import MonitorState
    from vaultbind.keyvault.services.certificates import CertificatesService
    from vaultbind.keyvault.services.keys import KeysService
    from vaultbind.keyvault.services.listing import Listing
    from vaultbind.keyvault.services.local import LocalPublicKey
    from vaultbind.keyvault.services.secrets import SecretsService
    from vaultbind.keyvault.simulation.access_log import AccessLogEntry
    from vaultbind.keyvault.simulation.canned import CannedExchange, MockHttpTransport
    from vaultbind.keyvault.simulation.client import MockKeyVaultClient
    from vaultbind.keyvault.simulation.faults import Ending
    from vaultbind.keyvault.simulation.replay import Difference, ReplayResult, replay
    from vaultbind.keyvault.simulation.vault import SimulatedVault
    from vaultbind.keyvault.transport.auth import build_credential
    from vaultbind.keyvault.transport.clouds import AzureCloud
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
    from vaultbind.keyvault.transport.session import SharedTransport
    from vaultbind.keyvault.transport.tokens import SharedCredential
    from vaultbind.keyvault.types.certificate import (
        Certificate,
        CertificateContentType,
        CertificateLifetimeAction,
        CertificateOperation,
        CertificatePolicy,
        CertificatePolicyAction,
        CertificateProperties,
        DeletedCertificate,
        WellKnownIssuer,
    )
    from vaultbind.keyvault.types.common import (
        BackupBlob,
        DeletedObject,
        ObjectKind,
        ObjectProperties,
        RecoveryLevel,
        SecretString,
    )
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
    from vaultbind.keyvault.types.issuer import CertificateContact, CertificateIssuer
    from vaultbind.keyvault.types.jwk import JsonWebKey
    from vaultbind.keyvault.types.key import (
        CreateKeyOptions,
        DeletedKey,
        ImportKeyOptions,
        Key,
        KeyAttestation,
        KeyCurve,
        KeyExportEncryptionAlgorithm,
        KeyOperation,
        KeyProperties,
        KeyReleasePolicy,
        KeyRotationAction,
        KeyRotationLifetimeAction,
        KeyRotationPolicy,
        KeyType,
        ReleaseResult,
    )
    from vaultbind.keyvault.types.secret import DeletedSecret, Secret, SecretProperties, SetSecretOptions
    from vaultbind.keyvault.validation import VaultUrl, has_allowed_suffix, parse_vault_url

_HOMES = {
    "AccessLogEntry": "simulation.access_log",
    "AzureCliIdentity": "transport.identities",
    "AzureCloud": "transport.clouds",
    "BackupBlob": "types.common",
    "Breaker": "resilience.breaker",
    "BreakerConfig": "resilience.breaker",
    "BreakerState": "resilience.breaker",
    "CacheConfig": "cache.policy",
    "CacheStats": "cache.manager",
    "CannedExchange": "simulation.canned",
    "Certificate": "types.certificate",
    "CertificateBundle": "certs.bundle",
    "CertificateContact": "types.issuer",
    "CertificateContentType": "types.certificate",
    "CertificateIssuer": "types.issuer",
    "CertificateLifetimeAction": "types.certificate",
    "CertificateOperation": "types.certificate",
    "CertificatePolicy": "types.certificate",
    "CertificatePolicyAction": "types.certificate",
    "CertificateProperties": "types.certificate",
    "CertificatesService": "services.certificates",
    "CheckResult": "rotation.monitor",
    "ClientCertificateIdentity": "transport.identities",
    "ClientSecretIdentity": "transport.identities",
    "Clock": "resilience.clock",
    "CreateKeyOptions": "types.key",
    "CredentialConfig": "transport.identities",
    "DecryptResult": "types.crypto",
    "DefaultIdentity": "transport.identities",
    "DeletedCertificate": "types.certificate",
    "DeletedKey": "types.key",
    "DeletedObject": "types.common",
    "DeletedSecret": "types.secret",
    "Difference": "simulation.replay",
    "EncryptResult": "types.crypto",
    "EncryptionAlgorithm": "types.crypto",
    "Ending": "simulation.faults",
    "EnvelopeHeader": "envelope.form",
    "Envelopes": "envelope.envelopes",
    "Event": "rotation.judgement",
    "ExpiryMonitor": "rotation.monitor",
    "FederatedIdentity": "transport.identities",
    "HealthStatus": "health",
    "ImportKeyOptions": "types.key",
    "JsonWebKey": "types.jwk",
    "Key": "types.key",
    "KeyAttestation": "types.key",
    "KeyCurve": "types.key",
    "KeyExportEncryptionAlgorithm": "types.key",
    "KeyOperation": "types.key",
    "KeyProperties": "types.key",
    "KeyReleasePolicy": "types.key",
    "KeyRotationAction": "types.key",
    "KeyRotationLifetimeAction": "types.key",
    "KeyRotationPolicy": "types.key",
    "KeyType": "types.key",
    "KeyVaultClient": "client",
    "KeyVaultClientBuilder": "builder",
    "KeyVaultConfig": "config",
    "KeyVaultConfigBuilder": "config",
    "KeyVaultError": "errors",
    "KeyVaultErrorKind": "errors",
    "KeyWrapAlgorithm": "types.crypto",
    "KeysService": "services.keys",
    "Listing": "services.listing",
    "LocalPublicKey": "services.local",
    "ManagedIdentity": "transport.identities",
    "MockHttpTransport": "simulation.canned",
    "MockKeyVaultClient": "simulation.client",
    "MonitorConfig": "rotation.config",
    "MonitorState": "rotation.state",
    "NullObserver": "observer",
    "ObjectKind": "types.common",
    "ObjectProperties": "types.common",
    "Observer": "observer",
    "Priority": "resilience.ratelimit",
    "RecoveryLevel": "types.common",
    "ReleaseResult": "types.key",
    "ReplayResult": "simulation.replay",
    "RetryBudget": "resilience.retry",
    "RetryConfig": "resilience.retry",
    "RotationHandler": "rotation.handler",
    "Secret": "types.secret",
    "SecretProperties": "types.secret",
    "SecretString": "types.common",
    "SecretsService": "services.secrets",
    "SetSecretOptions": "types.secret",
    "SharedCredential": "transport.tokens",
    "SharedTransport": "transport.session",
    "SignResult": "types.crypto",
    "SignatureAlgorithm": "types.crypto",
    "SimulatedVault": "simulation.vault",
    "Telling": "rotation.judgement",
    "TokenBucket": "resilience.ratelimit",
    "UnwrapResult": "types.crypto",
    "VaultUrl": "validation",
    "VerifyResult": "types.crypto",
    "WellKnownIssuer": "types.certificate",
    "WorkloadIdentity": "transport.identities",
    "WrapResult": "types.crypto",
    "build_credential": "transport.auth",
    "has_allowed_suffix": "validation",
    "parse_vault_url": "validation",
    "read_envelope_header": "envelope.envelopes",
    "replay": "simulation.replay",
}

__all__ = [
    "AccessLogEntry",
    "AzureCliIdentity",
    "AzureCloud",
    "BackupBlob",
    "Breaker",
    "BreakerConfig",
    "BreakerState",
    "CacheConfig",
    "CacheStats",
    "CannedExchange",
    "Certificate",
    "CertificateBundle",
    "CertificateContact",
    "CertificateContentType",
    "CertificateIssuer",
    "CertificateLifetimeAction",
    "CertificateOperation",
    "CertificatePolicy",
    "CertificatePolicyAction",
    "CertificateProperties",
    "CertificatesService",
    "CheckResult",
    "ClientCertificateIdentity",
    "ClientSecretIdentity",
    "Clock",
    "CreateKeyOptions",
    "CredentialConfig",
    "DecryptResult",
    "DefaultIdentity",
    "DeletedCertificate",
    "DeletedKey",
    "DeletedObject",
    "DeletedSecret",
    "Difference",
    "EncryptResult",
    "EncryptionAlgorithm",
    "Ending",
    "EnvelopeHeader",
    "Envelopes",
    "Event",
    "ExpiryMonitor",
    "FederatedIdentity",
    "HealthStatus",
    "ImportKeyOptions",
    "JsonWebKey",
    "Key",
    "KeyAttestation",
    "KeyCurve",
    "KeyExportEncryptionAlgorithm",
    "KeyOperation",
    "KeyProperties",
    "KeyReleasePolicy",
    "KeyRotationAction",
    "KeyRotationLifetimeAction",
    "KeyRotationPolicy",
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
    "LocalPublicKey",
    "ManagedIdentity",
    "MockHttpTransport",
    "MockKeyVaultClient",
    "MonitorConfig",
    "MonitorState",
    "NullObserver",
    "ObjectKind",
    "ObjectProperties",
    "Observer",
    "Priority",
    "RecoveryLevel",
    "ReleaseResult",
    "ReplayResult",
    "RetryBudget",
    "RetryConfig",
    "RotationHandler",
    "Secret",
    "SecretProperties",
    "SecretString",
    "SecretsService",
    "SetSecretOptions",
    "SharedCredential",
    "SharedTransport",
    "SignResult",
    "SignatureAlgorithm",
    "SimulatedVault",
    "Telling",
    "TokenBucket",
    "UnwrapResult",
    "VaultUrl",
    "VerifyResult",
    "WellKnownIssuer",
    "WorkloadIdentity",
    "WrapResult",
    "build_credential",
    "has_allowed_suffix",
    "parse_vault_url",
    "read_envelope_header",
    "replay",
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
