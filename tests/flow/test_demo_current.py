"""`vaultbind demo --cluster current` on the real API server: it works, and leaves the cluster as it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tools.realcluster import RealCluster
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CRDS, NAMESPACES

DEMO = (sys.executable, "-m", "vaultbind.cli.main", "demo", "--cluster", "current")


def run(kubeconfig: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("VAULTBIND_")}
    return subprocess.run(
        [*DEMO, *flags],
        env={**ours, "KUBECONFIG": str(kubeconfig)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def names(cluster: RealCluster, path: str) -> set[str]:
    """Names of what is there and not on its way out."""
    items = cluster.call("GET", path).body["items"]
    return {item["metadata"]["name"] for item in items if "deletionTimestamp" not in item["metadata"]}


def test_the_demo_runs_there_and_cleans_up(apiserver: RealCluster) -> None:
    paths = [resource.path() for resource in (NAMESPACES, CRDS, CLUSTER_KEY_VAULTS)]
    for name in names(apiserver, CLUSTER_KEY_VAULTS.path()):  # other tests' leftovers
        apiserver.call("DELETE", CLUSTER_KEY_VAULTS.path(name=name))
    before = [names(apiserver, path) for path in paths]
    done = run(apiserver.kubeconfig, "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert [names(apiserver, path) for path in paths] == before


def test_production_is_refused_before_anything_is_done(apiserver: RealCluster, tmp_path: Path) -> None:
    document = yaml.safe_load(apiserver.kubeconfig.read_text())
    document["contexts"][0]["name"] = document["current-context"] = "shop-prod"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(document))
    before = names(apiserver, NAMESPACES.path())
    for name in names(apiserver, CLUSTER_KEY_VAULTS.path()):
        apiserver.call("DELETE", CLUSTER_KEY_VAULTS.path(name=name))
    done = run(kubeconfig)
    assert done.returncode == 1
    assert "looks like production" in done.stderr
    assert names(apiserver, NAMESPACES.path()) == before


def test_a_cluster_in_use_is_refused(apiserver: RealCluster) -> None:
    vault = {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": "ClusterKeyVault",
        "metadata": {"name": "somebodys"},
        "spec": {"url": "https://v.vault.azure.net", "access": [{"namespaces": {"all": True}}]},
    }
    apiserver.call("POST", CLUSTER_KEY_VAULTS.path(), vault)
    try:
        done = run(apiserver.kubeconfig, "--yes")
    finally:
        apiserver.call("DELETE", CLUSTER_KEY_VAULTS.path(name="somebodys"))
    assert done.returncode == 1
    assert "vaultbind is in use" in done.stderr


def test_a_cluster_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere")
    assert done.returncode == 1
    assert "kubeconfig" in done.stderr
    assert "Traceback" not in done.stderr
