"""The rights that the operator needs, as RBAC rules: tests and benchmarks run it with these and no others."""

from collections.abc import Mapping, Sequence
from typing import Final

OPERATOR_RULES: Final[Sequence[Mapping[str, Sequence[str]]]] = (
    {
        "apiGroups": ["vaultbind.dev"],
        "resources": ["vaultbindings", "keyvaults", "clusterkeyvaults"],
        "verbs": ["list", "watch"],
    },
    {"apiGroups": ["vaultbind.dev"], "resources": ["vaultbindings"], "verbs": ["get"]},
    {
        "apiGroups": ["vaultbind.dev"],
        "resources": ["vaultbindings/status", "keyvaults/status", "clusterkeyvaults/status"],
        "verbs": ["patch"],
    },
    {
        "apiGroups": [""],
        "resources": ["secrets"],
        "verbs": ["create", "delete", "get", "list", "patch", "watch"],
    },
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "patch"]},
)
