"""Commands of the pages about installing and operating, run as they stand there, page by page.

Only the chart's address is another: the checkout instead of the registry. Blocks marked `console` need Azure,
Docker or a name that only the reader knows, and are not run.
"""

import os
from pathlib import Path

import pytest

from tests.apiserver.installation import Installation
from tests.chart.release import CHART, NAMESPACE, Helm
from tests.unit.docs.pages import ROOT, load
from tests.unit.docs.shell import run_block
from tools.realcluster import RealCluster

pytestmark = pytest.mark.timeout(1200)
"""More than a block and `Installation.until` wait, twice."""

REGISTRY = "oci://ghcr.io/vaultbind/charts/vaultbind"
PAGES = {"docs/install.md": 6, "docs/aks.md": 2, "docs/operate.md": 7, "charts/vaultbind/README.md": 2}
"""Each page and how many blocks of commands it has at least: one that is lost would not be missed."""
BEFORE = {
    "docs/operate.md": f"""
        helm install vaultbind {REGISTRY} --namespace vaultbind-system --create-namespace
        helm upgrade vaultbind {REGISTRY} --namespace vaultbind-system --set replicas=1
        kubectl apply -f - <<'EOF'
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: vaultbind
  namespace: vaultbind-system
EOF
    """,
}
"""What the reader has done before."""
ALTERNATIVES = {
    "docs/install.md": ("kubectl apply -k", "scope=Namespaces"),
    "charts/vaultbind/README.md": ("helm install",),
}
"""Blocks that offer another way to install: the former installation is removed before."""


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_work(
    empty_cluster: RealCluster, installation: Installation, tmp_path: Path, page: str
) -> None:
    blocks = load(page).blocks("sh")
    assert len(blocks) >= PAGES[page]
    shell = Shell(empty_cluster, installation.helm, tmp_path)
    shell.run(BEFORE.get(page, ""))
    for number, block in enumerate(blocks):
        if number and any(part in block for part in ALTERNATIVES.get(page, ())):
            remove(installation)
        shell.run(block)


def remove(installation: Installation) -> None:
    """Leave nothing of either way to install; CRDs have another owner in each, and take long to go."""
    installation.helm.run("uninstall", "vaultbind", "--namespace", NAMESPACE, "--ignore-not-found")
    deployed = ("-k", str(ROOT / "deploy"))
    installation.cluster.kubectl("delete", *deployed, "--ignore-not-found", "--wait=false")
    installation.until(lambda: installation.is_gone(*deployed), "what was deployed is stuck")


class Shell:
    """A shell that knows helm and kubectl and this cluster."""

    def __init__(self, cluster: RealCluster, helm: Helm, folder: Path) -> None:
        tools = folder / "bin"
        tools.mkdir()
        (tools / "helm").symlink_to(helm.path)
        (tools / "kubectl").symlink_to(cluster.binaries.kubectl)
        homes = {f"HELM_{name}_HOME": str(folder / name) for name in ("CACHE", "CONFIG", "DATA")}
        self._environ = {
            **homes,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "KUBECONFIG": str(cluster.kubeconfig),
        }

    def run(self, script: str) -> None:
        """Run a block; the first command that fails ends it."""
        run_block(script.replace(REGISTRY, str(CHART)), ROOT, self._environ)
