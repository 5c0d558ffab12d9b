"""Real admission of pods that ask vaults as themselves: the webhook with the rights that the chart adds."""

import contextlib
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPSConnection
from typing import Any

import pytest

from tests.apiserver.injection.admission import (
    HOST,
    POD_AUTH_RULES,
    RULES,
    WEBHOOKS,
    configure,
    new_authorities,
    pod_webhook,
    put_pair,
    running,
)
from tests.apiserver.injection.test_admission import Stage, wait_for_account, wait_until_called
from tests.unit.injection.pods import make_pod
from tools.realcluster import Answer, RealCluster
from vaultbind.injection.certificates import make_serving
from vaultbind.injection.sources import PodAuth, VaultAddress, parse_sources, source_of

CLIENT = "11111111-0000-0000-0000-000000000001"
TENANT = "22222222-0000-0000-0000-000000000002"
DATA = [{"key": "PASSWORD", "secret": {"name": "shop-password"}}]
URL = "https://shop.vault.azure.net"


@pytest.fixture(scope="module")
def stage(apiserver: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A restricted namespace with an account that has an identity, a vault of its own and a shared one."""
    place, folder = f"own-{time.time_ns() % 10**9}", tmp_path_factory.mktemp("webhook")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    apiserver.call("POST", "/api/v1/namespaces", {"metadata": {"name": place, "labels": labels}})
    authorities = new_authorities()
    put_pair(
        folder / "tls", make_serving(authorities.current, [HOST], datetime.now(UTC)), authorities.bundle()
    )
    kubeconfig = apiserver.service_account_kubeconfig(place, "webhook", context_namespace=place)
    apiserver.grant(place, "webhook", [*RULES, *POD_AUTH_RULES])
    wait_for_account(apiserver, place)
    flags = ("--pod-auth-audience", "api://AzureADTokenExchange", "--env-files", "on")
    with running(apiserver, kubeconfig, folder, *flags) as webhook:
        found = Stage(cluster=apiserver, namespace=place, webhook=webhook, authorities=authorities)
        bundle = authorities.bundle()
        configure(apiserver, WEBHOOKS, place, [pod_webhook(webhook.port, bundle, place)])
        wait_until_called(found)
        furnish(found)
        yield found
        for path in (
            f"{WEBHOOKS}/{place}",
            f"{VAULTS}/clusterkeyvaults/{place}",
            f"/api/v1/namespaces/{place}",
        ):
            apiserver.call("DELETE", path)


VAULTS = "/apis/vaultbind.dev/v1alpha1"


def furnish(stage: Stage) -> None:
    """The objects that a review asks for; the shared vault lets the namespace read shop-*."""
    ids = {"client-id": CLIENT, "tenant-id": TENANT}
    annotations = {f"azure.workload.identity/{key}": value for key, value in ids.items()}
    make(stage, "v1", "ServiceAccount", "web", annotations=annotations)
    kind, api = "KeyVault", "vaultbind.dev/v1alpha1"
    make(stage, api, kind, "own", spec={"url": URL, "auth": {"default": {}}})
    access = [{"namespaces": {"names": [stage.namespace]}, "objects": ["shop-*"]}]
    body = {"metadata": {"name": stage.namespace}, "spec": {"url": URL, "access": access}}
    answer = stage.cluster.call(
        "POST", f"{VAULTS}/clusterkeyvaults", {"apiVersion": api, "kind": f"Cluster{kind}", **body}
    )
    assert answer.status == 201, answer.body
    shared = {"kind": "ClusterKeyVault", "name": stage.namespace}
    for name, ref, data in (
        ("shop-db", {"name": "own"}, DATA),
        ("shared", shared, DATA),
        ("foreign", shared, [{"key": "A", "secret": {"name": "bank-password"}}]),
        ("homeless", {"name": "none"}, DATA),
    ):
        assert stage.bind(name, vaultRef=ref, data=data).status == 201


def make(stage: Stage, api: str, kind: str, name: str, annotations: Any = None, **parts: Any) -> None:
    metadata = {"name": name, "annotations": annotations or {}}
    root = "/api/v1" if api == "v1" else f"/apis/{api}"
    path = f"{root}/namespaces/{stage.namespace}/{kind.lower()}s"
    answer = stage.cluster.call(
        "POST", path, {"apiVersion": api, "kind": kind, "metadata": metadata, **parts}
    )
    assert answer.status == 201, answer.body


def create(stage: Stage, account: str = "web", **annotations: str) -> Answer:
    context = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod = make_pod(
        {"auth": "pod", **annotations},
        serviceAccountName=account,
        securityContext=context,
        containers=[{"name": "web", "image": "shop:1", "securityContext": own}],
    )
    return stage.create(pod, "?dryRun=All")


@pytest.mark.parametrize("mode", ["files", "env", "both"])
def test_the_server_stores_what_the_agent_is_told(stage: Stage, mode: str) -> None:
    answer = create(stage, bindings="shop-db,shared" if mode == "files" else "shop-db", mode=mode)

    assert answer.status == 201, answer.body
    agent = answer.body["spec"]["initContainers"][0]
    told = {item["name"]: item["value"] for item in agent["env"]}
    names = ["shop-db", "shared"] if mode == "files" else ["shop-db"]
    source = source_of(VaultAddress(url=URL, tenant_id=TENANT), {"data": DATA})
    assert parse_sources(told["VAULTBIND_SOURCES"]) == PodAuth(
        client_id=CLIENT, sources=dict.fromkeys(names, source)
    )
    (volume,) = [item for item in answer.body["spec"]["volumes"] if item["name"] == "vaultbind-token"]
    (projected,) = volume["projected"]["sources"]
    assert projected["serviceAccountToken"]["audience"] == "api://AzureADTokenExchange"


def test_the_agents_token_is_of_no_use_for_the_api_server(stage: Stage) -> None:
    """The audience is Entra ID's exchange; the same account's usual token is good."""
    path = f"/api/v1/namespaces/{stage.namespace}/serviceaccounts/web/token"
    seen = []
    for audiences in (["api://AzureADTokenExchange"], []):
        request = {"spec": {"audiences": audiences, "expirationSeconds": 600}}
        token = stage.cluster.call("POST", path, request).body["status"]["token"]
        seen.append(status_with(stage.cluster, token))
    assert seen == [401, 200]


def status_with(cluster: RealCluster, token: str) -> int:
    """Status of a question that every account may ask."""
    context = ssl.create_default_context(cadata=cluster.ca_pem)
    with contextlib.closing(HTTPSConnection("127.0.0.1", cluster.port, context=context, timeout=30)) as http:
        http.request("GET", "/version/", headers={"Authorization": f"Bearer {token}"})
        return http.getresponse().status


REFUSED = {
    "an account without identity": (
        {"account": "default"},
        "annotation vaultbind.dev/auth: pod needs annotation azure.workload.identity/client-id",
    ),
    "a binding that does not exist": (
        {"bindings": "none"},
        "annotation vaultbind.dev/auth: pod needs its spec",
    ),
    "an object that access leaves out": ({"bindings": "foreign"}, "may not read secret bank-password"),
    "a vault that does not exist": ({"bindings": "homeless"}, "which VaultBinding homeless names"),
    "no vault to ask": (
        {"mode": "env", "env-source": "secret"},
        "annotation vaultbind.dev/auth: pod needs files or env files",
    ),
}


@pytest.mark.parametrize(("how", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(stage: Stage, how: dict[str, str], message: str) -> None:
    answer = create(stage, **how)

    assert answer.status == 400, answer.body
    assert message in answer.body["message"]
