"""Flows are told in a world; each runs on the embedded cluster API and on the real one."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.flow.world import World, start_world
from tests.flow.world_cluster import start_sandbox, use_real
from tools.realcluster import RealCluster
from tools.realcluster.rules import rules
from vaultbind.keyvault.simulation.api import dispatch, paging
from vaultbind.keyvault.simulation.api.messages import Answer
from vaultbind.settings import DriftDetection

REAL = pytest.mark.apiserver


REASONED = frozenset({"sandbox_only", "watch_only"})
"""Marks that leave something out, and say why."""


@pytest.hookimpl(
    tryfirst=True
)  # pytest's own then takes what is marked here instead of the fixture's parameters
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Flows of a module marked `both_drifts` run with a watch of Secrets and without one.

    Both on the embedded cluster API; on the real one, which takes longer, those marked `get_on_real`, and
    none that are marked `sandbox_only`.
    """
    marks = {mark.name: mark for mark in metafunc.definition.iter_markers()}
    check_reasons(metafunc.definition.nodeid, marks)
    is_by_drift = "both_drifts" in marks and "watch_only" not in marks and "drift" in metafunc.fixturenames
    if "sandbox_only" in marks:
        metafunc.definition.add_marker(pytest.mark.parametrize("real", ["sandbox"], indirect=True))
        if is_by_drift:
            drifts = pytest.mark.parametrize("drift", list(DriftDetection), ids=str.lower)
            metafunc.definition.add_marker(drifts)
        return
    if not is_by_drift:
        return
    real = [DriftDetection.WATCH, *([DriftDetection.GET] if "get_on_real" in marks else [])]
    cases = [pytest.param("sandbox", drift, id=f"sandbox-{drift.lower()}") for drift in DriftDetection]
    cases += [pytest.param("real", drift, id=f"real-{drift.lower()}", marks=REAL) for drift in real]
    metafunc.definition.add_marker(pytest.mark.parametrize(("real", "drift"), cases, indirect=["real"]))


def check_reasons(test: str, marks: Mapping[str, pytest.Mark]) -> None:
    """Refuse the collection where a mark that leaves something out does not say why."""
    for name in REASONED & marks.keys():
        if not any(isinstance(reason, str) and reason.strip() for reason in marks[name].args):
            raise pytest.UsageError(f"{test}: the mark {name} needs its reason")


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


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of objects that lists leave out, although they are there."""
    hidden: set[str] = set()
    render: Callable[..., Answer] = paging.render_page

    def render_short(*args: Any) -> Answer:
        answer = render(*args)
        assert answer.content is not None
        items = [item for item in answer.content["value"] if item["id"].rsplit("/", 1)[-1] not in hidden]
        return Answer(content={**answer.content, "value": items})

    monkeypatch.setattr(dispatch, "render_page", render_short)
    return hidden
