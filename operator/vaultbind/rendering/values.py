"""Values of the vault as rendering takes them: present, enabled and valid already, or a problem."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeVar

from vaultbind.api.binding import PasswordRef
from vaultbind.api.conditions import Reason
from vaultbind.api.refs import VaultObjectRef
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.key import Key
from vaultbind.keyvault.types.secret import Secret
from vaultbind.rendering.problems import EntryError

VaultValue = Secret | Certificate | Key

Values = Mapping[VaultObjectRef, VaultValue | None]
"""What was read; None: the vault has no such object."""

Passwords = Mapping[PasswordRef, SecretString]
"""What the passwordRefs of a binding name."""

NO_PASSWORDS: Final[Passwords] = MappingProxyType({})

_Kind = TypeVar("_Kind", Secret, Certificate, Key)


def take(values: Values, ref: VaultObjectRef, kind: type[_Kind], *, shown: str, now: datetime) -> _Kind:
    """The object if it can be used at `now`; `shown` is its name in messages. Expired ones can be used.

    Raises :class:`EntryError` with OBJECT_NOT_FOUND (missing), OBJECT_DISABLED or OBJECT_NOT_YET_VALID;
    KeyError or TypeError if the caller did not read the object or gives one of another kind.
    """
    value = values[ref]
    if value is None:
        raise EntryError(Reason.OBJECT_NOT_FOUND, f"the vault has no {shown}", missing=True)
    if not isinstance(value, kind):
        raise TypeError(f"{ref} was given as {type(value).__name__}")
    if not value.properties.enabled:
        raise EntryError(Reason.OBJECT_DISABLED, f"{shown} is disabled in the vault")
    start = value.properties.not_before
    if start is not None and start > now:
        text = f"{shown} is not valid before {start:%Y-%m-%dT%H:%M:%SZ}"
        raise EntryError(Reason.OBJECT_NOT_YET_VALID, text, retry_at=start)
    return value
