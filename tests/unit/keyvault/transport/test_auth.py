"""Identities become the right token requests, over our transport, and not before a token is needed."""

import asyncio
import logging
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.rest import HttpRequest

from tests.unit.keyvault.fakes import TENANT_TEXT, CannedTransport, Outcome, answer
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.transport.auth import _build_source, build_credential, quiet_azure_loggers
from vaultbind.keyvault.transport.identities import (
    ClientSecretIdentity,
    CredentialConfig,
    DefaultIdentity,
    ManagedIdentity,
    WorkloadIdentity,
)
from vaultbind.keyvault.types.common import SecretString

SCOPE = "https://vault.localhost:8443/.default"
AUTHORITY = "https://127.0.0.1:8443"
TOKEN = {"access_token": "t0ken", "expires_in": 3600, "token_type": "Bearer", "resource": SCOPE}
PRINCIPAL = ClientSecretIdentity(
    tenant_id="tenant-1", client_id="client-1", client_secret=SecretString("s3cr3t"), authority_host=AUTHORITY
)


@pytest.fixture(autouse=True)
def _no_identity_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_", "IMDS_")):
            monkeypatch.delenv(name)


def service(*outcomes: Outcome) -> CannedTransport:
    left = list(outcomes) or [answer(TOKEN, Content_Type="application/json")]
    return CannedTransport(lambda _: left.pop(0) if len(left) > 1 else left[0])


async def ask(config: CredentialConfig, transport: CannedTransport) -> str:
    credential = build_credential(config, transport=transport)
    try:
        return (await credential.get_token(SCOPE, tenant_id="another-tenant", enable_cae=True)).token
    finally:
        await credential.aclose()


async def test_building_asks_for_nothing() -> None:
    transport = service()

    for config in (PRINCIPAL, DefaultIdentity(), ManagedIdentity(), WorkloadIdentity()):
        await build_credential(config, transport=transport).aclose()

    assert transport.requests == []


async def test_client_secret() -> None:
    transport = service()

    assert await ask(PRINCIPAL, transport) == "t0ken"

    (request,) = transport.requests
    assert (request.method, request.url) == ("POST", f"{AUTHORITY}/tenant-1/oauth2/v2.0/token")
    assert form(request) | {"claims": ""} == {
        "client_id": "client-1",
        "client_secret": "s3cr3t",
        "grant_type": "client_credentials",
        "scope": SCOPE,
        "claims": "",
    }


async def test_default_identity_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AZURE_TENANT_ID": "tenant-2",
        "AZURE_CLIENT_ID": "client-2",
        "AZURE_CLIENT_SECRET": "s3cr3t",
        "AZURE_AUTHORITY_HOST": AUTHORITY,
    }.items():
        monkeypatch.setenv(name, value)
    transport = service()

    assert await ask(DefaultIdentity(), transport) == "t0ken"

    assert transport.requests[0].url == f"{AUTHORITY}/tenant-2/oauth2/v2.0/token"
    assert form(transport.requests[0])["client_id"] == "client-2"


MANAGED = [
    ("system-assigned", ManagedIdentity(), {}),
    ("by client id", ManagedIdentity(client_id="client-3"), {"client_id": "client-3"}),
    ("by resource id", ManagedIdentity(resource_id="/sub/x"), {"mi_res_id": "/sub/x"}),
    ("as default identity", DefaultIdentity(), {}),
]


