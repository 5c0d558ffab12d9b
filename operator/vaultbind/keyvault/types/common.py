"""What secrets, keys and certificates have in common."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeVar

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind


class ObjectKind(StrEnum):
    """The three kinds of objects, in Azure's own words."""

    SECRET = "secret"  # noqa: S105 - the word is the name of a kind
    CERTIFICATE = "certificate"
    KEY = "key"

    @property
    def collection(self) -> str:
        """First segment of the kind's REST path."""
        return f"{self.value}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectProperties:
    """What a vault tells about an object without its content; times are aware UTC."""

    kind: ClassVar[ObjectKind]

    id: str
    name: str
    version: str = ""
    """Empty in lists: an item describes the latest version without naming it."""
    enabled: bool = True
    not_before: datetime | None = None
    expires_on: datetime | None = None
    created_on: datetime | None = None
    updated_on: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    recovery_level: str | None = None
    recoverable_days: int | None = None


class RecoveryLevel(StrEnum):
    """How a vault treats what is deleted; properties hold the word as the service says it."""

    PURGEABLE = "Purgeable"
    RECOVERABLE_PURGEABLE = "Recoverable+Purgeable"
    RECOVERABLE = "Recoverable"
    RECOVERABLE_PROTECTED_SUBSCRIPTION = "Recoverable+ProtectedSubscription"
    CUSTOMIZED_RECOVERABLE_PURGEABLE = "CustomizedRecoverable+Purgeable"
    CUSTOMIZED_RECOVERABLE = "CustomizedRecoverable"
    CUSTOMIZED_RECOVERABLE_PROTECTED_SUBSCRIPTION = "CustomizedRecoverable+ProtectedSubscription"


Properties = TypeVar("Properties", bound=ObjectProperties)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedObject(Generic[Properties]):
    """A deleted object that can be recovered until `scheduled_purge_on`.

    A vault without soft deletion, of which there are hardly any left, sets none of the last three.
    """

    properties: Properties
    recovery_id: str | None = None
    deleted_on: datetime | None = None
    scheduled_purge_on: datetime | None = None

    @property
    def name(self) -> str:
        """The object's name."""
        return self.properties.name


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupBlob:
    """All versions of an object, encrypted by the service: opaque, and restored in the same geography only.

    `data` may be stored anywhere; `kind` tells which service can restore it.
    """

    kind: ObjectKind
    data: bytes = field(repr=False)


class SecretString:
    """A text that must not be shown: only `expose_secret()` gives it away.

    Not in `repr`, `str` or `format`; refused by pickle and JSON; unhashable; equality takes constant time.

        value = SecretString("s3cr3t")
        print(value, value == SecretString("s3cr3t"), value.expose_secret())
    """

    __slots__ = ("_hidden",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: str) -> None:
        """Keep `value`, which is not copied; raises KeyVaultError (VALIDATION) for anything but text."""
        if not isinstance(value, str):
            raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail="a SecretString holds text, a str")
        self._hidden = value

    def expose_secret(self) -> str:
        """Return the text itself. Whoever calls this owns the risk."""
        return self._hidden

    def __repr__(self) -> str:
        return "SecretString(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretString):
            return NotImplemented
        mine = self._hidden.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(mine, other._hidden.encode("utf-8", "surrogatepass"))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a SecretString cannot be pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a SecretString cannot be pickled")
