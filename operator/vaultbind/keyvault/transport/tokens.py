"""An identity's tokens: one request at a time however many ask, and kept until shortly before their end."""

import asyncio
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.credentials_async import AsyncSupportsTokenInfo, AsyncTokenProvider

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.flight import join
from vaultbind.keyvault.observer import Observer
from vaultbind.keyvault.observing import contain
from vaultbind.keyvault.transport.failures import map_token_failure

EXPIRY_MARGIN = 300
"""Seconds before a token's end when it is renewed: the SDK's own margin."""
RENEWAL_PAUSE = 30
"""Seconds between attempts to renew a token that is still good."""
TOKEN_TIMEOUT = 30.0
"""Seconds after which a token request is given up."""


class TokenSource(Protocol):
    """What any asynchronous credential of azure.identity can do."""

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        """Get a token."""
        ...

    async def close(self) -> None:
        """Free what the credential holds."""
        ...


@dataclass(slots=True)
class _Slot:
    """Token of one scope, and the request for it that is under way."""

    token: AccessTokenInfo | None = None
    renewed: float = 0.0
    flight: "asyncio.Task[AccessTokenInfo] | None" = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a token is asked for; `claims` and `tenant` are usually empty."""

    scopes: tuple[str, ...]
    tenant: str
    claims: str
    enable_cae: bool

    def options(self) -> TokenRequestOptions:
        options = TokenRequestOptions(enable_cae=self.enable_cae)
        if self.tenant:
            options["tenant_id"] = self.tenant
        if self.claims:
            options["claims"] = self.claims
        return options


class SharedCredential:
    """An identity's tokens, kept per scope and asked for once, to be shared by all clients of that identity.

    The identity's own tenant is used, whatever tenant a vault's challenge names, unless `follow_tenant` is
    set. `build_credential` makes it; whoever does closes it.

        credential = build_credential(ManagedIdentity())
        config = KeyVaultConfig(vault_url="https://shop.vault.azure.net", credential=credential)
        await credential.aclose()
    """

    def __init__(
        self,
        build: Callable[[], TokenSource],
        *,
        clock: Callable[[], float] = time.time,
        observer: Observer | None = None,
        follow_tenant: bool = False,
    ) -> None:
        """`build` is called for the first token; `clock` gives epoch seconds."""
        self._build = build
        self._clock = clock
        self._observer = contain(observer)
        self._follow_tenant = follow_tenant
        self._source: TokenSource | None = None
        self._slots: dict[_Wanted, _Slot] = {}

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_: Any,
    ) -> AccessToken:
        """Token for `scopes`; raises KeyVaultError (AUTHENTICATION_FAILED)."""
        options = TokenRequestOptions(enable_cae=enable_cae)
        if claims:
            options["claims"] = claims
        if tenant_id:
            options["tenant_id"] = tenant_id
        info = await self.get_token_info(*scopes, options=options)
        return AccessToken(info.token, info.expires_on)

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        """Token for `scopes`, kept until shortly before its end; raises as `get_token` does."""
        asked = options or {}
        wanted = _Wanted(
            scopes=scopes,
            tenant=(asked.get("tenant_id") or "") if self._follow_tenant else "",
            claims=asked.get("claims") or "",
            enable_cae=bool(asked.get("enable_cae")),
        )
        slot = self._slots.setdefault(wanted, _Slot())
        if slot.token is not None and not self._is_due(slot, slot.token):
            return slot.token
        if slot.flight is None or slot.flight.done():
            slot.flight = asyncio.create_task(self._fetch(slot, wanted), name="vaultbind-token")
        try:
            return await join(slot.flight, _closed())
        except KeyVaultError as error:
            failure = copy(error)  # each of those who wait names its own object
        if slot.token is None or slot.token.expires_on <= self._clock():
            raise failure
        return slot.token

    async def close(self) -> None:
        """Do nothing: clients close their credential, but this one is shared."""

    async def aclose(self) -> None:
        """End requests under way and free the credential."""
        flights = [slot.flight for slot in self._slots.values() if slot.flight and not slot.flight.done()]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        self._slots.clear()
        source, self._source = self._source, None
        if source is not None:
            await source.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _is_due(self, slot: _Slot, token: AccessTokenInfo) -> bool:
        now = self._clock()
        if token.expires_on <= now:
            return True
        due = min(token.refresh_on or token.expires_on, token.expires_on - EXPIRY_MARGIN)
        return now >= due and now >= slot.renewed + RENEWAL_PAUSE

    async def _fetch(self, slot: _Slot, wanted: _Wanted) -> AccessTokenInfo:
        started = slot.renewed = self._clock()
        try:
            async with asyncio.timeout(TOKEN_TIMEOUT):
                self._source = self._source or self._build()
                token = await self._source.get_token_info(*wanted.scopes, options=wanted.options())
        except Exception as error:  # noqa: BLE001 - whatever a credential raises: its text must not go on
            failure = map_token_failure(error)
        else:
            self._keep(slot, wanted, token)
            self._observer.token("ok", self._clock() - started)
            return token
        self._observer.token(failure.code, self._clock() - started)
        raise failure

    def _keep(self, slot: _Slot, wanted: _Wanted, token: AccessTokenInfo) -> None:
        """Keep the token; one that answers a claims challenge takes the place of the one that was refused."""
        if wanted.claims:
            self._slots.pop(wanted, None)
            slot = self._slots.setdefault(replace(wanted, claims=""), _Slot())
        slot.token = token


def _closed() -> KeyVaultError:
    detail = "its credential was closed meanwhile"
    return KeyVaultError(KeyVaultErrorKind.AUTHENTICATION_FAILED, code="CredentialClosed", detail=detail)


def share_credential(
    credential: AsyncTokenProvider,
    *,
    clock: Callable[[], float] = time.time,
    observer: Observer | None = None,
) -> SharedCredential:
    """Give a foreign credential the same care; its owner closes it. A shared one is returned as is."""
    if isinstance(credential, SharedCredential):
        return credential
    source = _Foreign(credential)
    return SharedCredential(lambda: source, clock=clock, observer=observer, follow_tenant=True)


class _Foreign:
    """A credential that somebody else owns, with `get_token_info` or only the older `get_token`."""

    def __init__(self, credential: AsyncTokenProvider) -> None:
        self._credential = credential

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        if isinstance(self._credential, AsyncSupportsTokenInfo):
            return await self._credential.get_token_info(*scopes, options=options)
        token = await self._credential.get_token(*scopes, **(options or {}))
        return AccessTokenInfo(token.token, token.expires_on)

    async def close(self) -> None:
        """Do nothing: its owner closes it."""