@pytest.mark.parametrize(("config", "extra"), [row[1:] for row in MANAGED], ids=[row[0] for row in MANAGED])
async def test_managed_identity_of_app_service(
    monkeypatch: pytest.MonkeyPatch, config: CredentialConfig, extra: dict[str, str]
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{AUTHORITY}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header-1")
    transport = service()

    assert await ask(config, transport) == "t0ken"

    (request,) = transport.requests
    assert request.headers["X-IDENTITY-HEADER"] == "header-1"
    assert query(request) == {
        "api-version": "2019-08-01",
        "resource": "https://vault.localhost:8443",
        **extra,
    }


async def test_managed_identity_of_a_machine() -> None:
    transport = service()

    assert await ask(ManagedIdentity(resource_id="/sub/x"), transport) == "t0ken"

    request = transport.requests[-1]
    assert urlsplit(request.url).hostname == "169.254.169.254"
    assert query(request)["msi_res_id"] == "/sub/x"


async def test_workload_identity_of_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("federated")
    for name, value in {
        "AZURE_TENANT_ID": "tenant-4",
        "AZURE_CLIENT_ID": "client-4",
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
        "AZURE_AUTHORITY_HOST": AUTHORITY,
    }.items():
        monkeypatch.setenv(name, value)
    transport = service()

    assert await ask(WorkloadIdentity(client_id="client-5"), transport) == "t0ken"

    (request,) = transport.requests
    assert request.url == f"{AUTHORITY}/tenant-4/oauth2/v2.0/token"
    assert (form(request)["client_assertion"], form(request)["client_id"]) == ("federated", "client-5")


async def test_workload_identity_that_is_not_there() -> None:
    with pytest.raises(KeyVaultError) as caught:
        await ask(WorkloadIdentity(), service())

    assert (caught.value.kind, caught.value.code) == (
        KeyVaultErrorKind.AUTHENTICATION_FAILED,
        "WorkloadIdentityMissing",
    )


async def test_default_identity_does_not_start_developers_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "create_subprocess_exec", _must_not_run)
    transport = service(OSError("no metadata service"))

    with pytest.raises(KeyVaultError) as caught:
        await ask(DefaultIdentity(), transport)

    assert caught.value.kind is KeyVaultErrorKind.AUTHENTICATION_FAILED
    assert links(DefaultIdentity()) <= {
        "EnvironmentCredential",
        "WorkloadIdentityCredential",
        "AsyncFailedDACCredential",  # the place of workload identity where it is not set up
        "ManagedIdentityCredential",
    }


def links(config: DefaultIdentity) -> set[str]:
    """Parts of the chain that the SDK makes of our options."""
    source = _build_source(config, service(), os.environ)
    return {type(part).__name__ for part in source.credentials}  # type: ignore[attr-defined]


def _must_not_run(*_: object, **__: object) -> None:
    pytest.fail("a developers' tool was started")


def test_the_variable_of_the_sdk_decides_over_our_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")

    assert "AzureCliCredential" in links(DefaultIdentity())


REFUSALS = [
    (
        "wrong secret",
        401,
        {"error": "invalid_client", "error_description": f"AADSTS7000215: {TENANT_TEXT}"},
        False,
    ),
    ("busy", 429, {"error": "busy", "error_description": TENANT_TEXT}, True),
    ("failing", 500, {"error": "server_error", "error_description": TENANT_TEXT}, True),
]


@pytest.mark.parametrize(
    ("status", "body", "retryable"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
async def test_refusals_tell_codes_only(
    status: int, body: dict[str, str], retryable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    quiet_azure_loggers()
    with pytest.raises(KeyVaultError) as caught:
        await ask(PRINCIPAL, service(answer(body, status, Content_Type="application/json")))

    assert caught.value.retryable is retryable
    assert "oid" not in str(caught.value)
    assert "oid" not in caplog.text


async def test_no_secret_in_the_identity() -> None:
    assert "s3cr3t" not in repr(PRINCIPAL)


def test_loggers_that_somebody_set_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    azure, identity = logging.getLogger("azure"), logging.getLogger("azure.identity")
    monkeypatch.setattr(azure, "level", logging.INFO)
    monkeypatch.setattr(identity, "level", logging.NOTSET)

    quiet_azure_loggers()

    assert azure.level == logging.INFO
    assert identity.level == logging.ERROR


def form(request: HttpRequest) -> dict[str, str]:
    data = getattr(request, "content", None) or request.data
    return dict(data) if isinstance(data, dict) else {k: v[0] for k, v in parse_qs(data).items()}


def query(request: HttpRequest) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
