"""The kinds that the operator is fed with."""

from vaultbind.api.names import KIND_BINDING, KIND_CLUSTER_KEYVAULT, KIND_CRYPTO_JOB, KIND_KEYVAULT
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CRYPTO_JOBS, KEY_VAULTS, VAULT_BINDINGS, Resource

FED: dict[str, Resource] = {
    KIND_KEYVAULT: KEY_VAULTS,
    KIND_CLUSTER_KEYVAULT: CLUSTER_KEY_VAULTS,
    KIND_BINDING: VAULT_BINDINGS,
    KIND_CRYPTO_JOB: CRYPTO_JOBS,
}
TIMED = (KIND_KEYVAULT, KIND_CLUSTER_KEYVAULT)
"""Kinds of which Kopf sees all there is: it keeps a timer for each."""
KIND_LOOK = "VaultLook"
"""Not a kind of the cluster: the engine's name for looks at vaults."""
