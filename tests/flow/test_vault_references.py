"""KeyVaults that name objects of the cluster: whom to trust and who asks, read by reference and again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.flow.test_keyvaults import BROKEN_BUNDLE, DATA, TENANT, principals, tokens, told, works
from tests.flow.world import World
from tests.flow.world_cluster import encode
from tools.realcluster.rules import rules
from vaultbind.emulator.assertions import parse_assertion
from vaultbind.emulator.clients import Client, certificates_by_thumbprint, parse_client
from vaultbind.emulator.tls import new_authority
from vaultbind.kube.resources import (
    CLUSTER_KEY_VAULTS,
    CONFIG_MAPS,
    KEY_VAULTS,
    SECRETS,
    SERVICE_ACCOUNTS,
    Resource,
)
from vaultbind.sandbox.faults import Fault as ClusterFault
from vaultbind.settings import DriftDetection

KINDS = {"ConfigMap": CONFIG_MAPS, "Secret": SECRETS}
each_kind = pytest.mark.parametrize("kind", KINDS)


def data_of(resource: Resource, **values: str) -> dict[str, str]:
    """Data of a ConfigMap or Secret."""
    return encode(**values) if resource is SECRETS else values


def bundle_spec(world: World, kind: str = "ConfigMap", **spec: Any) -> dict[str, Any]:
    """A ClusterKeyVault that trusts what a reference leads to."""
    ref = {"kind": kind, "namespace": world.namespace, "name": "company", "key": "ca"}
    whole = world.vault_spec(caBundleRef=ref, **spec)
    del whole["caBundle"]
    return whole


def stranger() -> str:
    """Certificate of an authority that has nothing to do with the vault's."""
    return new_authority(datetime.now(UTC)).pem()


# -- whom to trust -----------------------------------------------------------------------------------


@each_kind
async def test_a_bundle_by_reference_is_trusted(world: World, kind: str) -> None:
    resource = KINDS[kind]
    await world.create(resource, "company", data=data_of(resource, ca=stranger() + world.emulator.ca_pem))
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=bundle_spec(world, kind))
    await told(world, "Connected")
    await works(world)


@each_kind
async def test_a_changed_bundle_arrives_with_the_next_look(world: World, kind: str) -> None:
    resource = KINDS[kind]
    await world.create(resource, "company", data=data_of(resource, ca=world.emulator.ca_pem))
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=bundle_spec(world, kind))
    await told(world, "Connected")
    await works(world)
    await world.patch(resource, "company", {"data": data_of(resource, ca=stranger())})
    await world.next_look()
    message = await told(world, "Unauthorized")
    assert "TokenEndpointUnreachable" in message, "the emulator is also who gives tokens"
    assert await world.secret("app") == {"a": b"1"}
    await world.patch(resource, "company", {"data": data_of(resource, ca=world.emulator.ca_pem)})
    await world.advance(400)
    await told(world, "Connected")
    pools = world.life.operator.clients._connections._pools
    assert set(pools) <= {"", world.emulator.ca_pem}, "nobody holds connections of a trust that is gone"


async def test_a_bundle_that_stays_costs_a_look_at_its_metadata_and_nothing_else(world: World) -> None:
    await world.create(CONFIG_MAPS, "company", data={"ca": world.emulator.ca_pem})
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=bundle_spec(world))
    await told(world, "Connected")
    await works(world)
    await world.calm()
    for _ in range(3):
        await world.next_look()
    spent = await world.spent()
    assert (spent.writes, spent.vault) == ([], ["secrets.list"] * 3)
    assert [call for call in world.calls[-3:] if call.resource is CONFIG_MAPS], "looked at"


@each_kind
async def test_a_bundle_that_is_missing_is_named_and_found_when_it_comes(world: World, kind: str) -> None:
    resource = KINDS[kind]
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=bundle_spec(world, kind))
    message = await told(world, "CaBundleNotFound")
    assert f"key ca of {kind} {world.namespace}/company cannot be read: not found" in message
    assert "correct spec.caBundleRef" in message
    await world.bind("app", data=DATA)
    assert "CaBundleNotFound" in await world.told("app", "KeyVaultNotReady")
    await world.create(resource, "company", data=data_of(resource, other="x"))
    await world.advance(400)
    assert "is missing or empty" in await told(world, "CaBundleNotFound")
    world.seed.set_secret("a", "1")
    await world.patch(resource, "company", {"data": data_of(resource, ca=world.emulator.ca_pem)})
    await world.advance(400)
    await told(world, "Connected")
    await world.ready("app")
    await world.delete(resource, "company")
    await world.next_look()
    await told(world, "CaBundleNotFound")
    assert await world.secret("app") == {"a": b"1"}


HIDDEN = "hunter2"
UNUSABLE = {
    "no certificate": (HIDDEN, "must hold at least one PEM certificate"),
    "a private key": (
        f"{BROKEN_BUNDLE}-----BEGIN PRIVATE KEY-----\n{HIDDEN}\n-----END PRIVATE KEY-----\n",
        "must not hold a private key",
    ),
    "damaged": (f"{BROKEN_BUNDLE}{HIDDEN}", "its certificates cannot be read"),
}


