"""Pure: a pod as it came -> the pod as it shall be; always the same, and twice gives the same as once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from vaultbind.injection import names
from vaultbind.injection.annotations import Auth, EnvSource, Wish, is_asked, parse_wish
from vaultbind.injection.containers import (
    JsonObject,
    render_agents,
    render_file_variable,
    render_mount,
    render_secret_variable,
    render_volumes,
)
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.facts import Installation, Variable
from vaultbind.injection.shape import check_mounts, check_pod, decide_identity, targets
from vaultbind.injection.sources import PodAuth, render_sources
from vaultbind.injection.variables import Bindings, decide_variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """The pod to store, and what its author should be told."""

    pod: JsonObject
    warnings: tuple[str, ...] = ()


def wish_of(pod: Mapping[str, Any]) -> Wish | None:
    """Return what a pod asks for, or None where it wants nothing. Raises InjectionError."""
    metadata = pod.get("metadata") or {}
    return None if not is_asked(metadata) or _is_mirror(metadata) else parse_wish(metadata)


def mutate(
    pod: Mapping[str, Any], installation: Installation, bindings: Bindings, pod_auth: PodAuth | None = None
) -> Mutation | None:
    """Return what becomes of a pod, or None where it wants nothing. Raises InjectionError.

    `bindings` is needed where variables are wanted, `pod_auth` where the pod goes to its vaults as itself.
    """
    wish = wish_of(pod)
    if wish is None:
        return None
    changed: JsonObject = deepcopy(dict(pod))
    work = _Work(wish=wish, installation=installation, pod=changed, bindings=bindings, pod_auth=pod_auth)
    work.run()
    return Mutation(pod=changed, warnings=tuple(work.warnings))


def _is_mirror(metadata: Mapping[str, Any]) -> bool:
    return names.MIRROR in (metadata.get("annotations") or {})


class _Work:
    """One pod on its way; every method changes `pod` in place."""

    def __init__(
        self,
        *,
        wish: Wish,
        installation: Installation,
        pod: JsonObject,
        bindings: Bindings,
        pod_auth: PodAuth | None,
    ) -> None:
        self.wish = wish
        self.installation = installation
        self.pod = pod
        self.spec: JsonObject = pod.setdefault("spec", {})
        self.bindings = bindings
        self.pod_auth = pod_auth
        self.warnings: list[str] = []

    def run(self) -> None:
        """Check everything, then add volumes, agents, mounts and variables."""
        variables = decide_variables(self.wish, self.bindings) if self.wish.mode.has_env else []
        source = self._env_source()
        from_file = variables if source is EnvSource.FILE else []
        needs_agent = self.wish.mode.has_files or bool(from_file)
        asks_broker = needs_agent and self.wish.auth is Auth.BROKER
        self._check_auth(needs_agent=needs_agent)
        check_pod(self.spec, self.wish, is_ours=self._is_ours(), asks_broker=asks_broker)
        wanted = targets(self.spec, self.wish)
        meant = [item for item in self._containers() if item.get("name") in wanted]
        if self.wish.mode.has_files:
            check_mounts(meant, self.wish)
        refresh = self._decide_refresh()
        identity = decide_identity(self.spec, meant)
        sources = render_sources(self.pod_auth) if self.pod_auth is not None else ""
        agents = render_agents(
            self.wish, self.installation, from_file, identity=identity, refresh=refresh, sources=sources
        )
        volumes = render_volumes(self.wish, self.installation, env=bool(from_file))
        self._place_agents(agents if needs_agent else [])
        _upsert(self.spec, "volumes", volumes if needs_agent else [])
        for container in meant:
            self._fill(container, variables, source)
        self._warn_of_unusable()
        self._annotate(wanted, source)

    def _check_auth(self, *, needs_agent: bool) -> None:
        """Refuse what has nobody to ask, or no need to."""
        if self.wish.auth is Auth.POD:
            if not self.installation.pod_auth_audience:
                raise InjectionError(
                    f"annotation {names.AUTH}: pod is not offered by this installation; leave it out, or let "
                    "the chart's value injection.podAuth.enabled offer it"
                )
            if not needs_agent:
                raise InjectionError(
                    f"annotation {names.AUTH}: pod needs files or env files: variables out of a Secret ask "
                    f"no vault; leave it out, or use {names.MODE}: files"
                )
        elif needs_agent and not self.installation.broker_url:
            itself = f"{names.AUTH}: pod, or " if self.installation.pod_auth_audience else ""
            raise InjectionError(
                f"this installation runs no broker, which agents get values from; use annotations {itself}"
                f"{names.MODE}: env and {names.ENV_SOURCE}: secret, or let the chart's value "
                "injection.broker.enabled run one"
            )

    def _is_ours(self) -> bool:
        return names.INJECTED in (self.pod.get("metadata", {}).get("annotations") or {})

    def _containers(self) -> Iterable[JsonObject]:
        return [*(self.spec.get("initContainers") or ()), *(self.spec.get("containers") or ())]

    def _env_source(self) -> EnvSource | None:
        if not self.wish.mode.has_env:
            return None
        source = self.wish.env_source
        if source is EnvSource.AUTO:
            source = EnvSource.FILE if self.installation.env_files else EnvSource.SECRET
        if source is EnvSource.FILE and not self.installation.env_files:
            raise InjectionError(
                f"annotation {names.ENV_SOURCE}: file needs a cluster that offers env files on every node "
                "(Kubernetes 1.35 or newer); use secret, or files"
            )
        if source is EnvSource.SECRET:
            self._check_secrets()
        return source

    def _check_secrets(self) -> None:
        for name in self.wish.bindings:
            keys = self.bindings[name]
            if keys is not None and not keys.secret:
                raise InjectionError(
                    f"VaultBinding {name} writes no Secret (creationPolicy None), so variables can come "
                    f"from env files only; use {names.MODE}: files or creationPolicy Owner"
                )

    def _decide_refresh(self) -> bool:
        owners = self.pod.get("metadata", {}).get("ownerReferences") or ()
        is_job = any(item.get("kind") == "Job" and item.get("controller") for item in owners)
        if is_job and self.wish.refresh is not None:
            self.warnings.append(f"{names.REFRESH} is off for pods of Jobs")
        return self.wish.refresh is not None and not is_job

    def _place_agents(self, agents: Sequence[JsonObject]) -> None:
        """First of all init containers, also after another webhook has put its own before them."""
        ours = {names.AGENT, names.REFRESHER}
        others = [item for item in self.spec.get("initContainers") or () if item.get("name") not in ours]
        if agents or "initContainers" in self.spec:
            self.spec["initContainers"] = [*agents, *others]

    def _fill(
        self, container: JsonObject, variables: Sequence[tuple[str, Variable]], source: EnvSource | None
    ) -> None:
        if self.wish.mode.has_files:
            _upsert(container, "volumeMounts", [render_mount(self.wish)])
        if not variables:
            return
        env: list[JsonObject] = container.setdefault("env", [])
        taken = {item.get("name"): item for item in env}
        for binding, variable in variables:
            wanted = self._variable(binding, variable, source)
            have = taken.get(variable.name)
            if have is None:
                env.append(wanted)
            elif have != wanted:
                self.warnings.append(
                    f"container {container.get('name')} sets {variable.name} itself, which is kept"
                )

    def _variable(self, binding: str, variable: Variable, source: EnvSource | None) -> JsonObject:
        keys = self.bindings[binding]
        if source is EnvSource.FILE or keys is None:
            return render_file_variable(variable)
        return render_secret_variable(variable, keys.secret)

    def _warn_of_unusable(self) -> None:
        for name in self.wish.bindings if self.wish.mode.has_env else ():
            keys = self.bindings[name]
            if keys is not None and keys.unusable and not self.wish.mode.has_files:
                told = ", ".join(keys.unusable)
                self.warnings.append(f"keys of VaultBinding {name} that are no variable's name: {told}")

    def _annotate(self, wanted: Sequence[str], source: EnvSource | None) -> None:
        told: JsonObject = {
            "bindings": list(self.wish.bindings),
            "containers": list(wanted),
            "mode": self.wish.mode.value,
        }
        if source is not None:
            told["env"] = source.value
        if self.wish.auth is Auth.POD:
            told["auth"] = self.wish.auth.value
        metadata: JsonObject = self.pod.setdefault("metadata", {})
        annotations: JsonObject = metadata.setdefault("annotations", {})
        annotations[names.INJECTED] = json.dumps(told, separators=(",", ":"), sort_keys=True)


def _upsert(parent: JsonObject, field: str, wanted: Sequence[JsonObject]) -> None:
    """Put items into a list by name: replaced where they are, else added to its end."""
    items: list[JsonObject] = list(parent.get(field) or ())
    for item in wanted:
        at = next((index for index, have in enumerate(items) if have.get("name") == item["name"]), None)
        if at is None:
            items.append(item)
        else:
            items[at] = item
    if wanted:
        parent[field] = items
