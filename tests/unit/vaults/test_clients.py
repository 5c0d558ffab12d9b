"""From a KeyVault's spec to a client, without a word to Azure."""

import asyncio
import base64
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from tests.unit.vaults.stage import FakeClock
from vaultbind.api.keyvault import (
    Auth,
    DefaultAuth,
    KeyVaultSpec,
    ManagedIdentityAuth,
    SecretKeyRef,
    ServicePrincipalAuth,
    WorkloadIdentityAuth,
)
from vaultbind.keyvault import (
    ClientCertificateIdentity,
    ClientSecretIdentity,
    CredentialConfig,
    DefaultIdentity,
    KeyVaultError,
    KeyVaultErrorKind,
    ManagedIdentity,
    WorkloadIdentity,
)
from vaultbind.keyvault.observer import NullObserver, Observer
from vaultbind.keyvault.transport import auth as credentials
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import Resource
from vaultbind.vaults import clients as module
from vaultbind.vaults import identity
from vaultbind.vaults.clients import VaultClients
from vaultbind.vaults.fence import FencedTransport

URL = "https://shop.vault.azure.net"
PRINCIPAL = ServicePrincipalAuth(
    client_id="client", tenant_id="tenant", secret_ref=SecretKeyRef(namespace="n", name="s", key="k")
)


class FakeKube:
    """Has one Secret at most."""

    def __init__(self, data: Mapping[str, str] | None = None, error: KubeErrorKind | None = None) -> None:
        self.data = data
        self.error = error
        self.asked: list[tuple[str, str, str]] = []

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        self.asked.append((resource.plural, namespace, name))
        if self.error is not None:
            raise KubeError(self.error, message="text of the API server")
        return {"data": self.data} if self.data is not None else {}


class Nobody:
    def of(self, vault: str) -> Observer:
        return NullObserver()


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


def clients_of(kube: FakeKube | None = None) -> VaultClients:
    return VaultClients(kube=cast("KubeClient", kube or FakeKube()), observers=Nobody(), clock=FakeClock())


def spec(auth: Auth, **fields: Any) -> KeyVaultSpec:
    return KeyVaultSpec(url=URL, auth=auth, **fields)


@pytest.fixture
def identities(monkeypatch: pytest.MonkeyPatch) -> list[CredentialConfig]:
    """What credentials were built for."""
    built: list[CredentialConfig] = []
    build = credentials.build_credential

    def note(config: CredentialConfig, **options: Any) -> Any:
        built.append(config)
        return build(config, **options)

    monkeypatch.setattr("vaultbind.keyvault.assembly.build_credential", note)
    return built


AUTHS: dict[str, tuple[Auth, CredentialConfig]] = {
    "default": (DefaultAuth(), DefaultIdentity(authority_host="https://a")),
    "managed": (ManagedIdentityAuth(client_id="c"), ManagedIdentity(client_id="c")),
    "managed by resource": (ManagedIdentityAuth(resource_id="r"), ManagedIdentity(resource_id="r")),
    "workload": (
        WorkloadIdentityAuth(client_id="c", tenant_id="t"),
        WorkloadIdentity(client_id="c", tenant_id="t", authority_host="https://a"),
    ),
}


@pytest.mark.parametrize(("auth", "identity"), AUTHS.values(), ids=AUTHS.keys())
async def test_identities_of_the_process_are_shared(
    auth: Auth, identity: CredentialConfig, identities: list[CredentialConfig]
) -> None:
    clients = clients_of()
    _ = await clients.make(spec(auth, authority_host="https://a"))
    _ = await clients.make(
        KeyVaultSpec(url="https://bank.vault.azure.net", auth=auth, authority_host="https://a")
    )
    assert identities == [identity]
    _ = await clients.make(spec(auth, authority_host="https://a", ca_bundle="pem"))
    assert identities == [identity, identity], "tokens are asked for over connections of that trust"
    await clients.aclose()


async def test_a_client_secret_is_read_for_each_client(identities: list[CredentialConfig]) -> None:
    kube = FakeKube({"k": encoded(b" hunter2\n")})
    clients = clients_of(kube)
    _ = await clients.make(spec(PRINCIPAL, authority_host="https://a"))
    kube.data = {"k": encoded(b"hunter3")}
    _ = await clients.make(spec(PRINCIPAL))
    assert kube.asked == [("secrets", "n", "s")] * 2
    found = [item for item in identities if isinstance(item, ClientSecretIdentity)]
    assert [item.client_secret.expose_secret() for item in found] == ["hunter2", "hunter3"]
    assert [(item.tenant_id, item.client_id, item.authority_host) for item in found] == [
        ("tenant", "client", "https://a"),
        ("tenant", "client", ""),
    ]
    await clients.aclose()


UNUSABLE = {
    "no Secret": (FakeKube(error=KubeErrorKind.NOT_FOUND), "cannot be read: "),
    "forbidden": (FakeKube(error=KubeErrorKind.FORBIDDEN), "cannot be read: "),
    "no data": (FakeKube(), "is missing or empty"),
    "no such key": (FakeKube({"other": "YQ=="}), "is missing or empty"),
    "empty": (FakeKube({"k": ""}), "is missing or empty"),
    "no text": (FakeKube({"k": encoded(b"\xff\xfe")}), "is no text"),
    "no base64": (FakeKube({"k": "a"}), "is no text"),
}


