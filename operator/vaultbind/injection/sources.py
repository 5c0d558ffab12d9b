"""Pure: what an agent that asks vaults itself is told; the webhook writes it, the agent reads it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from vaultbind.api.binding import BindingSpec
from vaultbind.injection.errors import InjectionError
from vaultbind.rendering.checked import parse_for_pods

LONGEST: Final = 100_000
"""Bytes as JSON: Linux starts no program with a variable of 128 KiB."""
_FIELDS: Final = ("data", "dataFrom")
"""Of a binding's spec: what its values are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultAddress:
    """A vault and the tenant that a token for it comes from; `ca_bundle` is PEM text."""

    url: str
    tenant_id: str
    authority_host: str = ""
    ca_bundle: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One binding: its vault, and its spec as far as values come of it."""

    vault: VaultAddress
    spec: Mapping[str, Any]

    def parse(self, name: str) -> BindingSpec:
        """Parse the spec. Raises SpecError, which the webhook has ruled out."""
        return parse_for_pods({"metadata": {"name": name}, "spec": self.spec})


@dataclass(frozen=True, slots=True, kw_only=True)
class PodAuth:
    """As whom a pod asks, and what for, by name of the binding."""

    client_id: str
    sources: Mapping[str, Source]


def source_of(vault: VaultAddress, spec: Mapping[str, Any]) -> Source:
    """Keep of a binding's spec what its values are made of."""
    kept = {field: spec[field] for field in _FIELDS if spec.get(field)}
    template = (spec.get("target") or {}).get("template")
    return Source(vault=vault, spec={**kept, "target": {"template": template}} if template else kept)


def render_sources(auth: PodAuth) -> str:
    """As text for the agent's environment, each vault once. Raises InjectionError for what is too long."""
    vaults = list(dict.fromkeys(source.vault for source in auth.sources.values()))
    bindings = {
        name: {"vault": vaults.index(source.vault), "spec": source.spec}
        for name, source in auth.sources.items()
    }
    told = {"clientId": auth.client_id, "vaults": [asdict(vault) for vault in vaults], "bindings": bindings}
    text = json.dumps(told, separators=(",", ":"))
    if len(text) > LONGEST:
        raise InjectionError(
            f"the bindings' specs and authorities have {len(text)} bytes together, and an agent that asks "
            f"vaults itself can be told {LONGEST}: name fewer bindings, or leave out vaultbind.dev/auth: pod"
        )
    return text


def parse_sources(text: str) -> PodAuth:
    """Read what `render_sources` wrote. Raises ValueError for anything else."""
    try:
        told = json.loads(text)
        vaults = [VaultAddress(**vault) for vault in told["vaults"]]
        sources = {
            name: Source(vault=vaults[item["vault"]], spec=item["spec"])
            for name, item in told["bindings"].items()
        }
        return PodAuth(client_id=told["clientId"], sources=sources)
    except (LookupError, TypeError, AttributeError, ValueError):
        raise ValueError("that is not what the webhook writes") from None
