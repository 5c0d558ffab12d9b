"""Pods that ask the vault as themselves on a real node: the kubelet's tokens, the cluster's own keys."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.chart.release import NAMESPACE
from tests.pods.stage import FEDERATED, SHOP, TENANT, WORKLOAD, PodStage

pytestmark = pytest.mark.timeout(1200)
WAIT = ("--wait", "--timeout", "150s")
FILE = "/var/run/secrets/vaultbind/own/PASSWORD"
NONE = {"creationPolicy": "None"}


@pytest.fixture(scope="module", autouse=True)
def release(stage: PodStage) -> Iterator[None]:
    """The chart with the webhook and without a broker, and two accounts with the same client id."""
    stage.installation.install(*WAIT, **stage.values(enabled=True, podAuth={"enabled": True}))
    stage.set_secret("own", "s3cr3t-own")
    stage.bind("own", "own", target=NONE)
    ids = {"client-id": WORKLOAD, "tenant-id": TENANT}
    annotations = {f"azure.workload.identity/{key}": value for key, value in ids.items()}
    for name in (FEDERATED, "stranger"):
        metadata = {"name": name, "namespace": SHOP, "annotations": annotations}
        stage.installation.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    yield
    stage.empty_shop()
    stage.remove_release()


def run(stage: PodStage, name: str, *arguments: str, account: str = FEDERATED, **annotations: str) -> str:
    """Create a pod that asks as itself; return what the API server complains of."""
    given = {"bindings": "own", "auth": "pod", **annotations}
    return stage.run_probe(name, *arguments, annotations=given, check=False, serviceAccountName=account)


def test_files_and_variables_with_nothing_in_etcd_and_no_broker(stage: PodStage) -> None:
    assert run(stage, "both", "-env", "PASSWORD", "-file", FILE, mode="both") == ""
    stage.wait_says("both", 'env PASSWORD="s3cr3t-own" true')
    stage.wait_says("both", f'file {FILE}="s3cr3t-own"')

    assert json.loads(stage.annotation("both", "injected"))["auth"] == "pod"
    assert not stage.exists("deployment/vaultbind-broker", NAMESPACE)
    assert not stage.is_stored("s3cr3t-own")


def test_the_vault_sees_the_pods_identity(stage: PodStage) -> None:
    told = stage.in_vault("vaultbind", "emulator", "ctl", "--ca-file", "/certs/ca.pem", "log")
    assert f'"{WORKLOAD}"' in told


def test_a_refreshed_file_follows_the_vault_within_its_memory(stage: PodStage) -> None:
    stage.set_secret("own-moving", "one")
    stage.bind("moving", "own-moving", target=NONE)
    path = FILE.replace("/own/", "/moving/")
    run(stage, "moving", "-file", path, bindings="moving", refresh="5s")
    stage.wait_says("moving", f'file {path}="one"')

    stage.set_secret("own-moving", "two")
    seconds = stage.until(lambda: stage.says("moving", f'file {path}="two"'), "it does not follow")
    assert seconds < 5 + 40, "the interval, and what pods and kubectl take"
    assert stage.peak_kb("moving", "vaultbind-refresh") < 96 * 1024
    found = stage.installation.get("pod", "moving", "-n", SHOP)["status"]["initContainerStatuses"]
    assert [status["restartCount"] for status in found] == [0, 0]


def test_the_token_of_another_account_opens_nothing_and_the_pod_says_why(stage: PodStage) -> None:
    run(stage, "stranger", "-file", FILE, account="stranger")
    words = re.compile(rf"AADSTS70021.*; asked as client {WORKLOAD}")
    stage.until(
        lambda: words.search(stage.describe("stranger")) is not None, lambda: stage.describe("stranger")
    )
    assert not stage.says("stranger", "s3cr3t")


def test_an_account_without_an_identity_is_refused_by_name(stage: PodStage) -> None:
    told = run(stage, "nobody", "-file", FILE, account="default")
    assert "annotation vaultbind.dev/auth: pod needs annotation azure.workload.identity/client-id" in told
    assert not stage.exists("pod/nobody")


def test_a_namespace_that_the_vault_does_not_let_in_is_refused(stage: PodStage) -> None:
    narrow = stage.vault_spec(access=[{"namespaces": {"names": ["elsewhere"]}}])
    obj = {"apiVersion": "vaultbind.dev/v1alpha1", "kind": "ClusterKeyVault", "metadata": {"name": "narrow"}}
    stage.installation.apply({**obj, "spec": narrow})
    stage.bind("narrow", "own", vaultRef={"kind": "ClusterKeyVault", "name": "narrow"}, target=NONE)

    told = run(stage, "narrow", "-file", FILE, bindings="narrow")
    assert f"namespace {SHOP} may not read secret own" in told
