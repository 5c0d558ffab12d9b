"""All of it as processes: webhook, broker, and the agent started as the mutated pod says."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.apiserver.injection.admission import (
    HOST,
    RULES,
    WEBHOOKS,
    configure,
    new_authorities,
    pod_webhook,
    put_pair,
    running,
    until,
)
from tests.apiserver.injection.broker import BROKER_RULES, RBAC, VALUES, make_role
from tests.unit.injection.pods import make_pod
from tools.realcluster import RealCluster
from tools.realcluster.processes import free_ports, is_answering
from vaultbind.injection.certificates import make_serving
from vaultbind.injection.identity import ROLE

PLACES = {"/vaultbind/token": "token", "/vaultbind/files": "files", "/vaultbind/env": "env"}


@contextmanager
def emulator(folder: Path) -> Iterator[tuple[str, str]]:
    """`vaultbind emulator` with one secret; gives the vault's URL and the CA."""
    seed, ca = folder / "seed.yaml", folder / "ca.pem"
    seed.write_text("vaults:\n  shop:\n    secrets:\n      password: s3cr3t-value\n")
    command = [
        *(sys.executable, "-m", "vaultbind.cli.main", "emulator", "--port", "0"),
        *("--ca-file", str(ca), "--seed", str(seed)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("ready https://"), line
            yield line.strip().rpartition(":")[2].strip("/"), ca.read_text()
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def broker(kubeconfig: Path, folder: Path, vault_port: str) -> Iterator[int]:
    """`vaultbind broker`; gives its port."""
    port, probes = free_ports(2)
    command = [
        *(sys.executable, "-m", "vaultbind.cli.main", "broker"),
        *("--listen", f"127.0.0.1:{port}", "--metrics-address", f"127.0.0.1:{probes}"),
        *("--tls-dir", str(folder / "tls"), "--allowed-vault-suffixes", f".vault.localhost:{vault_port}"),
        *("--allowed-authority-hosts", f"127.0.0.1:{vault_port}", "--drain", "0"),
    ]
    environ = os.environ | {
        "KUBECONFIG": str(kubeconfig),
        "IDENTITY_ENDPOINT": f"https://127.0.0.1:{vault_port}/msi/token",
        "IDENTITY_HEADER": "any",
    }
    log = folder / "broker.log"
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
    try:
        wait_ready(probes, process, log)
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
        assert "s3cr3t-value" not in log.read_text()
        assert "handed out: VaultBinding shop-db" in log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def wait_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        return is_answering(port, "/readyz")

    until(is_ready, log.read_text)


def run_agent(container: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the agent's container as a process: its command, its variables, its mounts as folders."""
    environ = {item["name"]: item["value"].replace("$$", "$") for item in container["env"]}
    for name, value in environ.items():
        for path, place in PLACES.items():
            if value.startswith(path):
                environ[name] = value.replace(path, str(folder / place), 1)
    environ["VAULTBIND_TERMINATION_LOG"] = str(folder / "termination-log")
    command = [sys.executable, *container["command"][1:]]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=150, check=False)


def test_from_a_pod_to_its_files(apiserver: RealCluster, apiserver_namespace: str, tmp_path: Path) -> None:
    namespace = apiserver_namespace
    place = f"/api/v1/namespaces/{namespace}"
    authorities = new_authorities()
    pair = make_serving(authorities.current, [HOST], datetime.now(UTC))
    put_pair(tmp_path / "tls", pair, authorities.bundle())
    make_role(apiserver)
    accounts = {}
    for name, rules in (("webhook", RULES), ("broker", BROKER_RULES)):
        accounts[name] = apiserver.service_account_kubeconfig(namespace, name, context_namespace=namespace)
        apiserver.grant(namespace, name, rules)
    with emulator(tmp_path) as (vault_port, ca), broker(accounts["broker"], tmp_path, vault_port) as port:
        furnish(apiserver, namespace, vault_port, ca)
        flags = ("--broker-url", f"https://{HOST}:{port}")
        with running(apiserver, accounts["webhook"], tmp_path, *flags) as webhook:
            configure(
                apiserver, WEBHOOKS, namespace, [pod_webhook(webhook.port, authorities.bundle(), namespace)]
            )
            try:
                pod = create_pod(apiserver, namespace)
            finally:
                apiserver.call("DELETE", f"{WEBHOOKS}/{namespace}")
        agent = pod["spec"]["initContainers"][0]
        token = token_for(apiserver, namespace, pod, place)
        for folder in PLACES.values():
            (tmp_path / folder).mkdir()
        (tmp_path / "token/token").write_text(token)
        done = run_agent(agent, tmp_path)
        apiserver.call("DELETE", f"/apis/vaultbind.dev/v1alpha1/clusterkeyvaults/{namespace}")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "files/shop-db/PASSWORD").read_text() == "s3cr3t-value"
    assert (tmp_path / "env/variables").read_text() == "PASSWORD='s3cr3t-value'\n"
    assert "s3cr3t-value" not in done.stderr


def furnish(cluster: RealCluster, namespace: str, vault_port: str, ca: str) -> None:
    """The vault's KeyVault, the binding, the account and its right."""
    ours = "/apis/vaultbind.dev/v1alpha1"
    vault = {
        "url": f"https://shop.vault.localhost:{vault_port}",
        "caBundle": ca,
        "auth": {"managedIdentity": {}},
        "access": [{"namespaces": {"names": [namespace]}}],
    }
    binding = {
        "vaultRef": {"kind": "ClusterKeyVault", "name": namespace},
        "target": {"creationPolicy": "None"},
        "data": [{"key": "PASSWORD", "secret": {"name": "password"}}],
    }
    right = {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": namespace}],
    }
    place = f"/namespaces/{namespace}"
    for path, body in (
        (f"{ours}/clusterkeyvaults", kind("ClusterKeyVault", namespace, spec=vault)),
        (f"{ours}{place}/vaultbindings", kind("VaultBinding", "shop-db", spec=binding)),
        (f"/api/v1{place}/serviceaccounts", {"metadata": {"name": "web"}}),
        (f"{RBAC}{place}/rolebindings", {"metadata": {"name": "web-values"}, **right}),
    ):
        answer = cluster.call("POST", path, body)
        assert answer.status == 201, answer
    cluster.wait_allowed(namespace, "web", VALUES, within=namespace)


def kind(name: str, called: str, **fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": name,
        "metadata": {"name": called},
        **fields,
    }


def create_pod(cluster: RealCluster, namespace: str) -> dict[str, Any]:
    """Create the pod once the API server has learned of the webhook."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    pod = make_pod({"mode": "both"}, serviceAccountName="web")

    def create(query: str = "") -> dict[str, Any]:
        answer = cluster.call("POST", f"{path}{query}", pod)
        assert answer.status == 201, answer
        body: dict[str, Any] = answer.body
        return body

    until(lambda: "initContainers" in create("?dryRun=All")["spec"])
    return create()


def token_for(cluster: RealCluster, namespace: str, pod: dict[str, Any], place: str) -> str:
    """The token that the kubelet would project, as the pod's own volume asks for it."""
    (volume,) = [item for item in pod["spec"]["volumes"] if item["name"] == "vaultbind-token"]
    asked = volume["projected"]["sources"][0]["serviceAccountToken"]
    metadata = pod["metadata"]
    bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
    spec = {
        "audiences": [asked["audience"]],
        "expirationSeconds": asked["expirationSeconds"],
        "boundObjectRef": bound,
    }
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = cluster.call("POST", f"{place}/serviceaccounts/web/token", body)
    assert answer.status == 201, answer
    return str(answer.body["status"]["token"])
