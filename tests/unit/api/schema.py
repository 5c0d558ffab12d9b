"""The CRDs as data: every place of a schema with its path, written as `spec.data[].secret.name`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from vaultbind.api import implemented

ROOT = Path(__file__).parents[3]
CRDS: Mapping[str, Mapping[str, Any]] = {
    crd["spec"]["names"]["kind"]: crd
    for crd in (yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml")))
}
KINDS = ("VaultBinding", "KeyVault", "ClusterKeyVault", "CryptoJob")
REFUSALS = {
    "VaultBinding": implemented.BINDING_REFUSALS,
    "KeyVault": implemented.KEYVAULT_REFUSALS,
    "ClusterKeyVault": implemented.KEYVAULT_REFUSALS,
    "CryptoJob": implemented.CRYPTOJOB_REFUSALS,
}


def is_refused(kind: str, path: str) -> bool:
    """Whether the whole field is refused, or one that it stands in."""
    whole = [refusal.path for refusal in REFUSALS[kind] if not refusal.values]
    return any(path == field or path.startswith((f"{field}.", f"{field}[")) for field in whole)


def version(kind: str) -> Mapping[str, Any]:
    """The only version of the kind."""
    (found,) = CRDS[kind]["spec"]["versions"]
    return dict(found)


def places(kind: str, below: str = "") -> dict[str, Mapping[str, Any]]:
    """Path to schema, for every place of the kind below `spec` or `status` (both when empty)."""
    root = version(kind)["schema"]["openAPIV3Schema"]["properties"]
    return {
        path: schema
        for top in ("spec", "status")
        if below in ("", top)
        for path, schema in _walk(root[top], top)
    }


def _walk(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from _walk(below, f"{path}.{name}")
    if "items" in schema:
        yield from _walk(schema["items"], f"{path}[]")
