"""References: to an object of the cluster and to an object of a vault.

Named tuples: they are looked up in dictionaries a hundred times per object, and a tuple's hash is C.
"""

from enum import StrEnum
from typing import NamedTuple


class ObjectKey(NamedTuple):
    """One object of the cluster; `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Kind namespace/name`, as messages show it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class VaultObjectKind(StrEnum):
    """The three kinds of Key Vault objects, in Azure's own words."""

    SECRET = "secret"  # noqa: S105 - the word is the name of a kind
    CERTIFICATE = "certificate"
    KEY = "key"


class VaultObjectRef(NamedTuple):
    """One object of a vault as the REST API names it; `version` is empty for the latest."""

    kind: VaultObjectKind
    name: str
    version: str = ""

    def __str__(self) -> str:
        """`kind name` or `kind name/version`, as messages show it."""
        return (
            f"{self.kind.value} {self.name}/{self.version}"
            if self.version
            else f"{self.kind.value} {self.name}"
        )
