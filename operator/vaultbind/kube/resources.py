"""Resources that are asked for: where each one lives in the API and what it is called."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from vaultbind.api import names


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource of the API server; `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    namespaced: bool
    kind: str

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`, as objects carry it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Path of one object, or of the list of a namespace (empty: of the whole cluster).

        Raises ValueError for a namespace on a cluster-scoped resource, a name without its namespace, or a
        part that is no name (such as `..`): the path would then be that of something else.
        """
        _check_scope(self, namespace, name)
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace:
            parts += ["namespaces", _segment(namespace)]
        parts.append(self.plural)
        parts += [_segment(part) for part in (name, subresource) if part]
        return "/".join(parts)


def _check_scope(resource: Resource, namespace: str, name: str) -> None:
    if namespace and not resource.namespaced:
        raise ValueError(f"{resource.plural} have no namespace")
    if name and resource.namespaced and not namespace:
        raise ValueError(f"a name of {resource.plural} needs a namespace")


def _segment(part: str) -> str:
    if part in {".", ".."}:
        raise ValueError("not a name")
    return quote(part, safe="")


def _core(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    return Resource(group="", version="v1", plural=plural, namespaced=namespaced, kind=kind)


def _ours(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    return Resource(group=names.GROUP, version=names.VERSION, plural=plural, namespaced=namespaced, kind=kind)


SECRETS: Final = _core("secrets", "Secret")
CONFIG_MAPS: Final = _core("configmaps", "ConfigMap")
EVENTS: Final = _core("events", "Event")
NAMESPACES: Final = _core("namespaces", "Namespace", namespaced=False)
SERVICE_ACCOUNTS: Final = _core("serviceaccounts", "ServiceAccount")
PODS: Final = _core("pods", "Pod")
NODES: Final = _core("nodes", "Node", namespaced=False)


def _workloads(plural: str, kind: str) -> Resource:
    return Resource(group="apps", version="v1", plural=plural, namespaced=True, kind=kind)


DEPLOYMENTS: Final = _workloads("deployments", "Deployment")
STATEFUL_SETS: Final = _workloads("statefulsets", "StatefulSet")
DAEMON_SETS: Final = _workloads("daemonsets", "DaemonSet")
LEASES: Final = Resource(
    group="coordination.k8s.io", version="v1", plural="leases", namespaced=True, kind="Lease"
)
CRDS: Final = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    plural="customresourcedefinitions",
    namespaced=False,
    kind="CustomResourceDefinition",
)
SELF_SUBJECT_ACCESS_REVIEWS: Final = Resource(
    group="authorization.k8s.io",
    version="v1",
    plural="selfsubjectaccessreviews",
    namespaced=False,
    kind="SelfSubjectAccessReview",
)
SUBJECT_ACCESS_REVIEWS: Final = Resource(
    group="authorization.k8s.io",
    version="v1",
    plural="subjectaccessreviews",
    namespaced=False,
    kind="SubjectAccessReview",
)
TOKEN_REVIEWS: Final = Resource(
    group="authentication.k8s.io", version="v1", plural="tokenreviews", namespaced=False, kind="TokenReview"
)
MUTATING_WEBHOOKS: Final = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    plural="mutatingwebhookconfigurations",
    namespaced=False,
    kind="MutatingWebhookConfiguration",
)
VALIDATING_WEBHOOKS: Final = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    plural="validatingwebhookconfigurations",
    namespaced=False,
    kind="ValidatingWebhookConfiguration",
)

VAULT_BINDINGS: Final = _ours("vaultbindings", names.KIND_BINDING)
KEY_VAULTS: Final = _ours("keyvaults", names.KIND_KEYVAULT)
CLUSTER_KEY_VAULTS: Final = _ours("clusterkeyvaults", names.KIND_CLUSTER_KEYVAULT, namespaced=False)
CRYPTO_JOBS: Final = _ours("cryptojobs", names.KIND_CRYPTO_JOB)
