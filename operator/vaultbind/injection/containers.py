"""Pure: the agent's containers, their volumes, and what other containers get mounted."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vaultbind.injection import names
from vaultbind.injection.annotations import Auth, Wish
from vaultbind.injection.facts import Installation, Variable

COMMANDS: Final[Mapping[Auth, tuple[str, ...]]] = {
    Auth.BROKER: ("python3", "-I", "-m", "vaultbind.agent"),
    Auth.POD: ("python3", "-I", "-m", "vaultbind.injection.direct"),
}
FILES: Final = "/vaultbind/files"
ENV: Final = "/vaultbind/env"
ENV_FILE: Final = "variables"
TOKEN: Final = "/vaultbind/token"  # noqa: S105 - a path
TOKEN_SECONDS: Final = 600
"""The shortest that the API server gives; the kubelet renews it."""
UNPRIVILEGED_USER: Final = 65532
"""Of the agent in a pod whose own user is root."""

JsonObject = dict[str, Any]


def render_agents(
    wish: Wish,
    installation: Installation,
    variables: Sequence[tuple[str, Variable]],
    *,
    identity: Mapping[str, int],
    refresh: bool,
    sources: str = "",
) -> list[JsonObject]:
    """Init container, and the native sidecar where content is refreshed.

    `variables`: (binding, variable); `sources`: what an agent is told that asks vaults itself.
    """
    command = COMMANDS[wish.auth]
    environment = _environment(wish, installation, variables, sources)
    common = {
        "image": installation.image,
        "imagePullPolicy": installation.pull_policy,
        "resources": _resources(wish, installation),
        "securityContext": _security_context(identity),
        "terminationMessagePolicy": "File",
        "volumeMounts": _own_mounts(wish, env=bool(variables)),
    }
    agents = [
        {"name": names.AGENT, **common, "command": [*command, "init"], "env": _pairs(environment)},
    ]
    if refresh and wish.refresh is not None:
        more = {
            "VAULTBIND_REFRESH": str(int(wish.refresh.total_seconds())),
            "VAULTBIND_ON_CHANGE": str(wish.on_change),
        }
        agents.append(
            {
                "name": names.REFRESHER,
                **common,
                "command": [*command, "refresh"],
                "env": _pairs(environment | more),
                "restartPolicy": "Always",
            }
        )
    return agents


def render_volumes(wish: Wish, installation: Installation, *, env: bool) -> list[JsonObject]:
    """Files and variables in memory, and the agent's token."""
    memory = {"medium": "Memory", "sizeLimit": installation.size_limit}
    audience = installation.pod_auth_audience if wish.auth is Auth.POD else names.AUDIENCE
    token = {"audience": audience, "expirationSeconds": TOKEN_SECONDS, "path": "token"}
    volumes: list[JsonObject] = [
        {"name": names.TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}
    ]
    if wish.mode.has_files:
        volumes.append({"name": names.FILES_VOLUME, "emptyDir": dict(memory)})
    if env:
        volumes.append({"name": names.ENV_VOLUME, "emptyDir": dict(memory)})
    return volumes


def render_mount(wish: Wish) -> JsonObject:
    """The files, as other containers see them."""
    return {"name": names.FILES_VOLUME, "mountPath": wish.mount_path, "readOnly": True}


def render_file_variable(variable: Variable) -> JsonObject:
    """A variable out of the agent's file."""
    ref = {"volumeName": names.ENV_VOLUME, "path": ENV_FILE, "key": variable.name}
    return {"name": variable.name, "valueFrom": {"fileKeyRef": {**ref, "optional": variable.optional}}}


def render_secret_variable(variable: Variable, secret: str) -> JsonObject:
    """A variable out of a binding's Secret."""
    ref: JsonObject = {"name": secret, "key": variable.name}
    if variable.optional:
        ref["optional"] = True
    return {"name": variable.name, "valueFrom": {"secretKeyRef": ref}}


def _environment(
    wish: Wish, installation: Installation, variables: Sequence[tuple[str, Variable]], sources: str
) -> dict[str, str]:
    """What the agent is told; nothing of it is secret."""
    whom = {"VAULTBIND_BROKER": installation.broker_url, "VAULTBIND_BROKER_CA": installation.broker_ca}
    if wish.auth is Auth.POD:
        whom = {"VAULTBIND_SOURCES": sources}
    told = {
        "VAULTBIND_BINDINGS": ",".join(wish.bindings),
        **whom,
        "VAULTBIND_TOKEN_FILE": f"{TOKEN}/token",
        "VAULTBIND_DEADLINE": str(installation.deadline_seconds),
    }
    if wish.mode.has_files:
        told |= {"VAULTBIND_FILES": FILES, "VAULTBIND_FILE_MODE": f"{wish.file_mode:04o}"}
    if variables:
        told["VAULTBIND_ENV_FILE"] = f"{ENV}/{ENV_FILE}"
        told["VAULTBIND_VARIABLES"] = ",".join(
            f"{binding}/{item.name}{'?' if item.optional else ''}" for binding, item in variables
        )
    return {name: value for name, value in told.items() if value}


def _pairs(environment: Mapping[str, str]) -> list[JsonObject]:
    """No `$(NAME)` may be expanded in a value, so a dollar is doubled."""
    return [{"name": name, "value": value.replace("$", "$$")} for name, value in environment.items()]


def _own_mounts(wish: Wish, *, env: bool) -> list[JsonObject]:
    mounts: list[JsonObject] = [{"name": names.TOKEN_VOLUME, "mountPath": TOKEN, "readOnly": True}]
    if wish.mode.has_files:
        mounts.append({"name": names.FILES_VOLUME, "mountPath": FILES})
    if env:
        mounts.append({"name": names.ENV_VOLUME, "mountPath": ENV})
    return mounts


def _resources(wish: Wish, installation: Installation) -> JsonObject:
    own = installation.pod_auth_resources if wish.auth is Auth.POD else installation.resources
    return {
        "requests": {"cpu": own.cpu_request, "memory": own.memory_request},
        "limits": {"memory": own.memory_limit},
    }


def _security_context(identity: Mapping[str, int]) -> JsonObject:
    """Passes the pod security standard `restricted`; the user is the pod's unless `identity` says."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        **identity,
    }
