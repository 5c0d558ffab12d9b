"""The short way past the SDK's challenge policy ends where the vault says 401."""

import json

import pytest
from azure.core.rest import HttpRequest
from azure.keyvault.secrets._shared import http_challenge_cache

from tests.unit.keyvault.fakes import (
    CHALLENGE,
    Answer,
    CannedTransport,
    FakeCredential,
    Outcome,
    answer,
    make_client,
    secret,
)
from vaultbind.keyvault.errors import KeyVaultError

CLAIMS = Answer(
    status=401,
    headers={
        "WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.windows.net/common", '
        'error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="',
    },
)


class Gate:
    """A vault that takes one token only, and wants another one from who brings any else."""

    def __init__(self) -> None:
        self.wanted = "token-1"
        self.transport = CannedTransport(self._handle)
        self.credential = FakeCredential()
        self.client = make_client(self.transport, credential=self.credential)

    def _handle(self, request: HttpRequest) -> Outcome:
        if "Authorization" not in request.headers:
            return CHALLENGE
        good = request.headers["Authorization"] == f"Bearer {self.wanted}"
        return answer(secret()) if good else CLAIMS

    @property
    def bodies(self) -> list[object]:
        return [json.loads(request.content or "null") for request in self.transport.requests]


@pytest.mark.parametrize("forgotten", [False, True], ids=["remembered", "challenge forgotten by others"])
async def test_a_token_that_is_revoked_is_replaced_once(forgotten: bool) -> None:
    gate = Gate()
    await gate.client.secrets.set_secret("db", "one")
    gate.wanted = "token-2"
    if forgotten:
        http_challenge_cache.clear()
    await gate.client.secrets.set_secret("db", "two")
    await gate.client.secrets.set_secret("db", "three")

    assert gate.bodies == [
        *(None, {"value": "one"}),  # the question for a challenge goes without the value
        *({"value": "two"}, None if forgotten else {"value": "two"}, {"value": "two"}),
        *([{"value": "two"}] if forgotten else []),
        {"value": "three"},
    ]
    assert [asked.get("claims") for asked in gate.credential.asked] == [None, '{"access_token":{}}']


async def test_a_vault_that_takes_no_token_is_told() -> None:
    gate = Gate()
    await gate.client.secrets.get_secret("db")
    gate.wanted = "none of ours"

    with pytest.raises(KeyVaultError) as caught:
        await gate.client.secrets.get_secret("db")
    assert (caught.value.http_status, len(gate.transport.requests)) == (401, 5)