@pytest.mark.parametrize(("content", "problem"), UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_a_bundle_of_no_use_is_told_without_what_it_holds(
    world: World, content: str, problem: str
) -> None:
    await world.create(SECRETS, "company", data=encode(ca=content))
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=bundle_spec(world, "Secret"))
    message = await told(world, "CaBundleInvalid")
    assert problem in message
    assert HIDDEN not in message
    assert not any(HIDDEN in line for line in world.log.lines)
    assert list(world.emulator.stats.recent()) == []
    await world.patch(SECRETS, "company", {"data": encode(ca=world.emulator.ca_pem)})
    await world.advance(400)
    await told(world, "Connected")


# -- who asks: a client certificate ------------------------------------------------------------------


@cache
def application(number: int) -> tuple[str, str]:
    """Certificate of an application, alone and with its key (PEM); one for each number."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"application {number}")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
    builder = builder.serial_number(number).not_valid_before(now - timedelta(days=1))
    certificate = builder.not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    pem = certificate.public_bytes(Encoding.PEM).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, private + pem


def register(world: World, *numbers: int) -> None:
    """Let Entra know the application by these certificates, and by no others."""
    certificates = certificates_by_thumbprint("".join(application(number)[0] for number in numbers))
    world.emulator._identity.clients[TENANT] = Client(certificates=certificates)


def certificate_spec(world: World, **ref: str) -> dict[str, Any]:
    reference = {"name": "application", "key": "pem", **ref}
    auth = {"clientId": TENANT, "tenantId": TENANT, "certificateRef": reference}
    spec = world.vault_spec(auth={"servicePrincipal": auth}, authorityHost=world.emulator.authority_host)
    if "namespace" not in ref:
        del spec["access"]
    return spec


async def test_a_client_certificate(world: World) -> None:
    register(world, 1)
    await world.create(SECRETS, "application", data=encode(pem=application(1)[1]))
    await world.create(KEY_VAULTS, "near", spec=certificate_spec(world))
    await told(world, "Connected", KEY_VAULTS, "near")
    spec = certificate_spec(world, namespace=world.namespace)
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=spec)
    await told(world, "Connected")
    await works(world)
    assert principals(world) == {TENANT}
    assert set(tokens(world)) == {"token.assertion"}


async def test_a_renewed_certificate_is_used_with_the_next_look(world: World) -> None:
    """While the old one is still good: nobody has to be refused first."""
    register(world, 1, 2)
    await world.create(SECRETS, "application", data=encode(pem=application(1)[1]))
    await world.create(KEY_VAULTS, "near", spec=certificate_spec(world))
    await told(world, "Connected", KEY_VAULTS, "near")
    await world.patch(SECRETS, "application", {"data": encode(pem=application(2)[1])})
    await world.next_look()
    register(world, 2)
    await world.advance(3500)  # the token of the old one would have to be renewed now
    await told(world, "Connected", KEY_VAULTS, "near")
    assert [entry.outcome for entry in world.emulator.stats.recent() if entry.outcome == "400"] == []
    assert len(tokens(world)) >= 2


WRONG = {
    "not known to Entra": (lambda: application(2)[1], "AADSTS700027"),
    "no key": (lambda: application(1)[0], "the client certificate or its password is not usable"),
    "nonsense": (lambda: HIDDEN, "the client certificate or its password is not usable"),
    "empty": (lambda: "", "is missing or empty"),
}


@pytest.mark.parametrize(("content", "problem"), WRONG.values(), ids=WRONG.keys())
async def test_a_certificate_that_cannot_be_used_is_told_and_the_right_one_taken(
    world: World, content: Callable[[], str], problem: str
) -> None:
    register(world, 1)
    await world.create(SECRETS, "application", data=encode(pem=content()))
    await world.create(KEY_VAULTS, "near", spec=certificate_spec(world))
    message = await told(world, "Unauthorized", KEY_VAULTS, "near")
    assert problem in message
    key = application(2)[1].splitlines()[3]
    assert not any(word in line for word in (HIDDEN, key) for line in [message, *world.log.lines])
    await world.patch(SECRETS, "application", {"data": encode(pem=application(1)[1])})
    await world.advance(400)
    await told(world, "Connected", KEY_VAULTS, "near")


# -- who asks: a ServiceAccount ----------------------------------------------------------------------


async def federate(world: World, account: str = "web") -> None:
    """Let Entra trust this cluster for a ServiceAccount, by the cluster's own keys."""
    parts = await probe(world)
    jwks = await world.cluster.request("GET", "/openid/v1/jwks", accept="application/jwk-set+json")
    subject = f"system:serviceaccount:{world.namespace}:{account}"
    problems: list[str] = []
    federated = [{"issuer": parts["iss"], "subject": subject, "jwks": jwks}]
    world.emulator._identity.clients[TENANT] = parse_client({"federated": federated}, "client", problems)
    assert problems == []


