"""Errors on the way to a vault say which vault, and one thing to do per code; never what others wrote."""

import ssl
from copy import copy
from typing import Any, get_args

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from tests.unit.keyvault.fakes import TENANT_TEXT, VAULT, FakeCredential, canned, make_client, problem
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.transport.failures import map_token_failure
from vaultbind.keyvault.transport.hints import tell_way
from vaultbind.keyvault.transport.identities import (
    AzureCliIdentity,
    ClientCertificateIdentity,
    ClientSecretIdentity,
    CredentialConfig,
    DefaultIdentity,
    FederatedIdentity,
    ManagedIdentity,
    WorkloadIdentity,
)
from vaultbind.keyvault.types.common import SecretString

HOST = VAULT.removeprefix("https://")
KEY = aiohttp.client_reqrep.ConnectionKey(HOST, 443, True, True, None, None, None)


def cut(cause: Exception) -> ServiceRequestError:
    return ServiceRequestError(TENANT_TEXT, error=cause)


WAYS = {
    "untrusted": (
        cut(aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(TENANT_TEXT))),
        "(CertificateUntrusted); trust its CA by SSL_CERT_FILE, VAULTBIND_KEYVAULT_CA_FILE or ca_pem",
    ),
    "no such host": (
        cut(aiohttp.ClientConnectorDNSError(KEY, OSError(-2, TENANT_TEXT))),
        "(NameNotResolved); check the vault's URL (AZURE_KEYVAULT_URL)",
    ),
    "nobody there": (
        cut(aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, TENANT_TEXT))),
        "(ConnectionRefused); nothing listens there: check the vault's URL and port, or the proxy",
    ),
    "proxy": (
        cut(aiohttp.ClientProxyConnectionError(KEY, OSError(113, TENANT_TEXT))),
        "(ProxyFailed); check the proxy (HTTPS_PROXY), or name the vault in NO_PROXY",
    ),
    "no hint": (cut(aiohttp.ServerDisconnectedError()), "(ConnectionCut)"),
}


@pytest.mark.parametrize(("raised", "end"), WAYS.values(), ids=WAYS.keys())
async def test_a_vault_that_is_not_reached(raised: Exception, end: str) -> None:
    with pytest.raises(KeyVaultError) as caught:
        await make_client(canned(raised)).get_secret("db")

    assert str(caught.value) == f"The vault cannot be reached: {HOST}: db {end}"
    assert str(copy(caught.value)) == str(caught.value)
    assert TENANT_TEXT not in repr(caught.value)


async def test_an_answer_of_the_vault_has_no_hint() -> None:
    with pytest.raises(KeyVaultError) as caught:
        await make_client(canned(problem(403, "Forbidden"))).get_secret("db")

    assert (caught.value.vault, caught.value.hint) == (None, "")


async def test_health_has_the_hint_too() -> None:
    health = await make_client(canned(WAYS["untrusted"][0])).health_check()

    assert "SSL_CERT_FILE" in str(health.error)


async def assertion() -> str:
    return ""


IDENTITIES: dict[type, tuple[Any, str]] = {
    DefaultIdentity: (DefaultIdentity(), "az login"),
    ManagedIdentity: (ManagedIdentity(), "AZURE_CLIENT_ID"),
    WorkloadIdentity: (WorkloadIdentity(), "AZURE_FEDERATED_TOKEN_FILE"),
    ClientSecretIdentity: (
        ClientSecretIdentity(tenant_id=TENANT_TEXT, client_id="c", client_secret=SecretString("s3cr3t")),
        "a client secret was tried",
    ),
    ClientCertificateIdentity: (
        ClientCertificateIdentity(tenant_id=TENANT_TEXT, client_id="c", certificate=b""),
        "a client certificate was tried",
    ),
    FederatedIdentity: (
        FederatedIdentity(tenant_id=TENANT_TEXT, client_id="c", fetch_assertion=assertion),
        "a federated token was tried",
    ),
    AzureCliIdentity: (AzureCliIdentity(), "`az login`"),
    FakeCredential: (FakeCredential(), "the credential that the client was given"),
}


@pytest.mark.parametrize("failure", [ClientAuthenticationError, CredentialUnavailableError])
@pytest.mark.parametrize(("identity", "hint"), IDENTITIES.values(), ids=lambda item: type(item).__name__)
def test_an_identity_without_a_token(identity: Any, hint: str, failure: type[Exception]) -> None:
    error = tell_way(map_token_failure(failure(TENANT_TEXT)), HOST, identity)

    assert str(error).startswith(f"No token could be had for this identity: {HOST} ({failure.__name__}); ")
    assert hint in error.hint
    assert TENANT_TEXT not in repr(error)
    assert "s3cr3t" not in repr(error)


def test_every_identity_has_a_hint() -> None:
    assert {*get_args(CredentialConfig)} == IDENTITIES.keys() - {FakeCredential}


def test_a_numbered_code_says_more_than_a_guess() -> None:
    refused = map_token_failure(ClientAuthenticationError("AADSTS7000215: " + TENANT_TEXT))

    error = tell_way(refused, HOST, AzureCliIdentity())

    assert (error.kind, error.hint) == (KeyVaultErrorKind.AUTHENTICATION_FAILED, "")
