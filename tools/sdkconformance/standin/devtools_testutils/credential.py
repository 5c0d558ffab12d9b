"""Credentials that get their tokens where Azure's own would: at the emulator's Entra-like endpoint."""

import json
import os
import time
import urllib.request
from typing import Any, Self
from urllib.parse import urlencode

from azure.core.credentials import AccessToken

TENANT = "00000000-0000-0000-0000-000000000001"


def fetch_token(scopes: tuple[str, ...], tenant: str | None) -> AccessToken:
    form = {
        "grant_type": "client_credentials",
        "client_id": "sdk-conformance",
        "client_secret": "any",
        "scope": scopes[0],
    }
    url = f"{os.environ['VAULTBIND_SDK_AUTHORITY']}/{tenant or TENANT}/oauth2/v2.0/token"
    with urllib.request.urlopen(url, urlencode(form).encode(), timeout=10) as response:  # noqa: S310 - always https
        answer = json.load(response)
    return AccessToken(answer["access_token"], int(time.time()) + int(answer["expires_in"]))


class EmulatorCredential:
    """Credential of blocking clients."""

    def get_token(self, *scopes: str, tenant_id: str | None = None, **_kwargs: Any) -> AccessToken:
        return fetch_token(scopes, tenant_id)

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        """Nothing to close."""


class AsyncEmulatorCredential:
    """Credential of asynchronous clients; a token comes from this machine in a millisecond."""

    async def get_token(self, *scopes: str, tenant_id: str | None = None, **_kwargs: Any) -> AccessToken:
        return fetch_token(scopes, tenant_id)

    async def close(self) -> None:
        """Nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_details: object) -> None:
        """Nothing to close."""
