"""What secrets, keys and certificates have in common."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, NoReturn, Self


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


class SecretString:
    """A text that must not be shown: only `expose_secret()` gives it away.

    Not in `repr`, `str` or `format`; refused by pickle and JSON; unhashable; equality takes constant time.
    """

    __slots__ = ("_hidden",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: str) -> None:
        """Keep `value`; it is not copied or checked."""
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
