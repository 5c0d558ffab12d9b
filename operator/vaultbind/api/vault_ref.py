"""`spec.vaultRef`: the KeyVault that an object of a namespace uses."""

from enum import StrEnum
from typing import Final

from vaultbind.api import grammar
from vaultbind.api.fields import Fields
from vaultbind.api.names import KIND_CLUSTER_KEYVAULT, KIND_KEYVAULT
from vaultbind.api.refs import ObjectKey

DEFAULT_VAULT: Final = ObjectKey(KIND_CLUSTER_KEYVAULT, "", "default")
"""Meant when `vaultRef` is absent."""


class _VaultKind(StrEnum):
    KEYVAULT = KIND_KEYVAULT
    CLUSTER_KEYVAULT = KIND_CLUSTER_KEYVAULT


def parse_vault_ref(ref: Fields | None, namespace: str) -> ObjectKey:
    """Return the key of the KeyVault that `ref` names in `namespace`; raises SpecError (InvalidSpec)."""
    if ref is None:
        return DEFAULT_VAULT
    kind = ref.choice("kind", _VaultKind.KEYVAULT)
    name = ref.required_text("name", grammar.DNS_SUBDOMAIN)
    return ObjectKey(kind.value, namespace if kind is _VaultKind.KEYVAULT else "", name)
