"""From a KeyVault's spec to a client: identity, trust, pace. Building one sends nothing to Azure."""

import asyncio
import base64
import binascii
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
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
    SharedTransport,
    WorkloadIdentity,
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
    """Makes clients; those that trust the same CAs share connections, credentials and each vault's pace."""

    kube: KubeClient
    observers: Observers
    clock: Clock = field(default_factory=SystemClock)
    open_transport: Callable[..., SharedTransport] = FencedTransport
    may_ask: Callable[[], bool] = lambda: True
    """Whether this process leads; asked before each request."""
    _transports: dict[str, SharedTransport] = field(default_factory=dict)
    _time: "_ClientTime" = field(init=False)

    def __post_init__(self) -> None:
        """One time for all clients: those with another one would share nothing."""
        self._time = _ClientTime(self.clock)

    async def warm(self) -> None:
        """Load the code of identities beside the loop, so that no first token waits for it."""
        await asyncio.to_thread(importlib.import_module, "azure.identity.aio")

    async def make(self, spec: KeyVaultSpec) -> KeyVaultClient:
        """Make the client of a vault.

        Raises KeyVaultError: AUTHENTICATION_FAILED where a Secret that the identity needs cannot be read,
        CONFIGURATION where the CA bundle is of no use.
        """
        config = KeyVaultConfig(
            vault_url=spec.url,
            credential=await self._identity(spec),
            requests_per_second=spec.requests_per_second,
            burst=spec.burst,
        )
        observer = self.observers.of(urlsplit(spec.url).netloc)
        transport = self._transport(spec.ca_bundle)
        return KeyVaultClient(config, transport=transport, observer=observer, clock=self._time)

    def _may_send(self) -> bool:
        return self.may_ask()  # set after the transports may have been made

    def _transport(self, ca_bundle: str) -> SharedTransport:
        if ca_bundle not in self._transports:
            self._transports[ca_bundle] = self.open_transport(self._may_send, ca_pem=ca_bundle or None)
        return self._transports[ca_bundle]

    async def _identity(self, spec: KeyVaultSpec) -> CredentialConfig:
        if not isinstance(spec.auth, ServicePrincipalAuth):
            return _ambient_identity(spec)
        return ClientSecretIdentity(
            tenant_id=spec.auth.tenant_id,
            client_id=spec.auth.client_id,
            client_secret=SecretString(await self._fetch_secret(spec.auth.secret_ref)),
            authority_host=spec.authority_host,
        )

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
        """Close connections, and the credentials that go over them."""
        transports, self._transports = list(self._transports.values()), {}
        for transport in transports:
            await transport.aclose()


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
