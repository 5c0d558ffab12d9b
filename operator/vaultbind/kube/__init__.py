"""Workshop for the API server: a lean client, a metadata watch, leader election, object accessors.

Knows Kubernetes, but no kind's meaning and no vault. Every call raises `KubeError` and nothing else of the
network. `vaultbind.kube.connection.connect` opens a client.
"""

from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeConfigError, KubeError, KubeErrorKind
from vaultbind.kube.lease_record import LeaseTimings
from vaultbind.kube.leases import LeaseElector
from vaultbind.kube.observer import KubeObserver, NullKubeObserver
from vaultbind.kube.resources import (
    CLUSTER_KEY_VAULTS,
    CONFIG_MAPS,
    CRDS,
    EVENTS,
    KEY_VAULTS,
    LEASES,
    NAMESPACES,
    SECRETS,
    SELF_SUBJECT_ACCESS_REVIEWS,
    SERVICE_ACCOUNTS,
    VAULT_BINDINGS,
    Resource,
)
from vaultbind.kube.watch import MetadataWatch

__all__ = [
    "CLUSTER_KEY_VAULTS",
    "CONFIG_MAPS",
    "CRDS",
    "EVENTS",
    "KEY_VAULTS",
    "LEASES",
    "NAMESPACES",
    "SECRETS",
    "SELF_SUBJECT_ACCESS_REVIEWS",
    "SERVICE_ACCOUNTS",
    "VAULT_BINDINGS",
    "KubeClient",
    "KubeConfigError",
    "KubeError",
    "KubeErrorKind",
    "KubeObserver",
    "LeaseElector",
    "LeaseTimings",
    "MetadataWatch",
    "NullKubeObserver",
    "Resource",
]
