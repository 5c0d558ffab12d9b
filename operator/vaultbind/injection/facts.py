"""What the webhook knows beside the pod: the installation, the bindings' keys."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vaultbind.api.binding import BindingSpec, CreationPolicy, Keep
from vaultbind.api.given_keys import TLS_KEYS, given_keys

IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names of variables that every shell and program can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Requests and limits of the agent's containers; files in memory count for whoever wrote them."""

    cpu_request: str = "10m"
    memory_request: str = "32Mi"
    memory_limit: str = "64Mi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """How this installation's agents run."""

    image: str
    pull_policy: str = "IfNotPresent"
    broker_url: str = ""
    """Such as `https://vaultbind-broker.vaultbind.svc:8443`; empty: there is none."""
    broker_ca: str = field(default="", repr=False)
    """PEM text that the agent trusts; empty: the image's own authorities."""
    env_files: bool = False
    """Whether the cluster offers `fileKeyRef`."""
    deadline_seconds: int = 120
    """How long an init container tries before it fails (and the kubelet starts it anew)."""
    size_limit: str = "16Mi"
    resources: Resources = Resources()
    pod_auth_audience: str = ""
    """Audience of the tokens that agents show Entra ID in exchange for the vault's; empty: none may."""
    pod_auth_resources: Resources = Resources(memory_request="64Mi", memory_limit="128Mi")
    """Of agents that ask vaults themselves: the client library is in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One key of a binding that can be a variable of the same name."""

    name: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingKeys:
    """What variables need to know of a binding."""

    secret: str = ""
    """Name of its Secret; empty where it writes none."""
    variables: tuple[Variable, ...] = ()
    unusable: tuple[str, ...] = ()
    """Keys that are no names of variables."""
    is_open: bool = False
    """Some keys are known only when the vault is asked."""


def keys_of(spec: BindingSpec) -> BindingKeys:
    """Summarize a binding's spec."""
    keys = [(entry.key, entry.optional) for entry in spec.data]
    given = given_keys((), spec.data_from)
    keys += [(key, True) for key in TLS_KEYS if key in given.names]
    template = spec.target.template
    is_open = given.is_open
    if template is not None:
        kept = [item for item in keys if item[0] not in template.data] if template.keep is Keep.ALL else []
        keys = [*kept, *((key, False) for key in template.data)]
        is_open = is_open and template.keep is Keep.ALL
    return BindingKeys(
        secret="" if spec.target.creation_policy is CreationPolicy.NONE else spec.target.name,
        variables=tuple(
            Variable(name=key, optional=optional) for key, optional in keys if IDENTIFIER.fullmatch(key)
        ),
        unusable=tuple(key for key, _ in keys if not IDENTIFIER.fullmatch(key)),
        is_open=is_open,
    )


def container_names(pod_spec: Mapping[str, Any], part: str = "containers") -> Sequence[str]:
    """Names in the pod's order."""
    return [str(item.get("name", "")) for item in pod_spec.get(part) or ()]
