"""Parsed spec of KeyVault and ClusterKeyVault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.api.refs import VaultObjectKind


class Detection(StrEnum):
    """How changes are found; Auto takes whichever costs fewer requests."""

    AUTO = "Auto"
    LIST = "List"
    GET = "Get"


class ExpiryScope(StrEnum):
    """Which objects' expiry is watched: those that bindings use, all of the vault, or none."""

    BOUND = "Bound"
    ALL = "All"
    NONE = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKeyRef:
    """One key of a Secret; `namespace` is the KeyVault's own, or named on a ClusterKeyVault."""

    namespace: str
    name: str
    key: str


class BundleKind(StrEnum):
    """Kinds of objects that may hold a CA bundle."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 - the word is the name of a kind


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRef:
    """`caBundleRef`: one key of a ConfigMap or Secret; `namespace` as in SecretKeyRef."""

    kind: BundleKind
    namespace: str
    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultAuth:
    """`auth.default`: DefaultAzureCredential of the operator's process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedIdentityAuth:
    """`auth.managedIdentity`; both empty: the system-assigned identity."""

    client_id: str = ""
    resource_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePrincipalAuth:
    """`auth.servicePrincipal` with a client secret or a client certificate from a Secret: one of the two."""

    client_id: str
    tenant_id: str
    secret_ref: SecretKeyRef | None = None
    certificate_ref: SecretKeyRef | None = None
    """PEM: certificate and private key under one key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountRef:
    """A ServiceAccount; `namespace` as in SecretKeyRef."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadIdentityAuth:
    """`auth.workloadIdentity`: of a ServiceAccount, or of the operator's own process.

    Ids override the ServiceAccount's annotations, or `AZURE_*` of the process.
    """

    client_id: str = ""
    tenant_id: str = ""
    service_account: ServiceAccountRef | None = None


Auth = DefaultAuth | ManagedIdentityAuth | ServicePrincipalAuth | WorkloadIdentityAuth


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceRule:
    """`access[].namespaces`: exactly one of the three is set."""

    names: frozenset[str] = frozenset()
    match_labels: Mapping[str, str] = field(default_factory=dict)
    match_expressions: tuple[Mapping[str, Any], ...] = ()
    all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """One entry of `ClusterKeyVault.spec.access`; empty `objects` or `kinds` mean all."""

    namespaces: NamespaceRule
    objects: tuple[str, ...] = ()
    """Glob patterns (`*` only); `{namespace}` stands for the binding's namespace."""
    kinds: frozenset[VaultObjectKind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoPolicy:
    """`spec.crypto`: what CryptoJobs may do. None means all; a ClusterKeyVault allows what it names only."""

    allowed_keys: tuple[str, ...] | None = None
    """Glob patterns (`*` only)."""
    allowed_operations: frozenset[CryptoOperation] | None = None


class RotationMode(StrEnum):
    """What is done with a key's rotation policy."""

    CHECK = "Check"
    SET = "Set"


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRule:
    """One entry of `spec.rotation.keys`; what is None is not asked for."""

    name: str
    """Glob pattern (`*` only)."""
    sets: bool = False
    """Policies are set and overdue keys rotated; else only compared."""
    after_creation: timedelta | None = None
    before_expiry: timedelta | None = None
    expires_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVaultSpec:
    """What a KeyVault or ClusterKeyVault asks for, defaults filled in."""

    url: str
    auth: Auth
    authority_host: str = ""
    ca_bundle: str = ""
    ca_bundle_ref: BundleRef | None = None
    refresh_interval: timedelta = timedelta(minutes=1)
    detection: Detection = Detection.AUTO
    requests_per_second: float = 200.0
    burst: int = 1000
    warn_before: tuple[timedelta, ...] = (timedelta(days=30), timedelta(days=7), timedelta(days=1))
    expiry_scope: ExpiryScope = ExpiryScope.BOUND
    access: tuple[AccessRule, ...] | None = None
    """None on a namespaced KeyVault."""
    crypto: CryptoPolicy = CryptoPolicy()
    rotation: tuple[RotationRule, ...] = ()

    @property
    def reads_cluster(self) -> bool:
        """Whether objects of the cluster say who asks the vault or whom to trust."""
        if self.ca_bundle_ref is not None or isinstance(self.auth, ServicePrincipalAuth):
            return True
        return isinstance(self.auth, WorkloadIdentityAuth) and self.auth.service_account is not None
