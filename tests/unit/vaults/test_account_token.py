"""Tokens of ServiceAccounts: asked for once, kept until shortly before their end, shared by nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.unit.vaults.stage import URL, FakeClock
from vaultbind.api.conditions import Reason
from vaultbind.api.keyvault import KeyVaultSpec, ServiceAccountRef, WorkloadIdentityAuth
from vaultbind.keyvault import FederatedIdentity, KeyVaultError
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import Resource
from vaultbind.vaults.account_token import AccountToken
from vaultbind.vaults.causes import decide_trouble
from vaultbind.vaults.identity import fetch_identity
from vaultbind.vaults.material import CLIENT_ID, TENANT_ID, Material, has_outdated
from vaultbind.vaults.policy import VaultPolicy, decide_policy

ACCOUNT = ServiceAccountRef(namespace="shop", name="web")


@dataclass
class FakeKube:
    clock: FakeClock = field(default_factory=FakeClock)
    annotations: dict[str, str] = field(default_factory=lambda: {CLIENT_ID: "c-1", TENANT_ID: "t-1"})
    uid: str = "1"
    error: KubeErrorKind | None = None
    status: Mapping[str, Any] | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)
    bodies: list[Mapping[str, Any]] = field(default_factory=list)

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        self.asked.append((resource.plural, namespace, name))
        if self.error is not None:
            raise KubeError(self.error, message="text of the API server")
        return {"metadata": {"uid": self.uid, "resourceVersion": "9", "annotations": self.annotations}}

    get_metadata = get

    async def create_subresource(
        self, resource: Resource, namespace: str, name: str, subresource: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        self.asked.append((resource.plural, namespace, name, subresource))
        self.bodies.append(body)
        if self.error is not None:
            raise KubeError(self.error, message="text of the API server")
        ends = self.clock.now() + timedelta(hours=1)
        given = {"token": f"token {len(self.bodies)}", "expirationTimestamp": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
        return {"status": given if self.status is None else self.status}


def token(kube: FakeKube, account: ServiceAccountRef = ACCOUNT) -> AccountToken:
    return AccountToken(kube=cast("KubeClient", kube), account=account, clock=kube.clock)


def spec(**auth: Any) -> KeyVaultSpec:
    return KeyVaultSpec(url=URL, auth=WorkloadIdentityAuth(service_account=ACCOUNT, **auth))


async def identity(kube: FakeKube, **auth: str) -> FederatedIdentity:
    material = Material(kube=cast("KubeClient", kube))
    found = await fetch_identity(spec(**auth), material, kube.clock)
    assert isinstance(found, FederatedIdentity)
    return found


async def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    kube = FakeKube()
    made = token(kube)
    assert [await made.fetch(), await made.fetch()] == ["token 1"] * 2
    kube.clock.seconds += 3600 - 301
    assert await made.fetch() == "token 1"
    kube.clock.seconds += 1
    assert await made.fetch() == "token 2"
    assert kube.asked == [("serviceaccounts", "shop", "web", "token")] * 2
    assert kube.bodies[0]["spec"] == {"audiences": ["api://AzureADTokenExchange"], "expirationSeconds": 3600}
    assert "token 2" not in repr(made)


FAILED = {
    "gone": (KubeErrorKind.NOT_FOUND, Reason.SERVICE_ACCOUNT_NOT_FOUND, "ServiceAccount shop/web"),
    "no right": (
        KubeErrorKind.FORBIDDEN,
        Reason.RIGHT_MISSING,
        "operator has no right to create serviceaccounts/token in namespace shop (the chart's rbac.service",
    ),
    "no cluster": (KubeErrorKind.UNREACHABLE, Reason.CLUSTER_ERROR, "no connection"),
}


@pytest.mark.parametrize(("kind", "reason", "told"), FAILED.values(), ids=FAILED.keys())
async def test_a_token_that_cannot_be_had(kind: KubeErrorKind, reason: Reason, told: str) -> None:
    with pytest.raises(KeyVaultError) as caught:
        await token(FakeKube(error=kind)).fetch()
    trouble = decide_trouble(caught.value)
    assert trouble.reason is reason
    assert told in trouble.message
    assert "text of the API server" not in str(caught.value) + trouble.message


@pytest.mark.parametrize(
    "status",
    [{}, {"token": "hunter2"}, {"token": "hunter2", "expirationTimestamp": "soon"}, {"token": ""}],
)
async def test_an_answer_that_is_none(status: Mapping[str, Any]) -> None:
    with pytest.raises(KeyVaultError) as caught:
        await token(FakeKube(status=status)).fetch()
    assert decide_trouble(caught.value).reason is Reason.CLUSTER_ERROR
    assert "hunter2" not in str(caught.value)


async def test_ids_come_from_the_spec_or_else_from_the_annotations() -> None:
    kube = FakeKube()
    for given, found in {
        (): ("c-1", "t-1"),
        (("client_id", "c-2"),): ("c-2", "t-1"),
        (("client_id", "c-2"), ("tenant_id", "t-2")): ("c-2", "t-2"),
    }.items():
        made = await identity(kube, **dict(given))
        assert (made.client_id, made.tenant_id) == found
    assert await (await identity(kube)).fetch_assertion() == "token 1"


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        ({}, f"{CLIENT_ID} is missing"),
        ({CLIENT_ID: "c"}, f"{TENANT_ID} is missing"),
        ({CLIENT_ID: "hunter2 /", TENANT_ID: "t"}, f"{CLIENT_ID} is no id"),
    ],
)
async def test_a_service_account_that_stands_for_nobody(annotations: dict[str, str], told: str) -> None:
    with pytest.raises(KeyVaultError) as caught:
        await identity(FakeKube(annotations=annotations))
    trouble = decide_trouble(caught.value)
    assert trouble.reason is Reason.SERVICE_ACCOUNT_NOT_ANNOTATED
    assert told in trouble.message
    assert "hunter2" not in trouble.message


async def test_two_clients_never_share_an_identity() -> None:
    """Not even of one ServiceAccount: who fetches another token may be somebody else."""
    kube = FakeKube()
    assert await identity(kube) != await identity(kube)


async def test_another_account_of_the_name_or_other_annotations_make_a_client_outdated() -> None:
    kube = FakeKube()
    material = Material(kube=cast("KubeClient", kube))
    await fetch_identity(spec(), material, kube.clock)

    async def outdated() -> bool:
        return await has_outdated(cast("KubeClient", kube), material.pieces)

    kube.annotations = {**kube.annotations, "other": "x"}
    assert not await outdated()
    kube.uid = "2"
    assert await outdated()
    kube.uid, kube.annotations[CLIENT_ID] = "1", "c-9"
    assert await outdated()


def test_a_service_account_that_is_named_is_not_the_operators_own_identity() -> None:
    assert decide_policy(spec(), namespaced=True, policy=VaultPolicy()) is None
    own = KeyVaultSpec(url=URL, auth=WorkloadIdentityAuth(client_id="c", tenant_id="t"))
    denial = decide_policy(own, namespaced=True, policy=VaultPolicy())
    assert denial is not None
    assert denial.reason is Reason.AMBIENT_IDENTITY_NOT_ALLOWED
