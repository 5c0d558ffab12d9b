"""Passwords of key stores: read from Secrets of the binding's namespace, told apart without their values.

Nothing watches these Secrets. Whoever looks at a binding asks for their metadata, and for the Secret itself
only where the key store has to be made anew.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vaultbind.api.binding import BindingSpec, PasswordRef
from vaultbind.api.conditions import Reason
from vaultbind.bindings.manifest import decode_data
from vaultbind.keyvault.types.common import SecretString
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import SECRETS, Resource
from vaultbind.vaults.causes import Trouble

_USABLE: Final = re.compile(rb"[ -~]{1,128}")
"""Java takes nothing but printable ASCII, and other readers disagree about the bytes of anything else."""

_Get = Callable[[Resource, str, str], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where the passwords of a binding come from, and the passwords, where they have been read."""

    stamps: Mapping[str, str]
    """By name of a Secret: its uid and resourceVersion, for the digest of the source."""
    values: Mapping[PasswordRef, SecretString] = field(default_factory=dict, repr=False)


NOTHING: Final = Found(stamps={})


@dataclass(slots=True, kw_only=True)
class PasswordReader:
    """Needs the right to get Secrets. Its methods raise KubeError."""

    client: KubeClient

    async def ask(self, namespace: str, spec: BindingSpec) -> Found | Trouble:
        """Which states the Secrets have; their values do not travel."""
        secrets = await self._get_all(self.client.get_metadata, namespace, spec)
        return secrets if isinstance(secrets, Trouble) else Found(stamps=_stamps(secrets))

    async def read(self, namespace: str, spec: BindingSpec) -> Found | Trouble:
        """The passwords themselves."""
        secrets = await self._get_all(self.client.get, namespace, spec)
        if isinstance(secrets, Trouble):
            return secrets
        values: dict[PasswordRef, SecretString] = {}
        for ref in spec.passwords:
            found = parse_password(secrets[ref.secret], ref)
            if isinstance(found, Trouble):
                return found
            values[ref] = found
        return Found(stamps=_stamps(secrets), values=values)

    async def _get_all(
        self, get: _Get, namespace: str, spec: BindingSpec
    ) -> Mapping[str, Mapping[str, Any]] | Trouble:
        found: dict[str, Mapping[str, Any]] = {}
        for name in dict.fromkeys(ref.secret for ref in spec.passwords):
            try:
                found[name] = await get(SECRETS, namespace, name)
            except KubeError as error:
                if error.kind is not KubeErrorKind.NOT_FOUND:
                    raise
                keys = ", ".join(dict.fromkeys(ref.key for ref in spec.passwords if ref.secret == name))
                text = f"Secret {name}, which a passwordRef names, does not exist; create it with key {keys}"
                return Trouble(reason=Reason.PASSWORD_NOT_FOUND, message=text)
        return found


def parse_password(secret: Mapping[str, Any], ref: PasswordRef) -> SecretString | Trouble:
    """The password that `ref` names in the Secret."""
    value = decode_data(secret).get(ref.key)
    if value is None:
        text = f"Secret {ref.secret} has no key {ref.key}, which a passwordRef names; add it"
        return Trouble(reason=Reason.PASSWORD_NOT_FOUND, message=text)
    if _USABLE.fullmatch(value) is None:
        text = (
            f"key {ref.key} of Secret {ref.secret} is no password for a key store: it needs 1 to 128 "
            "printable ASCII characters, and no line end: `kubectl create secret --from-literal` adds none"
        )
        return Trouble(reason=Reason.PASSWORD_INVALID, message=text)
    return SecretString(value.decode("ascii"))


def _stamps(secrets: Mapping[str, Mapping[str, Any]]) -> Mapping[str, str]:
    return {name: _stamp(secret["metadata"]) for name, secret in secrets.items()}


def _stamp(metadata: Mapping[str, Any]) -> str:
    return f"{metadata.get('uid')}/{metadata.get('resourceVersion')}"