@pytest.mark.parametrize(("kube", "told"), UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_a_client_secret_that_cannot_be_had_is_named(kube: FakeKube, told: str) -> None:
    with pytest.raises(KeyVaultError) as caught:
        _ = await clients_of(kube).make(spec(PRINCIPAL))
    assert caught.value.kind is KeyVaultErrorKind.AUTHENTICATION_FAILED
    assert caught.value.retryable
    assert f"key k of Secret n/s {told}" in caught.value.detail
    assert "text of the API server" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_client_certificate_is_read_for_its_client(identities: list[CredentialConfig]) -> None:
    ref = SecretKeyRef(namespace="n", name="s", key="k")
    auth = ServicePrincipalAuth(client_id="client", tenant_id="tenant", certificate_ref=ref)
    clients = clients_of(FakeKube({"k": encoded(b"PEM\n")}))
    _ = await clients.make(spec(auth, authority_host="https://a"))
    assert identities == [
        ClientCertificateIdentity(
            tenant_id="tenant", client_id="client", certificate=b"PEM", authority_host="https://a"
        )
    ]
    assert "PEM" not in repr(identities)
    with pytest.raises(KeyVaultError, match="ClientCertificateMissing"):
        _ = await clients_of(FakeKube()).make(spec(auth))
    await clients.aclose()


async def test_limits_of_the_spec_reach_the_client() -> None:
    clients = clients_of()
    client = await clients.make(spec(DefaultAuth(), requests_per_second=3.0, burst=7))
    assert (client.config.requests_per_second, client.config.burst) == (3.0, 7)
    assert client.config.verify_challenge_resource
    assert client.vault_url.rstrip("/") == URL
    await clients.aclose()


async def test_connections_are_shared_by_what_they_trust() -> None:
    opened: list[str | None] = []
    closed: list[str | None] = []

    class Transport(FencedTransport):
        def __init__(self, may_ask: Callable[[], bool], *, ca_pem: str | None = None) -> None:
            super().__init__(may_ask, ca_pem=ca_pem)
            opened.append(ca_pem)
            self.trusts = ca_pem

        async def aclose(self) -> None:
            closed.append(self.trusts)

    clients = VaultClients(kube=cast("KubeClient", FakeKube()), observers=Nobody(), open_transport=Transport)
    for bundle in ("", "pem", "", "pem"):
        _ = await clients.make(spec(DefaultAuth(), ca_bundle=bundle))
    assert opened == [None, "pem"]
    await clients.aclose()
    await clients.aclose()
    assert closed == [None, "pem"]


async def test_connections_of_a_bundle_end_with_their_last_client() -> None:
    closed: list[str | None] = []

    class Transport(FencedTransport):
        def __init__(self, may_ask: Callable[[], bool], *, ca_pem: str | None = None) -> None:
            super().__init__(may_ask, ca_pem=ca_pem)
            self.trusts = ca_pem

        async def aclose(self) -> None:
            closed.append(self.trusts)

    clients = VaultClients(kube=cast("KubeClient", FakeKube()), observers=Nobody(), open_transport=Transport)
    first, second, plain = [await clients.make(spec(DefaultAuth(), ca_bundle=pem)) for pem in ("p", "p", "")]
    for client in (first, first, plain):
        await client.aclose()
    assert closed == [], "given back twice is given back once, and the system's trust stays"
    await second.aclose()
    assert closed == ["p"]
    kube = FakeKube(error=KubeErrorKind.NOT_FOUND)
    clients = VaultClients(kube=cast("KubeClient", kube), observers=Nobody(), open_transport=Transport)
    with pytest.raises(KeyVaultError):
        _ = await clients.make(spec(PRINCIPAL, ca_bundle="q"))
    assert closed == ["p", "q"], "what was lent to a client that could not be made"
    await clients.aclose()


@pytest.mark.parametrize("fails", [False, True])
async def test_the_trust_of_the_system_is_read_before_it_is_needed(fails: bool) -> None:
    made: list[str | None] = []
    opened: list[str | None] = []

    class Transport(FencedTransport):
        def __init__(self, may_ask: Callable[[], bool], *, ca_pem: str | None = None) -> None:
            super().__init__(may_ask, ca_pem=ca_pem)
            made.append(ca_pem)

        async def open(self) -> None:
            opened.append(made[-1])
            if fails:
                raise KeyVaultError(KeyVaultErrorKind.CONFIGURATION)

    clients = VaultClients(kube=cast("KubeClient", FakeKube()), observers=Nobody(), open_transport=Transport)
    await clients.warm()
    assert opened == [None]
    _ = await clients.make(spec(DefaultAuth()))
    assert made == [None], "those who trust the system use what was opened"
    await clients.aclose()


async def test_the_client_goes_by_the_clock_of_the_operator() -> None:
    clock = FakeClock()
    time = module._ClientTime(clock)
    assert (time.monotonic(), time.time()) == (clock.monotonic(), clock.now().timestamp())
    clock.seconds += 5
    assert (time.monotonic(), time.time()) == (clock.monotonic(), clock.now().timestamp())
    async with asyncio.timeout(60):
        await time.sleep(0)


def test_a_service_principal_is_never_ambient() -> None:
    with pytest.raises(TypeError, match="not ambient"):
        identity._ambient_identity(spec(PRINCIPAL))


def test_the_code_of_identities_is_not_loaded_at_the_start() -> None:
    """`VaultClients.warm` loads it beside the loop."""
    code = "import sys, vaultbind.app.operator; sys.exit('azure.identity' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
