"""Pure: which pods cannot be injected, which of their containers are meant, and as whom the agent runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from vaultbind.injection import names
from vaultbind.injection.annotations import Wish
from vaultbind.injection.containers import UNPRIVILEGED_USER
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.facts import container_names

PROXIES: Final = frozenset({"istio-proxy", "istio-init", "istio-validation", "linkerd-proxy", "linkerd-init"})
"""Other webhooks' containers, which get nothing unless they are named."""
_WINDOWS: Final = "windows"
_OS_LABELS: Final = ("kubernetes.io/os", "beta.kubernetes.io/os")
_CLUSTER_DNS: Final = ("ClusterFirst", "ClusterFirstWithHostNet", "None")

PodSpec = Mapping[str, Any]


def check_pod(spec: PodSpec, wish: Wish, *, is_ours: bool, asks_broker: bool) -> None:
    """Refuse what cannot work. `is_ours`: the pod has been through here already. Raises InjectionError."""
    if _is_windows(spec):
        raise InjectionError("pods for Windows nodes cannot be injected; the agent runs on Linux")
    if not is_ours:
        _check_names(spec)
    if asks_broker:
        _check_dns(spec)
    if wish.on_change.signal:
        _check_signals(spec, wish)


def _is_windows(spec: PodSpec) -> bool:
    selector = spec.get("nodeSelector") or {}
    terms = _node_terms(spec)
    return (
        (spec.get("os") or {}).get("name") == _WINDOWS
        or any(selector.get(label) == _WINDOWS for label in _OS_LABELS)
        or (bool(terms) and all(map(_asks_for_windows, terms)))
    )


def _node_terms(spec: PodSpec) -> Sequence[Mapping[str, Any]]:
    """What the nodes must be like; one of them is enough."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms: Sequence[Mapping[str, Any]] = required.get("nodeSelectorTerms") or ()
    return terms


def _asks_for_windows(term: Mapping[str, Any]) -> bool:
    return any(
        item.get("key") in _OS_LABELS and item.get("operator") == "In" and item.get("values") == [_WINDOWS]
        for item in term.get("matchExpressions") or ()
    )


def _check_names(spec: PodSpec) -> None:
    for part in ("volumes", "initContainers", "containers"):
        for name in container_names(spec, part):
            if name.startswith(names.OWN_PREFIX):
                raise InjectionError(
                    f"spec.{part} has {name!r}; names that start with {names.OWN_PREFIX} are added by the "
                    "webhook: rename it"
                )


def _check_dns(spec: PodSpec) -> None:
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy not in _CLUSTER_DNS or (spec.get("hostNetwork") and policy == "ClusterFirst"):
        raise InjectionError(
            "the agent finds the broker by the cluster's DNS, which this pod does not use; "
            "set spec.dnsPolicy: ClusterFirstWithHostNet (for hostNetwork) or ClusterFirst"
        )


def _check_signals(spec: PodSpec, wish: Wish) -> None:
    if not spec.get("shareProcessNamespace"):
        raise InjectionError(
            f"annotation {names.ON_CHANGE} needs spec.shareProcessNamespace: true, so that the agent sees "
            "the process"
        )
    if not wish.on_change.process and (spec.get("restartPolicy") or "Always") != "Always":
        raise InjectionError(f"annotation {names.ON_CHANGE} restart needs spec.restartPolicy: Always")


def targets(spec: PodSpec, wish: Wish) -> tuple[str, ...]:
    """Names of the containers that get values, in the pod's order. Raises InjectionError."""
    regular = [name for name in container_names(spec) if not name.startswith(names.OWN_PREFIX)]
    before = [
        name for name in container_names(spec, "initContainers") if not name.startswith(names.OWN_PREFIX)
    ]
    if not wish.containers:
        return tuple(name for name in regular if name not in PROXIES)
    for name in wish.containers:
        if name not in (*regular, *before):
            raise InjectionError(
                f"annotation {names.CONTAINERS} names {name!r}; the pod has {', '.join((*before, *regular))}"
            )
    return tuple(name for name in (*before, *regular) if name in wish.containers)


def check_mounts(containers: Sequence[Mapping[str, Any]], wish: Wish) -> None:
    """Refuse a mount of somebody else at or below our path. Raises InjectionError."""
    for container in containers:
        for mount in container.get("volumeMounts") or ():
            path = str(mount.get("mountPath", "")).rstrip("/")
            ours = mount.get("name") == names.FILES_VOLUME
            if not ours and (path == wish.mount_path or path.startswith(f"{wish.mount_path}/")):
                raise InjectionError(
                    f"container {container.get('name')!r} mounts volume {mount.get('name')!r} at {path}; "
                    f"choose another {names.MOUNT_PATH}"
                )


def decide_identity(spec: PodSpec, containers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """User and group for the agent, where it may not be the pod's or the image's.

    It runs as the containers do where they agree, so that it may signal their processes; never as root, and
    in a pod without any user as the image's or whatever the cluster's policy gives.
    """
    pod = spec.get("securityContext") or {}
    users = {user for container in containers for user in _users(container, pod)}
    if len(users) == 1 and None not in users and 0 not in users:
        user = next(iter(users))
        return {"runAsUser": int(user)} if user != pod.get("runAsUser") else {}
    if pod.get("runAsUser") == 0:
        return {"runAsUser": UNPRIVILEGED_USER, "runAsGroup": UNPRIVILEGED_USER}
    return {}


def _users(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[Any]:
    own = container.get("securityContext") or {}
    yield own.get("runAsUser", pod.get("runAsUser"))
