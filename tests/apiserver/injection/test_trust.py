"""The leader keeps certificates in a real cluster, under rights of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.apiserver.injection.admission import WEBHOOKS, configure, pod_webhook
from tools.realcluster import RealCluster
from vaultbind.injection.authority import parse_authorities
from vaultbind.injection.certificates import AUTHORITY_LIFETIME
from vaultbind.injection.trust import TrustKeeper, TrustSettings, _decode
from vaultbind.kube.connection import connect


@dataclass
class Clock:
    time: datetime

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def account(apiserver: RealCluster, apiserver_namespace: str) -> Any:
    """Rights of the controller, as far as certificates need them."""
    webhooks = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]
    kubeconfig = apiserver.service_account_kubeconfig(apiserver_namespace, "keeper")
    apiserver.grant(
        apiserver_namespace,
        "keeper",
        [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "patch"]},
            {
                "apiGroups": ["admissionregistration.k8s.io"],
                "resources": webhooks,
                "verbs": ["get", "patch"],
            },
        ],
    )
    return kubeconfig


async def test_the_server_takes_all_that_is_written_and_a_second_pass_writes_nothing(
    apiserver: RealCluster, apiserver_namespace: str, account: Any
) -> None:
    name = apiserver_namespace
    settings = TrustSettings(namespace=name, serving={"webhook-tls": ("webhook.x.svc",)}, webhooks=name)
    configure(apiserver, WEBHOOKS, name, [pod_webhook(1, b"", name)])
    clock = Clock(datetime.now(UTC))
    client = await connect(kubeconfig=account)

    def read(path: str) -> Any:
        return apiserver.call("GET", path).body

    try:
        keeper = TrustKeeper(client=client, settings=settings, clock=clock)
        await keeper.keep()
        secrets = f"/api/v1/namespaces/{name}/secrets"
        paths = (f"{secrets}/vaultbind-ca", f"{secrets}/webhook-tls", f"{WEBHOOKS}/{name}")
        before = [read(path) for path in paths]
        await keeper.keep()
        after = [read(path) for path in paths]
        clock.time += AUTHORITY_LIFETIME * 0.5
        await keeper.keep()
        clock.time += AUTHORITY_LIFETIME * 0.31
        await keeper.keep()
        authorities = parse_authorities(_decode(read(f"{secrets}/vaultbind-ca")))
        webhook = read(f"{WEBHOOKS}/{name}")["webhooks"][0]
    finally:
        apiserver.call("DELETE", f"{WEBHOOKS}/{name}")
        await client.aclose()

    assert before == after
    assert before[1]["type"] == "kubernetes.io/tls"
    assert authorities is not None
    assert authorities.previous == _decode(before[0])["ca.crt"]
    assert _decode({"data": {"x": webhook["clientConfig"]["caBundle"]}})["x"] == authorities.bundle()
    assert webhook["failurePolicy"] == "Fail"
    assert clock.time - datetime.now(UTC) > timedelta(days=1000)
