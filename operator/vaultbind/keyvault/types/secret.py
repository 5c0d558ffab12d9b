"""Secrets."""

from dataclasses import dataclass
from typing import ClassVar

from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties, SecretString


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretProperties(ObjectProperties):
    """Properties of a secret; `managed` ones belong to the certificate of the same name."""

    kind: ClassVar[ObjectKind] = ObjectKind.SECRET

    content_type: str | None = None
    managed: bool = False
    key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One version of a secret with its value."""

    value: SecretString
    properties: SecretProperties

    @property
    def name(self) -> str:
        """The secret's name."""
        return self.properties.name

    @property
    def version(self) -> str:
        """The version that was read or made."""
        return self.properties.version
