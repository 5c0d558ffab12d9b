"""The Azure SDK's own clients and credentials against the emulator: real HTTPS, challenge verification on."""

import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)
from azure.keyvault.certificates import CertificateContentType, CertificatePolicy
from azure.keyvault.certificates.aio import CertificateClient
from azure.keyvault.keys import JsonWebKey, KeyCurveName
from azure.keyvault.keys.aio import KeyClient
from azure.keyvault.secrets.aio import SecretClient
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from vaultbind.emulator import Emulator, EmulatorConfig
from vaultbind.keyvault.simulation import Denial, Ending, Fault

TENANT = "00000000-0000-0000-0000-00000000cafe"
Credential = (
    ClientSecretCredential | ManagedIdentityCredential | ClientAssertionCredential | CertificateCredential
)


class Loopback(AbstractResolver):
    """Resolves every *.localhost to the loopback address, as RFC 6761 says."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        return await DefaultResolver().resolve("127.0.0.1", port, socket.AF_INET)

    async def close(self) -> None:
        pass


class Bench:
    """An emulator, one transport to it, and clients made on demand."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.emulator = emulator
        self.session = session
        self.transport = AioHttpTransport(session=session, session_owner=False)
        self.stack = stack
        self.shop = emulator.driver("shop")

    def credential(self, client: str = "app", secret: str = "geheim") -> ClientSecretCredential:
        return ClientSecretCredential(
            TENANT,
            client,
            secret,
            authority=self.emulator.authority_host,
            disable_instance_discovery=True,
            transport=self.transport,
            retry_total=0,
        )

    async def client(self, kind: type, credential: Credential | None = None, **options: Any) -> Any:
        used: Any = await self.stack.enter_async_context(credential or self.credential())
        made = kind(
            self.emulator.vault_url("shop"), used, transport=self.transport, retry_backoff_factor=0, **options
        )
        return await self.stack.enter_async_context(made)


@asynccontextmanager
async def opened(config: EmulatorConfig) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator.start(config))
        context = ssl.create_default_context(cadata=emulator.ca_pem)
        connector = aiohttp.TCPConnector(ssl=context, resolver=Loopback())
        session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        await stack.enter_async_context(session)
        yield Bench(emulator, session, stack)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    config = EmulatorConfig(clients={"app": "geheim", "reader": "geheim"}, identity_header="header")
    async with opened(config) as made:
        yield made


def told(error: HttpResponseError) -> tuple[int | None, str]:
    """Status and innermost code of an error."""
    assert error.error is not None
    inner: Any = error.error.innererror or {}
    return error.status_code, str(inner.get("code") or error.error.code)


async def names(pages: AsyncIterable[Any]) -> list[str]:
    return [item.name async for item in pages]


async def test_secrets_from_writing_to_purging(bench: Bench) -> None:
    client = await bench.client(SecretClient)
    first = await client.set_secret("db", "one", tags={"a": "b"}, content_type="text/plain")
    second = await client.set_secret("db", "two")
    assert (await client.get_secret("db")).value == "two"
    old = await client.get_secret("db", first.properties.version)
    assert (old.value, old.properties.tags, old.properties.content_type) == ("one", {"a": "b"}, "text/plain")
    found = {item.version async for item in client.list_properties_of_secret_versions("db")}
    assert found == {first.properties.version, second.properties.version}
    changed = await client.update_secret_properties("db", content_type="text/html")
    assert changed.content_type == "text/html"
    await client.delete_secret("db")
    with pytest.raises(ResourceNotFoundError):
        await client.get_secret("db")
    with pytest.raises(ResourceExistsError) as caught:
        await client.set_secret("db", "x")
    assert told(caught.value) == (409, "ObjectIsDeletedButRecoverable")
    assert await names(client.list_deleted_secrets()) == ["db"]
    await client.recover_deleted_secret("db")
    assert (await client.get_secret("db")).value == "two"
    await client.delete_secret("db")
    await client.purge_deleted_secret("db")
    assert await names(client.list_deleted_secrets()) == []


async def test_keys_from_making_to_recovering(bench: Bench) -> None:
    client = await bench.client(KeyClient)
    made = await client.create_ec_key("sign", curve=KeyCurveName.p_384, tags={"a": "b"})
    read = await client.get_key("sign")
    assert (read.id, read.key.crv, read.key.x) == (made.id, "P-384", made.key.x)
    assert read.key.d is None
    rsa = await client.create_rsa_key("wrap", size=2048)
    imported = await client.create_ec_key("other")
    assert set(rsa.key_operations) == {"encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"}
    assert await names(client.list_properties_of_keys()) == ["other", "sign", "wrap"]
    updated = await client.update_key_properties("sign", enabled=False)
    assert updated.properties.enabled is False
    await client.create_ec_key("sign")
    assert len([item async for item in client.list_properties_of_key_versions("sign")]) == 2
    await client.delete_key("other")
    assert (await client.get_deleted_key("other")).id == imported.id
    await client.recover_deleted_key("other")
    assert (await client.get_key("other")).id == imported.id


