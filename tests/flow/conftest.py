"""Flows are told in a world; each runs on the embedded cluster API and on the real one."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.flow.world import World, start_world
from tests.flow.world_cluster import start_sandbox, use_real
from tools.realcluster import RealCluster
from tools.realcluster.rules import rules
from vaultbind.settings import DriftDetection


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.apiserver)])
def real(request: pytest.FixtureRequest) -> tuple[RealCluster, Path] | None:
    """The real cluster and a kubeconfig with the rights of the chart's role, or None for the embedded one."""
    if request.param != "real":
        return None
    accounts = request.getfixturevalue("accounts")
    return request.getfixturevalue("apiserver"), accounts[request.getfixturevalue("drift")]


@pytest.fixture
def drift() -> DriftDetection:
    """How the operator notices that a Secret was edited; a module that wants Get overrides this."""
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
