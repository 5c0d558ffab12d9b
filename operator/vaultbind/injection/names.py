"""Names on pods: the label, the annotations, and what the webhook adds under its own prefix."""

from typing import Final

from vaultbind.api import names
from vaultbind.api.names import GROUP

LABEL_INJECT: Final = names.LABEL_INJECT
"""Value "true" opts a pod in; the webhook sees no pod without the label."""

BINDINGS: Final = f"{GROUP}/bindings"
MODE: Final = f"{GROUP}/mode"
MOUNT_PATH: Final = f"{GROUP}/mount-path"
CONTAINERS: Final = f"{GROUP}/containers"
REFRESH: Final = f"{GROUP}/refresh"
FILE_MODE: Final = f"{GROUP}/file-mode"
ON_CHANGE: Final = f"{GROUP}/on-change"
ENV_SOURCE: Final = f"{GROUP}/env-source"
AUTH: Final = f"{GROUP}/auth"

ASKED: Final = (BINDINGS, MODE, MOUNT_PATH, CONTAINERS, REFRESH, FILE_MODE, ON_CHANGE, ENV_SOURCE, AUTH)
"""All annotations that a person may set."""

INJECTED: Final = f"{GROUP}/injected"
"""Set by the webhook: what was done, as JSON."""
MIRROR: Final = "kubernetes.io/config.mirror"
"""On the API server's picture of a static pod: the kubelet runs it whatever anybody answers."""

OWN_PREFIX: Final = "vaultbind-"
"""Containers and volumes of ours in a pod; no others may have such a name."""
AGENT: Final = "vaultbind-agent"
REFRESHER: Final = "vaultbind-refresh"
FILES_VOLUME: Final = "vaultbind-files"
ENV_VOLUME: Final = "vaultbind-env"
TOKEN_VOLUME: Final = "vaultbind-token"  # noqa: S105 - a volume's name

CLIENT_ID: Final = "azure.workload.identity/client-id"
TENANT_ID: Final = "azure.workload.identity/tenant-id"
"""Annotations of a ServiceAccount, as Azure's own webhook reads them: the identity of its pods."""

AUDIENCE: Final = "vaultbind"
"""Audience of the agents' tokens: they are of no use for the API server or anybody else."""