async def test_certificates_made_imported_and_deleted(bench: Bench) -> None:
    client = await bench.client(CertificateClient)
    policy = CertificatePolicy(
        "Self", subject="CN=a.test", key_type="EC", key_curve_name="P-256", san_dns_names=["a.test"]
    )
    made = await client.create_certificate("made", policy)
    leaf = x509.load_der_x509_certificate(bytes(made.cer))
    assert leaf.subject.rfc4514_string() == "CN=a.test"
    assert made.policy.san_dns_names == ["a.test"]
    chain = bench.shop.issue_certificate("source", ["b.test"], content_type="application/x-pem-file")
    pem = bench.shop.vault.secrets.get("source").value.encode()
    imported = await client.import_certificate(
        "imported", pem, policy=CertificatePolicy("Unknown", content_type=CertificateContentType.pem)
    )
    assert x509.load_der_x509_certificate(bytes(imported.cer)) == chain.leaf
    assert await names(client.list_properties_of_certificates()) == ["imported", "made", "source"]
    assert len([item async for item in client.list_properties_of_certificate_versions("made")]) == 1
    updated = await client.update_certificate_properties("made", tags={"a": "b"})
    assert updated.properties.tags == {"a": "b"}
    secrets = await bench.client(SecretClient)
    assert (await secrets.get_secret("imported")).value == pem.decode()
    await client.delete_certificate("made")
    with pytest.raises(ResourceNotFoundError):
        await client.get_certificate("made")


async def test_an_imported_key_is_the_same_key(bench: Bench) -> None:
    private = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    numbers = {"x": private.public_numbers.x, "y": private.public_numbers.y, "d": private.private_value}
    octets = {name: number.to_bytes(32, "big") for name, number in numbers.items()}
    client = await bench.client(KeyClient)
    jwk = JsonWebKey(kty="EC", crv="P-256", key_ops=["sign"], **octets)
    imported = await client.import_key("mine", jwk, enabled=False)
    read = await client.get_key("mine")
    assert (read.key.x, read.key.y, read.key.d) == (octets["x"], octets["y"], None)
    assert (read.key_operations, imported.properties.enabled) == (["sign"], False)


async def test_policy_operation_and_recovery_of_a_certificate(bench: Bench) -> None:
    client = await bench.client(CertificateClient)
    policy = CertificatePolicy("Self", subject="CN=a.test", key_type="EC", key_curve_name="P-256")
    made = await client.create_certificate("made", policy)
    assert (await client.get_certificate_operation("made")).status == "completed"
    await client.delete_certificate_operation("made")
    with pytest.raises(ResourceNotFoundError):
        await client.get_certificate_operation("made")
    read = await client.get_certificate_policy("made")
    assert (read.subject, read.key_curve_name, read.issuer_name) == ("CN=a.test", "P-256", "Self")
    changed = CertificatePolicy("Self", subject="CN=b.test", validity_in_months=3)
    assert (await client.update_certificate_policy("made", changed)).validity_in_months == 3
    assert (await client.get_certificate_policy("made")).subject == "CN=b.test"
    await client.delete_certificate("made")
    assert await names(client.list_deleted_certificates()) == ["made"]
    await client.recover_deleted_certificate("made")
    assert (await client.get_certificate("made")).cer == made.cer


async def test_faults_spare_token_requests_unless_they_mean_them(bench: Bench) -> None:
    bench.shop.set_secret("db", "one")
    bench.emulator.faults.add(Fault(status=503, count=1))
    assert (await bench.credential().get_token("https://vault.azure.net/.default")).token
    bench.emulator.faults.clear()
    bench.emulator.faults.add(Fault(route="/{tenant}/oauth2/v2.0/token", status=503, before_auth=True))
    client = await bench.client(SecretClient, retry_total=0)
    with pytest.raises(ClientAuthenticationError):
        await client.get_secret("db")
    assert bench.emulator.stats.count(operation="token.clientSecret", outcome="503") >= 1


async def test_sixty_secrets_take_three_list_requests(bench: Bench) -> None:
    for number in range(60):
        bench.shop.set_secret(f"s{number:02}", "x")
    client = await bench.client(SecretClient)
    assert await names(client.list_properties_of_secrets()) == [f"s{number:02}" for number in range(60)]
    assert bench.emulator.stats.count(vault="shop", operation="secrets.list", outcome="200") == 3


async def test_empty_and_short_pages_lose_nothing() -> None:
    async with opened(EmulatorConfig(page_sizes=(0, 2, 25))) as bench:
        for number in range(40):
            bench.shop.set_secret(f"s{number:02}", "x")
        client = await bench.client(SecretClient)
        assert len(await names(client.list_properties_of_secrets())) == 40


