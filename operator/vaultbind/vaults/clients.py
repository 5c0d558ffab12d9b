"""From a KeyVault's spec to a client: identity, trust, pace. Building one sends nothing to Azure."""

import asyncio
import base64
import binascii
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from vaultbind.api.keyvault import (
    DefaultAuth,
    KeyVaultSpec,
    ManagedIdentityAuth,
    SecretKeyRef,
    ServicePrincipalAuth,
)
from vaultbind.engine.clock import Clock, SystemClock
from vaultbind.keyvault import (
    ClientSecretIdentity,
    CredentialConfig,
    DefaultIdentity,
    KeyVaultClient,
    KeyVaultConfig,
    KeyVaultError,
    KeyVaultErrorKind,
    ManagedIdentity,
    Observer,
    SecretString,
    SharedCredential,
    SharedTransport,
    WorkloadIdentity,
    build_credential,
)
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError
from vaultbind.kube.resources import SECRETS
from vaultbind.vaults.fence import FencedTransport


class Observers(Protocol):
    """Gives each vault's observer, by host name."""

    def of(self, vault: str) -> Observer:
        """Observer of one vault."""


@dataclass(slots=True, kw_only=True)
class VaultClients:
    """Makes clients; shares connections by trusted CA and credentials by identity of the process."""

    kube: KubeClient
    observers: Observers
    clock: Clock = field(default_factory=SystemClock)
    open_transport: Callable[..., SharedTransport] = FencedTransport
    may_ask: Callable[[], bool] = lambda: True
    """Whether this process leads; asked before each request."""
    _transports: dict[str, SharedTransport] = field(default_factory=dict)
    _ambient: dict[tuple[CredentialConfig, str], SharedCredential] = field(default_factory=dict)

    async def warm(self) -> None:
        """Load the code of identities beside the loop, so that no first token waits for it."""
        await asyncio.to_thread(importlib.import_module, "azure.identity.aio")

    async def make(self, spec: KeyVaultSpec) -> KeyVaultClient:
        """Make the client of a vault.

        Raises KeyVaultError: AUTHENTICATION_FAILED where a Secret that the identity needs cannot be read,
        CONFIGURATION where the CA bundle is of no use.
        """
        transport = self._transport(spec.ca_bundle)
        observer = self.observers.of(urlsplit(spec.url).netloc)
        config = KeyVaultConfig(
            vault_url=spec.url,
            credential=await self._credential(spec, transport, observer),
            requests_per_second=spec.requests_per_second,
            burst=spec.burst,
        )
        return KeyVaultClient(config, transport=transport, observer=observer, clock=_ClientTime(self.clock))

    def _may_send(self) -> bool:
        return self.may_ask()  # set after the transports may have been made

    def _transport(self, ca_bundle: str) -> SharedTransport:
        if ca_bundle not in self._transports:
            self._transports[ca_bundle] = self.open_transport(self._may_send, ca_pem=ca_bundle or None)
        return self._transports[ca_bundle]

    async def _credential(
        self, spec: KeyVaultSpec, transport: SharedTransport, observer: Observer
    ) -> SharedCredential:
        auth = spec.auth
        if isinstance(auth, ServicePrincipalAuth):
            identity = ClientSecretIdentity(
                tenant_id=auth.tenant_id,
                client_id=auth.client_id,
                client_secret=SecretString(await self._fetch_secret(auth.secret_ref)),
                authority_host=spec.authority_host,
            )
            return self._build_credential(identity, transport, observer)
        ambient = _ambient_identity(spec)
        key = (ambient, spec.ca_bundle)
        if key not in self._ambient:
            self._ambient[key] = self._build_credential(ambient, transport, observer)
        return self._ambient[key]

    def _build_credential(
        self, identity: CredentialConfig, transport: SharedTransport, observer: Observer
    ) -> SharedCredential:
        clock = _ClientTime(self.clock).time
        return build_credential(identity, transport=transport, clock=clock, observer=observer)

    async def _fetch_secret(self, ref: SecretKeyRef) -> str:
        where = f"key {ref.key} of Secret {ref.namespace}/{ref.name}"
        try:
            secret = await self.kube.get(SECRETS, ref.namespace, ref.name)
        except KubeError as error:
            raise _unusable(f"{where} cannot be read: {error.kind.value}") from None
        encoded = (secret.get("data") or {}).get(ref.key)
        if not encoded:
            raise _unusable(f"{where} is missing or empty")
        try:
            return base64.b64decode(encoded).decode("utf-8").strip()
        except (binascii.Error, UnicodeDecodeError):
            raise _unusable(f"{where} is no text") from None

    async def aclose(self) -> None:
        """Close credentials and connections."""
        parts: list[Any] = [*self._ambient.values(), *self._transports.values()]
        self._ambient.clear()
        self._transports.clear()
        for part in parts:
            await part.aclose()


class _ClientTime:
    """The operator's clock as the client library wants it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic()

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        await asyncio.sleep(seconds)


def _ambient_identity(spec: KeyVaultSpec) -> CredentialConfig:
    auth = spec.auth
    if isinstance(auth, DefaultAuth):
        return DefaultIdentity(authority_host=spec.authority_host)
    if isinstance(auth, ManagedIdentityAuth):
        return ManagedIdentity(client_id=auth.client_id, resource_id=auth.resource_id)
    if isinstance(auth, ServicePrincipalAuth):
        raise TypeError("a service principal is not ambient")
    return WorkloadIdentity(
        tenant_id=auth.tenant_id, client_id=auth.client_id, authority_host=spec.authority_host
    )


def _unusable(detail: str) -> KeyVaultError:
    return KeyVaultError(
        KeyVaultErrorKind.AUTHENTICATION_FAILED, code="ClientSecretMissing", detail=detail, retryable=True
    )
