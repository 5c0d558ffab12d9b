"""The Azure SDK's credentials show who they are, and its clients meet what they may not do."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity.aio import CertificateCredential, ClientAssertionCredential
from azure.keyvault.certificates.aio import CertificateClient
from azure.keyvault.secrets.aio import SecretClient
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.flow.emulator.test_azure_sdk import TENANT, Bench, names, opened, told
from vaultbind.emulator import EmulatorConfig
from vaultbind.emulator.clients import Client, certificates_by_thumbprint, parse_client
from vaultbind.keyvault.simulation import AccessPolicy, Firewall, RoleAssignment
from vaultbind.keyvault.simulation.issuing import issue_chain
from vaultbind.keyvault.simulation.keymaterial import encode, render_public

CLUSTER = ec.generate_private_key(ec.SECP256R1())
APP = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SOON = int(datetime.now(UTC).timestamp()) + 3600
LEAF = issue_chain(["app"], not_before=SOON - 7200, not_after=SOON, key=APP).leaf
SUBJECT = "system:serviceaccount:shop:web"


def clients() -> dict[str, str | Client]:
    jwks = {"keys": [{"kty": "EC", "kid": "cluster", **render_public(CLUSTER)}]}
    federation = {"issuer": "https://cluster.test", "subject": SUBJECT, "jwks": jwks}
    problems: list[str] = []
    workload = parse_client({"federated": [federation]}, "workload", problems)
    assert problems == []
    pem = LEAF.public_bytes(Encoding.PEM).decode()
    return {
        "app": "geheim",
        "signed": Client(certificates=certificates_by_thumbprint(pem)),
        "workload": workload,
    }


def projected(subject: str = SUBJECT) -> str:
    """A ServiceAccount's token as a cluster projects it."""
    header = {"alg": "ES256", "kid": "cluster"}
    claims = {
        "iss": "https://cluster.test",
        "sub": subject,
        "aud": ["api://AzureADTokenExchange"],
        "exp": SOON,
    }
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    r, s = decode_dss_signature(CLUSTER.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with opened(EmulatorConfig(clients=clients())) as made:
        made.shop.set_secret("db", "one")
        yield made


def common(bench: Bench) -> dict[str, Any]:
    return {
        "authority": bench.emulator.authority_host,
        "disable_instance_discovery": True,
        "transport": bench.transport,
    }


def asserting(bench: Bench, text: Callable[[], str], client: str = "workload") -> ClientAssertionCredential:
    return ClientAssertionCredential(TENANT, client, text, **common(bench))


async def test_a_certificate_credential(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "app.pem"
    key = APP.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key + LEAF.public_bytes(Encoding.PEM))
    credential = CertificateCredential(TENANT, "signed", str(file), **common(bench))
    client = await bench.client(SecretClient, credential)
    assert (await client.get_secret("db")).value == "one"
    assert bench.emulator.stats.recent()[-1].principal == "signed"


async def test_a_federated_token(bench: Bench) -> None:
    client = await bench.client(SecretClient, asserting(bench, projected))
    assert (await client.get_secret("db")).value == "one"
    assert bench.emulator.stats.count(operation="token.assertion") == 1


@pytest.mark.parametrize(
    ("client", "text", "number"),
    [
        ("workload", lambda: projected("system:serviceaccount:shop:other"), "AADSTS70021"),
        ("workload", lambda: projected()[:-4] + "AAAA", "AADSTS50013"),
        ("app", projected, "AADSTS700027"),
        ("stranger", projected, "AADSTS700016"),
    ],
    ids=["another subject", "forged", "not for this client", "unknown client"],
)
async def test_a_token_that_stands_for_nobody(
    bench: Bench, client: str, text: Callable[[], str], number: str
) -> None:
    made = await bench.client(SecretClient, asserting(bench, text, client))
    with pytest.raises(ClientAuthenticationError, match=number):
        await made.get_secret("db")


async def test_list_is_forbidden_and_get_is_allowed(bench: Bench) -> None:
    bench.emulator.estate.access.grant(
        RoleAssignment(principal="app", vault="shop", role="Key Vault Secrets User", scope="secrets/db")
    )
    client = await bench.client(SecretClient)
    assert (await client.get_secret("db")).value == "one"
    with pytest.raises(HttpResponseError) as caught:
        await names(client.list_properties_of_secrets())
    assert told(caught.value) == (403, "ForbiddenByRbac")
    with pytest.raises(HttpResponseError) as caught:
        await client.set_secret("db", "two")
    assert told(caught.value) == (403, "ForbiddenByRbac")


async def test_a_policy_for_certificates_says_nothing_about_their_secrets(bench: Bench) -> None:
    bench.shop.issue_certificate("tls", ["a.test"])
    bench.emulator.estate.access.grant(
        AccessPolicy(principal="app", vault="shop", permissions={"certificates": frozenset({"get", "list"})})
    )
    certificates = await bench.client(CertificateClient)
    assert (await certificates.get_certificate("tls")).name == "tls"
    assert await names(certificates.list_properties_of_certificates()) == ["tls"]
    secrets = await bench.client(SecretClient)
    with pytest.raises(HttpResponseError) as caught:
        await secrets.get_secret("tls")
    assert told(caught.value) == (403, "ForbiddenByPolicy")


async def test_a_firewall_refuses_this_machine_by_its_address(bench: Bench) -> None:
    client = await bench.client(SecretClient)
    bench.emulator.estate.access.set_firewall("shop", Firewall(allowed=("10.0.0.0/8",)))
    with pytest.raises(HttpResponseError, match=r"Client address: 127\.0\.0\.1") as caught:
        await client.get_secret("db")
    assert told(caught.value) == (403, "ForbiddenByFirewall")
    bench.emulator.estate.access.set_firewall("shop", Firewall(allowed=("127.0.0.0/8",)))
    assert (await client.get_secret("db")).value == "one"


async def test_a_revoked_session_goes_on_with_a_newer_token(bench: Bench) -> None:
    client = await bench.client(SecretClient)
    await client.get_secret("db")
    bench.emulator.estate.sessions.revoke("app", int(datetime.now(UTC).timestamp()))
    assert (await client.get_secret("db")).value == "one"
    assert bench.emulator.stats.count(operation="token.clientSecret") == 2
    await client.get_secret("db")
    assert bench.emulator.stats.count(operation="token.clientSecret") == 2