async def test_a_managed_identity_of_app_service(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.shop.set_secret("db", "one")
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{bench.emulator.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    credential = ManagedIdentityCredential(client_id="mine", transport=bench.transport)
    client = await bench.client(SecretClient, credential)
    assert (await client.get_secret("db")).value == "one"
    assert bench.emulator.stats.recent()[-1].principal == "mine"


async def test_a_wrong_client_secret_is_refused(bench: Bench) -> None:
    client = await bench.client(SecretClient, bench.credential(secret="falsch"))
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        await client.get_secret("db")


async def test_a_token_for_another_vault_suffix_is_refused(bench: Bench) -> None:
    bench.shop.set_secret("db", "one")
    token = await bench.credential().get_token("https://vault.azure.net/.default")
    headers = {"Authorization": f"Bearer {token.token}"}
    url = f"{bench.emulator.vault_url('shop')}/secrets/db?api-version=7.4"
    async with bench.session.get(url, headers=headers) as response:
        assert response.status == 401
        assert "AKV10022" in await response.text()


async def test_list_forbidden_get_allowed(bench: Bench) -> None:
    bench.shop.set_secret("db", "one")
    bench.emulator.estate.access.deny(Denial(principal="reader", kind="secrets", action="list"))
    client = await bench.client(SecretClient, bench.credential("reader"))
    with pytest.raises(HttpResponseError) as caught:
        await names(client.list_properties_of_secrets())
    assert told(caught.value) == (403, "ForbiddenByRbac")
    assert (await client.get_secret("db")).value == "one"


async def test_a_disabled_secret_is_forbidden(bench: Bench) -> None:
    bench.shop.set_secret("db", "one", enabled=False)
    client = await bench.client(SecretClient)
    with pytest.raises(HttpResponseError) as caught:
        await client.get_secret("db")
    assert told(caught.value) == (403, "SecretDisabled")


async def test_throttling_without_retry_after_is_retried_by_the_sdk(bench: Bench) -> None:
    bench.shop.set_secret("db", "one")
    bench.emulator.faults.add(Fault(vault="shop", status=429, count=2))
    client = await bench.client(SecretClient)
    assert (await client.get_secret("db")).value == "one"
    assert bench.emulator.stats.count(vault="shop", outcome="429") == 2


async def test_endless_throttling_arrives_without_retry_after(bench: Bench) -> None:
    bench.emulator.faults.add(Fault(vault="shop", status=429))
    client = await bench.client(SecretClient, retry_total=0)
    with pytest.raises(HttpResponseError) as caught:
        await client.get_secret("db")
    assert told(caught.value) == (429, "Throttled")
    response: Any = caught.value.response
    assert "Retry-After" not in response.headers


async def test_a_connection_cut_in_the_body(bench: Bench) -> None:
    bench.shop.set_secret("db", "one")
    client = await bench.client(SecretClient, retry_total=0)
    assert (await client.get_secret("db")).value == "one"
    bench.emulator.faults.add(Fault(vault="shop", ending=Ending.CUT, count=1))
    with pytest.raises(IncompleteReadError):
        await client.get_secret("db")
    assert (await client.get_secret("db")).value == "one"


async def test_refused_connections_end_without_an_answer(bench: Bench) -> None:
    url = f"{bench.emulator.vault_url('shop')}/secrets?api-version=7.4"
    bench.emulator.faults.add(Fault(vault="shop", ending=Ending.REFUSED, count=2, before_auth=True))
    with pytest.raises(aiohttp.ClientError):  # after aiohttp's own second try
        await bench.session.get(url)
    assert bench.emulator.stats.count(vault="shop", outcome="refused") == 2
    async with bench.session.get(url) as response:
        assert response.status == 401


async def test_control_over_https(bench: Bench) -> None:
    session, url = bench.session, bench.emulator.url
    async with session.post(f"{url}/_vaultbind/faults", json={"status": 503, "beforeAuth": True}) as response:
        assert response.status == 201
    async with session.get(f"{bench.emulator.vault_url('shop')}/secrets?api-version=7.4") as response:
        assert response.status == 503
    async with session.delete(f"{url}/_vaultbind/faults") as response:
        assert await response.json() == {"cleared": 1}
    async with session.get(f"{url}/_vaultbind/stats") as response:
        stats = await response.json()
    assert stats["operations"] == {"secrets.list": 1}
    row = {
        "vault": "shop",
        "method": "GET",
        "route": "/secrets",
        "operation": "secrets.list",
        "status": "503",
    }
    assert stats["requests"] == [{**row, "count": 1}]
    async with session.delete(f"{url}/_vaultbind/stats") as response:
        assert response.status == 204
    assert bench.emulator.stats.count() == 0
