"""Whose right is missing, and what grants it: the operator's account, or the broker's, which may less."""

from typing import Any, cast

import pytest

from tests.unit.engine.objects import FakeClock
from vaultbind.api.address import Address
from vaultbind.api.keyvault import (
    Auth,
    KeyVaultSpec,
    SecretKeyRef,
    ServiceAccountRef,
    ServicePrincipalAuth,
    WorkloadIdentityAuth,
)
from vaultbind.app.broker import BrokerProcess
from vaultbind.injection.tls import ServingTls
from vaultbind.keyvault import FederatedIdentity, KeyVaultError
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import Resource
from vaultbind.telemetry.metrics import Metrics
from vaultbind.vaults.identity import fetch_identity
from vaultbind.vaults.material import CLIENT_ID, TENANT_ID, Material
from vaultbind.vaults.policy import VaultPolicy
from vaultbind.vaults.rights import Asker, describe_missing

ACCOUNT = WorkloadIdentityAuth(service_account=ServiceAccountRef(namespace="shop", name="web"))
SECRET = ServicePrincipalAuth(
    client_id="c", tenant_id="t", secret_ref=SecretKeyRef(namespace="shop", name="s", key="k")
)

LACKS = [
    (Asker.OPERATOR, "secrets", ""),
    (Asker.OPERATOR, "serviceaccounts", " (the chart's rbac.serviceAccountTokens: [shop])"),
    (Asker.OPERATOR, "serviceaccounts/token", " (the chart's rbac.serviceAccountTokens: [shop])"),
    (Asker.BROKER, "secrets", " (the chart's injection.broker.credentialSecrets)"),
    (Asker.BROKER, "configmaps", ""),
    (
        Asker.BROKER,
        "serviceaccounts/token",
        " (the chart never gives it that one: use the binding's Secret, or auth: pod)",
    ),
]


@pytest.mark.parametrize(("asker", "plural", "hint"), LACKS)
def test_what_is_told(asker: Asker, plural: str, hint: str) -> None:
    told = describe_missing(asker, "get", plural, "shop")
    assert told == f"{asker.value} has no right to get {plural} in namespace shop{hint}"


class Refusing:
    """Refuses to give what is of these kinds."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        self._check(resource.plural)
        return {"metadata": {"uid": "1", "annotations": {CLIENT_ID: "c-1", TENANT_ID: "t-1"}}}

    async def create_subresource(self, resource: Resource, *_: object) -> dict[str, Any]:
        self._check(f"{resource.plural}/token")
        return {}

    def _check(self, plural: str) -> None:
        if plural in self.refused:
            raise KubeError(KubeErrorKind.FORBIDDEN, message="text of the API server")


def broker(kube: Refusing) -> BrokerProcess:
    return BrokerProcess(
        client=cast("KubeClient", kube),
        policy=VaultPolicy(),
        clock=FakeClock(),
        metrics=Metrics(),
        listen=Address(host="127.0.0.1", port=0),
        tls=cast("ServingTls", None),
    )


@pytest.mark.parametrize(("auth", "plural"), [(SECRET, "secrets"), (ACCOUNT, "serviceaccounts")])
async def test_the_broker_speaks_of_its_own_rights(auth: Auth, plural: str) -> None:
    process = broker(Refusing(plural))
    with pytest.raises(KeyVaultError, match=f"the broker has no right to get {plural} in namespace shop"):
        _ = await process.clients.make(KeyVaultSpec(url="https://shop.vault.azure.net", auth=auth))
    await process.clients.aclose()


async def test_so_does_its_token_of_a_service_account() -> None:
    kube = cast("KubeClient", Refusing("serviceaccounts/token"))
    spec = KeyVaultSpec(url="https://shop.vault.azure.net", auth=ACCOUNT)
    found = await fetch_identity(spec, Material(kube=kube, asker=Asker.BROKER), FakeClock())
    assert isinstance(found, FederatedIdentity)
    with pytest.raises(KeyVaultError, match="the broker has no right to create serviceaccounts/token in"):
        await found.fetch_assertion()
