"""Names that clusters, users and scripts see: API group, labels, annotations, field manager."""

from typing import Final

GROUP: Final = "vaultbind.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

KIND_BINDING: Final = "VaultBinding"
KIND_KEYVAULT: Final = "KeyVault"
KIND_CLUSTER_KEYVAULT: Final = "ClusterKeyVault"
KIND_CRYPTO_JOB: Final = "CryptoJob"

FIELD_MANAGER: Final = "vaultbind"
"""Manager of the Secrets that we own; `merge_field_manager` names the one of `creationPolicy: Merge`."""

LABEL_INJECT: Final = f"{GROUP}/inject"
"""On a pod: whether it gets values of bindings."""
LABEL_MANAGED: Final = f"{GROUP}/managed"
"""On every Secret that we write, value "true": the selector of the metadata-only watch."""
LABEL_BINDING_UID: Final = f"{GROUP}/binding-uid"
"""On an owned Secret: uid of its binding."""

LABEL_JOB_UID: Final = f"{GROUP}/cryptojob-uid"
"""On an output of a CryptoJob: uid of the job."""

ANNOTATION_JOB: Final = f"{GROUP}/cryptojob"
"""On an output of a CryptoJob: name of the job, for people."""
ANNOTATION_KEY_ID: Final = f"{GROUP}/key-id"
"""On an output of a CryptoJob: address and version of the key."""
ANNOTATION_ALGORITHM: Final = f"{GROUP}/algorithm"
"""On an output of a CryptoJob: the algorithm."""
ANNOTATION_BINDING: Final = f"{GROUP}/binding"
"""On an owned Secret: name of its binding, for people."""
ANNOTATION_SOURCE: Final = f"{GROUP}/source"
"""On an owned Secret: the source digest. On a merged one the binding's uid is part of the key."""
ANNOTATION_ADOPT: Final = f"{GROUP}/adopt"
"""Set by a person on a foreign Secret: name of the binding that may take it over."""
ANNOTATION_REQUESTED_AT: Final = f"{GROUP}/requestedAt"
"""Set by a person on a binding: any new value forces one look at the vault."""


def restart_annotation(uid: str) -> str:
    """Annotation key on a workload's pod template: the revision of a binding that it was restarted for."""
    return f"{GROUP}/revision-{uid}"


def merge_field_manager(uid: str) -> str:
    """Field manager for one binding with `creationPolicy: Merge`."""
    return f"{FIELD_MANAGER}-{uid}"


def merge_source_annotation(uid: str) -> str:
    """Annotation key that holds a merging binding's source digest."""
    return f"{ANNOTATION_SOURCE}.{uid}"
