"""The built-in kinds: what an operator, its chart and its tests touch, as one table.

Most are plain objects without behaviour (a Deployment makes no pods). `LISTS` tells how their lists are
merged, for managed fields, strategic merge patches and server-side apply.
"""

from typing import Any

from vaultbind.sandbox.kinds import Column, ResourceKind
from vaultbind.sandbox.shapes import STRUCT

Shape = dict[str, Any]


def _object(**properties: Shape) -> Shape:
    return {"type": "object", "properties": properties}


def _struct(**properties: Shape) -> Shape:
    """A member that the server's own types always have."""
    return {**_object(**properties), STRUCT: True}


def _list_map(*keys: str, **properties: Shape) -> Shape:
    items = _object(**properties)
    return {
        "type": "array",
        "items": items,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": [*keys],
    }


_SET: Shape = {"type": "array", "x-kubernetes-list-type": "set"}
_ATOMIC: Shape = {"type": "object", "x-kubernetes-map-type": "atomic"}
_OWNERS: Shape = {
    "type": "array",
    "items": _ATOMIC,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["uid"],
}
METADATA: Shape = _object(ownerReferences=_OWNERS, finalizers=_SET)
"""Shape of every object's metadata."""

_CONDITIONS = _struct(conditions=_list_map("type"))
_SECRET_KEY = _object(secretKeyRef=_ATOMIC, configMapKeyRef=_ATOMIC, fieldRef=_ATOMIC)
_CONTAINERS = _list_map(
    "name",
    env=_list_map("name", valueFrom=_SECRET_KEY),
    ports=_list_map("containerPort", "protocol"),
    volumeMounts=_list_map("mountPath"),
)
_POD_SPEC = _struct(
    containers=_CONTAINERS,
    initContainers=_CONTAINERS,
    volumes=_list_map("name"),
    imagePullSecrets=_list_map("name"),
    nodeSelector=_ATOMIC,
)
_POD = _object(metadata=METADATA, spec=_POD_SPEC, status=_CONDITIONS)
_WORKLOAD = _object(
    metadata=METADATA,
    spec=_struct(selector=_ATOMIC, template=_struct(metadata=_struct(), spec=_POD_SPEC)),
    status=_CONDITIONS,
)
_PLAIN = _object(metadata=METADATA, spec=_struct(), status=_CONDITIONS)
_SERVICE = _object(metadata=METADATA, spec=_struct(ports=_list_map("port", "protocol"), selector=_ATOMIC))
_ACCOUNT = _object(metadata=METADATA, secrets=_list_map("name"), imagePullSecrets=_list_map("name"))
_WEBHOOKS = _object(metadata=METADATA, webhooks=_list_map("name"))
_EVENT = _object(metadata=METADATA, involvedObject=_ATOMIC)

NAME = Column(name="Name", path="builtin:name", format="name", description="Name of the object")
AGE = Column(name="Age", path="builtin:age", description="Time since its creation")

_EVENT_COLUMNS = (
    Column(name="Last Seen", path="builtin:last-seen"),
    Column(name="Type", path=".type"),
    Column(name="Reason", path=".reason"),
    Column(name="Object", path="builtin:involved-object"),
    Column(name="Message", path=".message"),
    Column(name="Name", path="builtin:name", format="name", priority=1),
)
_EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "reason",
    "reportingComponent",
    "source",
    "type",
)
_DATA = Column(name="Data", path="builtin:data-count")
_PHASE = Column(name="Status", path=".status.phase")


def _workload(plural: str, kind: str, *short: str) -> ResourceKind:
    return ResourceKind(
        group="apps",
        version="v1",
        plural=plural,
        kind=kind,
        short_names=short,
        categories=("all",),
        has_status=True,
        has_generation=True,
        schema=_WORKLOAD,
    )


def _plain(group: str, version: str, plural: str, kind: str, *, namespaced: bool = True) -> ResourceKind:
    return ResourceKind(
        group=group, version=version, plural=plural, kind=kind, namespaced=namespaced, schema=_PLAIN
    )


