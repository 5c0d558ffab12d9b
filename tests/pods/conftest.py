"""One real cluster per session, with the emulator as a pod; the chart is installed by each file of tests."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.apiserver.installation import Installation
from tests.chart.release import Helm
from tests.pods.stage import PodStage
from tools.gobuild import BuildError
from tools.helm.build import ensure as ensure_helm
from tools.podcluster import choose, why_not


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, helm: Helm) -> Iterator[PodStage]:
    """The cluster; where it cannot be had, its tests are skipped with the reason."""
    if reason := why_not():
        pytest.skip(reason)
    try:
        path = ensure_helm()
        place = choose()
        with place.start(tmp_path_factory.mktemp("pods")) as cluster:
            ours = replace(helm, path=path, kubeconfig=cluster.kubeconfig, seconds=180.0)
            found = PodStage(cluster=cluster, installation=Installation(cluster=cluster, helm=ours))
            found.start_vault()
            yield found
    except BuildError as error:
        pytest.fail(str(error))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails shows what pods and programs have said."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined] # pluggy's, which is not typed
    stage = getattr(item, "funcargs", {}).get("stage")
    if report.failed and isinstance(stage, PodStage):
        pods = stage.cluster.kubectl(
            "get", "pods,vaultbindings,clusterkeyvaults", "-A", "-o", "wide", check=False
        )
        report.sections.append(("pods", pods.stdout))
        logs = stage.cluster.kubectl(
            *("logs", "-n", "vaultbind-system", "-l", "app.kubernetes.io/part-of=vaultbind", "--prefix"),
            *("--tail=30",),
            check=False,
        )
        report.sections.append(("vaultbind", logs.stdout + logs.stderr))
        report.sections.append(("cluster", stage.cluster.logs()))
