"""Secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from vaultbind.keyvault.types.common import DeletedObject, ObjectKind, ObjectProperties, SecretString


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretProperties(ObjectProperties):
    """Properties of a secret; `managed` ones belong to the certificate of the same name."""

    kind: ClassVar[ObjectKind] = ObjectKind.SECRET

    content_type: str | None = None
    managed: bool = False
    key_id: str | None = None
    previous_version: str | None = None
    """Only of a certificate's secret."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedSecret(DeletedObject[SecretProperties]):
    """A deleted secret, without its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSecretOptions:
    """What a new version of a secret has beside its value; None is left to the service.

    Times are aware, in whole seconds on the wire. They are advice: the service gives out an expired secret.
    """

    content_type: str | None = None
    tags: Mapping[str, str] | None = None
    enabled: bool | None = None
    not_before: datetime | None = None
    expires_on: datetime | None = None
