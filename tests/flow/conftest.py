"""Flows are told in a world; each runs on the embedded cluster API and on the real one."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.flow.world import World, start_world
from tests.flow.world_cluster import start_sandbox, use_real
from tools.realcluster import RealCluster
from tools.realcluster.rules import rules
from vaultbind.settings import DriftDetection

REAL = pytest.mark.apiserver


@pytest.hookimpl(
    tryfirst=True
)  # pytest's own then takes what is marked here instead of the fixture's parameters
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Flows of a module marked `both_drifts` run with a watch of Secrets and without one.

    Both on the embedded cluster API; on the real one, which takes longer, those marked `get_on_real`.
    """
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if "both_drifts" not in marks or "watch_only" in marks or "drift" not in metafunc.fixturenames:
        return
    if _has_its_own_cluster(metafunc.definition):
        metafunc.definition.add_marker(pytest.mark.parametrize("drift", list(DriftDetection), ids=str.lower))
        return
    real = [DriftDetection.WATCH, *([DriftDetection.GET] if "get_on_real" in marks else [])]
    cases = [pytest.param("sandbox", drift, id=f"sandbox-{drift.lower()}") for drift in DriftDetection]
    cases += [pytest.param("real", drift, id=f"real-{drift.lower()}", marks=REAL) for drift in real]
    metafunc.definition.add_marker(pytest.mark.parametrize(("real", "drift"), cases, indirect=["real"]))


def _has_its_own_cluster(item: pytest.Function) -> bool:
    return any(mark.args[0] == "real" for mark in item.iter_markers("parametrize"))


@pytest.fixture(params=["sandbox", pytest.param("real", marks=REAL)])
def real(request: pytest.FixtureRequest) -> tuple[RealCluster, Path] | None:
    """The real cluster and a kubeconfig with the rights of the chart's role, or None for the embedded one."""
    if request.param != "real":
        return None
    accounts = request.getfixturevalue("accounts")
    return request.getfixturevalue("apiserver"), accounts[request.getfixturevalue("drift")]


@pytest.fixture
def drift() -> DriftDetection:
    """How the operator notices that a Secret was edited, where no mark and no module says otherwise."""
    return DriftDetection.WATCH


@pytest.fixture(scope="session")
def accounts(apiserver: RealCluster) -> Mapping[DriftDetection, Path]:
    """ServiceAccounts of the operator's, with the rights of the chart's role and no others."""
    found = {}
    for drift in DriftDetection:
        name = f"vaultbind-{drift.lower()}"
        apiserver.grant("kube-system", name, rules("namespaces", "cluster", drift=drift, rollouts=True))
        found[drift] = apiserver.service_account_kubeconfig("kube-system", name)
    return found


@pytest.fixture
async def quiet_world(
    real: tuple[RealCluster, Path] | None,
    drift: DriftDetection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    """A world whose operator has not been started."""
    started = start_sandbox(tmp_path) if real is None else use_real(*real)
    async with started as cluster, start_world(cluster, drift_detection=drift) as world:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{world.emulator.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "any")
        yield world


@pytest.fixture
async def world(quiet_world: World) -> World:
    """A world with an operator."""
    await quiet_world.start_operator()
    return quiet_world