NAMESPACES = ResourceKind(
    group="",
    version="v1",
    plural="namespaces",
    kind="Namespace",
    namespaced=False,
    short_names=("ns",),
    has_status=True,
    schema=_PLAIN,
    columns=(NAME, _PHASE, AGE),
    field_selectors=("status.phase",),
)
SECRETS = ResourceKind(
    group="",
    version="v1",
    plural="secrets",
    kind="Secret",
    schema=_PLAIN,
    columns=(NAME, Column(name="Type", path=".type"), _DATA, AGE),
    field_selectors=("type",),
)
EVENTS = ResourceKind(
    group="",
    version="v1",
    plural="events",
    kind="Event",
    short_names=("ev",),
    create_on_update=True,
    schema=_EVENT,
    columns=_EVENT_COLUMNS,
    field_selectors=_EVENT_FIELDS,
)
EVENTS_V1 = ResourceKind(
    group="events.k8s.io",
    version="v1",
    plural="events",
    kind="Event",
    short_names=("ev",),
    create_on_update=True,
    schema=_EVENT,
    columns=_EVENT_COLUMNS,
    field_selectors=_EVENT_FIELDS,
    storage=("", "events"),
)
PODS = ResourceKind(
    group="",
    version="v1",
    plural="pods",
    kind="Pod",
    short_names=("po",),
    categories=("all",),
    has_status=True,
    has_generation=True,
    schema=_POD,
    columns=(NAME, _PHASE, AGE),
    field_selectors=("spec.nodeName", "spec.serviceAccountName", "status.phase"),
)
CRDS = ResourceKind(
    group="apiextensions.k8s.io",
    version="v1",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
    namespaced=False,
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    has_status=True,
    has_generation=True,
    schema=_PLAIN,
    columns=(NAME, Column(name="Created At", path="builtin:created", type="date")),
)
_RBAC = "rbac.authorization.k8s.io"
REVIEWS_GROUP = "authorization.k8s.io"
"""Reviews are answered, never stored."""


def _review(plural: str, kind: str, *, namespaced: bool = False) -> ResourceKind:
    return ResourceKind(
        group=REVIEWS_GROUP, version="v1", plural=plural, kind=kind, namespaced=namespaced, verbs=("create",)
    )


BUILTIN_KINDS: tuple[ResourceKind, ...] = (
    NAMESPACES,
    SECRETS,
    EVENTS,
    PODS,
    ResourceKind(
        group="",
        version="v1",
        plural="configmaps",
        kind="ConfigMap",
        short_names=("cm",),
        schema=_PLAIN,
        columns=(NAME, _DATA, AGE),
    ),
    ResourceKind(
        group="",
        version="v1",
        plural="serviceaccounts",
        kind="ServiceAccount",
        short_names=("sa",),
        gives_tokens=True,
        schema=_ACCOUNT,
    ),
    ResourceKind(
        group="",
        version="v1",
        plural="services",
        kind="Service",
        short_names=("svc",),
        categories=("all",),
        has_status=True,
        schema=_SERVICE,
    ),
    _workload("deployments", "Deployment", "deploy"),
    _workload("statefulsets", "StatefulSet", "sts"),
    _workload("daemonsets", "DaemonSet", "ds"),
    _workload("replicasets", "ReplicaSet", "rs"),
    ResourceKind(group="batch", version="v1", plural="jobs", kind="Job", has_status=True, schema=_WORKLOAD),
    ResourceKind(
        group="coordination.k8s.io",
        version="v1",
        plural="leases",
        kind="Lease",
        create_on_update=True,
        unconditional_update=False,
        schema=_PLAIN,
        columns=(NAME, Column(name="Holder", path=".spec.holderIdentity"), AGE),
    ),
    EVENTS_V1,
    CRDS,
    ResourceKind(
        group="admissionregistration.k8s.io",
        version="v1",
        plural="mutatingwebhookconfigurations",
        kind="MutatingWebhookConfiguration",
        namespaced=False,
        has_generation=True,
        schema=_WEBHOOKS,
    ),
    ResourceKind(
        group="admissionregistration.k8s.io",
        version="v1",
        plural="validatingwebhookconfigurations",
        kind="ValidatingWebhookConfiguration",
        namespaced=False,
        has_generation=True,
        schema=_WEBHOOKS,
    ),
    _plain(_RBAC, "v1", "roles", "Role"),
    _plain(_RBAC, "v1", "rolebindings", "RoleBinding"),
    _plain(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    _plain(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _plain("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    _plain("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    _review("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _review("subjectaccessreviews", "SubjectAccessReview"),
    _review("localsubjectaccessreviews", "LocalSubjectAccessReview", namespaced=True),
)