async def probe(world: World) -> dict[str, Any]:
    """Claims of a token that the cluster gives a person."""
    path = SERVICE_ACCOUNTS.path(world.namespace, "web", "token")
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = await world.cluster.request("POST", path, body)
    assertion = parse_assertion(answer["status"]["token"])
    assert assertion is not None
    return dict(assertion.claims)


async def grant_tokens(world: World) -> None:
    """What the chart's rbac.serviceAccountTokens does; the embedded cluster API knows no rights."""
    if world.cluster.sandbox is not None:
        return
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{world.namespace}"
    meta = {"metadata": {"name": "tokens"}}
    await world.cluster.request("POST", f"{path}/roles", {**meta, "rules": rules("tokens")})
    subjects = [
        {"kind": "ServiceAccount", "namespace": "kube-system", "name": f"vaultbind-{drift.lower()}"}
        for drift in DriftDetection
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tokens"}
    await world.cluster.request(
        "POST", f"{path}/rolebindings", {**meta, "roleRef": role, "subjects": subjects}
    )


def account_spec(world: World, **auth: Any) -> dict[str, Any]:
    spec = world.vault_spec(
        auth={"workloadIdentity": {"serviceAccountRef": {"name": "web"}, **auth}},
        authorityHost=world.emulator.authority_host,
    )
    del spec["access"]
    return spec


ANNOTATED = {
    "annotations": {
        "azure.workload.identity/client-id": TENANT,
        "azure.workload.identity/tenant-id": TENANT,
    }
}


async def test_a_service_account(world: World) -> None:
    """Its token is exchanged, by annotations and by the spec's ids, for a KeyVault and for the cluster's."""
    await grant_tokens(world)
    await world.create(SERVICE_ACCOUNTS, "web", metadata=ANNOTATED)
    await federate(world)
    await world.create(KEY_VAULTS, "near", spec=account_spec(world))
    await told(world, "Connected", KEY_VAULTS, "near")
    await world.create(KEY_VAULTS, "named", spec=account_spec(world, clientId=TENANT, tenantId=TENANT))
    await told(world, "Connected", KEY_VAULTS, "named")
    spec = account_spec(world, serviceAccountRef={"namespace": world.namespace, "name": "web"})
    spec["access"] = [{"namespaces": {"all": True}}]
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=spec)
    await told(world, "Connected")
    await works(world)
    assert principals(world) == {TENANT}
    assert set(tokens(world)) == {"token.assertion"}
    assert not any("eyJ" in line for line in world.log.lines)


async def test_a_service_account_that_is_gone_or_stands_for_nobody_is_told(world: World) -> None:
    await grant_tokens(world)
    await world.create(KEY_VAULTS, "near", spec=account_spec(world))
    message = await told(world, "ServiceAccountNotFound", KEY_VAULTS, "near")
    assert f"ServiceAccount {world.namespace}/web" in message
    await world.create(SERVICE_ACCOUNTS, "web")
    await world.advance(400)
    message = await told(world, "ServiceAccountNotAnnotated", KEY_VAULTS, "near")
    assert "azure.workload.identity/client-id is missing" in message
    await federate(world)
    await world.patch(SERVICE_ACCOUNTS, "web", {"metadata": ANNOTATED})
    await world.advance(400)
    await told(world, "Connected", KEY_VAULTS, "near")
    await world.delete(SERVICE_ACCOUNTS, "web")
    await world.next_look()
    await told(world, "ServiceAccountNotFound", KEY_VAULTS, "near")


async def test_another_service_account_is_not_the_one_that_is_trusted(world: World) -> None:
    await grant_tokens(world)
    await world.create(SERVICE_ACCOUNTS, "web", metadata=ANNOTATED)
    await federate(world, "other")
    await world.create(KEY_VAULTS, "near", spec=account_spec(world))
    assert "AADSTS70021" in await told(world, "Unauthorized", KEY_VAULTS, "near")


async def test_without_the_right_the_condition_says_which_and_how_to_grant_it(world: World) -> None:
    """Under the chart's default roles, on the API server that has some."""
    await world.create(SERVICE_ACCOUNTS, "web", metadata=ANNOTATED)
    await federate(world)
    if world.cluster.sandbox is not None:
        fault = ClusterFault(status=403, count=None, resource="serviceaccounts", subresource="token")
        world.sandbox.faults.add(fault)
    await world.create(KEY_VAULTS, "near", spec=account_spec(world))
    message = await told(world, "RightMissing", KEY_VAULTS, "near")
    assert "serviceaccounts" in message
    assert f"rbac.serviceAccountTokens: [{world.namespace}]" in message
    if world.cluster.sandbox is not None:
        world.sandbox.faults.clear()
    await grant_tokens(world)
    await world.advance(400)
    await told(world, "Connected", KEY_VAULTS, "near")
