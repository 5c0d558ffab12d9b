"""Reads the workloads of a binding; only while there is something to restart."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from vaultbind.api.binding import Restart, WorkloadKind
from vaultbind.api.names import LABEL_INJECT, restart_annotation
from vaultbind.api.refs import ObjectKey
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import DAEMON_SETS, DEPLOYMENTS, STATEFUL_SETS, Resource
from vaultbind.rollouts.facts import RolloutFacts, Workload

RESOURCES: Final[Mapping[WorkloadKind, Resource]] = {
    WorkloadKind.DEPLOYMENT: DEPLOYMENTS,
    WorkloadKind.STATEFUL_SET: STATEFUL_SETS,
    WorkloadKind.DAEMON_SET: DAEMON_SETS,
}


async def observe(
    client: KubeClient, key: ObjectKey, uid: str, restarts: Iterable[Restart], revision: int
) -> RolloutFacts:
    """Read each workload once, however often it is named. Raises KubeError."""
    workloads: dict[tuple[str, str], Workload] = {}
    missing: list[str] = []
    for restart in restarts:
        resource = RESOURCES[restart.kind]
        found = await _fetch(client, resource, key.namespace, restart)
        if restart.name and not found:
            missing.append(f"{resource.kind} {restart.name}")
        for obj in found:
            workload = _workload(obj, resource, key.namespace, uid)
            workloads[resource.kind, workload.name] = workload
    return RolloutFacts(
        key=key,
        uid=uid,
        revision=revision,
        workloads=tuple(workloads[place] for place in sorted(workloads)),
        missing=tuple(missing),
    )


async def _fetch(
    client: KubeClient, resource: Resource, namespace: str, restart: Restart
) -> list[Mapping[str, Any]]:
    if restart.name:
        try:
            return [await client.get(resource, namespace, restart.name)]
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                return []
            raise
    selector = ",".join(f"{name}={value}" for name, value in sorted(restart.match_labels.items()))
    listed = await client.list(resource, namespace, label_selector=selector)
    return list(listed.get("items") or ())


def _workload(obj: Mapping[str, Any], resource: Resource, namespace: str, uid: str) -> Workload:
    metadata = obj["metadata"]
    template = ((obj.get("spec") or {}).get("template") or {}).get("metadata") or {}
    annotations = template.get("annotations") or {}
    return Workload(
        resource=resource,
        namespace=namespace,
        name=metadata["name"],
        uid=metadata["uid"],
        revision=str(annotations.get(restart_annotation(uid), "")),
        is_injected=(template.get("labels") or {}).get(LABEL_INJECT) == "true",
        about={"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata},
    )
