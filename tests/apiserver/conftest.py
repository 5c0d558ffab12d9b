"""A cluster that knows nothing of vaultbind yet, and Helm to change that."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.apiserver.installation import Installation
from tests.chart.release import NAMESPACE, Helm
from tools.realcluster import RealCluster


@pytest.fixture(scope="session")
def empty_cluster(apiserver: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A second API server without our CRDs, one per session: tests here clean up what they install."""
    with RealCluster.start(apiserver.binaries, tmp_path_factory.mktemp("empty") / "0") as cluster:
        yield cluster


@pytest.fixture
def installation(empty_cluster: RealCluster, helm: Helm) -> Iterator[Installation]:
    """Helm on that cluster; whatever the test leaves is removed at its end."""
    found = Installation(cluster=empty_cluster, helm=replace(helm, kubeconfig=empty_cluster.kubeconfig))
    yield found
    with contextlib.suppress(AssertionError):
        found.helm.run("uninstall", "vaultbind", "--namespace", NAMESPACE)
    found.remove_all()
