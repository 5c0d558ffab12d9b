"""CRDs and example manifests: found in the wheel or in the checkout, and put in their place."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

import vaultbind
from vaultbind.api.names import KIND_CLUSTER_KEYVAULT
from vaultbind.cli.demo.outcome import DemoError

VAULT: Final = "shop"
"""Vault of the examples: its name in `examples/vault.yaml`, of its object, and of the namespace."""
BINDING_SECRETS: Final = "shop-db"
BINDING_TLS: Final = "shop-tls"
BINDING_PUBLIC_KEY: Final = "shop-signing-key"
JOB_SIGN: Final = "sign-release"

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Names in the cluster: the namespace of the bindings and the ClusterKeyVault."""

    namespace: str = VAULT
    vault: str = VAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """What is applied, and what the vault holds at the start."""

    crds: tuple[JsonObject, ...]
    vault: JsonObject
    bindings: Mapping[str, JsonObject]
    """By the names that they have in the examples."""
    job: JsonObject
    """The CryptoJob that signs."""
    seed: str


def fetch_manifests(place: Place, url: str) -> Manifests:
    """Read all files and put them in their place; raises DemoError."""
    examples = find_folder("examples")
    bindings = _fetch_documents(examples / "bindings.yaml")
    (vault,) = _fetch_documents(examples / "keyvault.yaml")
    return Manifests(
        crds=fetch_crds(),
        vault=render_vault(vault, place, url),
        bindings={item["metadata"]["name"]: render_reader(item, place) for item in bindings},
        job=render_reader(_find(_fetch_documents(examples / "cryptojobs.yaml"), JOB_SIGN), place),
        seed=fetch_seed(),
    )


def fetch_crds() -> tuple[JsonObject, ...]:
    """Read our CustomResourceDefinitions; raises DemoError."""
    paths = sorted(find_folder("crds").glob("*.yaml"))
    return tuple(document for path in paths for document in _fetch_documents(path))


def fetch_seed() -> str:
    """Read what the vault holds at the start; raises DemoError."""
    return (find_folder("examples") / "vault.yaml").read_text(encoding="utf-8")


def find_folder(name: str) -> Path:
    """Folder in the installed package, else beside the source root of a checkout; raises DemoError."""
    package = Path(vaultbind.__file__).parent
    for folder in (package / "data" / name, package.parent.parent / name):
        if folder.is_dir():
            return folder
    raise DemoError(f"the folder {name} is neither in the installed package nor in a checkout")


def render_vault(document: JsonObject, place: Place, url: str) -> JsonObject:
    """Give the ClusterKeyVault its URL, and on somebody's cluster its name and the demo's namespace alone."""
    placed = copy.deepcopy(document)
    placed["spec"]["url"] = url
    if place != Place():
        placed["metadata"]["name"] = place.vault
        placed["spec"]["access"] = [{"namespaces": {"names": [place.namespace]}}]
    return placed


def render_reader(document: JsonObject, place: Place) -> JsonObject:
    """Give a binding or job its namespace and vault."""
    placed = copy.deepcopy(document)
    placed["metadata"]["namespace"] = place.namespace
    placed["spec"]["vaultRef"] = {"kind": KIND_CLUSTER_KEYVAULT, "name": place.vault}
    return placed


def _find(documents: list[JsonObject], name: str) -> JsonObject:
    for document in documents:
        if document["metadata"]["name"] == name:
            return document
    raise DemoError(f"the examples have no {name}")


def _fetch_documents(path: Path) -> list[JsonObject]:
    try:
        return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]
    except (OSError, yaml.YAMLError) as error:
        raise DemoError(f"{path.name} cannot be read: {type(error).__name__}") from None
