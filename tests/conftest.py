"""Every test belongs to exactly one tier: that of its mark, of the fixture `apiserver`, or of its folder."""

import os
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.chart.release import Helm
from tests.loop import PatientLoop
from tools.helm.build import find as find_helm
from tools.realcluster import RealCluster
from tools.testbin.build import find

# a busy machine is no bug: examples are bounded in number, not in time
settings.register_profile("vaultbind", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vaultbind")
# whoever starts us in the background of a shell lets us ignore Ctrl-C; what we start must hear it
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["pytester"]
TIERS = ("unit", "flow", "chart", "apiserver", "sdk", "pods", "azure")
FOLDERS = {tier: tier for tier in TIERS} | {"architecture": "unit"}
ROOT = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not any(item.get_closest_marker(tier) for tier in TIERS):
            needs_real = "apiserver" in getattr(item, "fixturenames", ())
            item.add_marker("apiserver" if needs_real else _tier_of(item.path))


@pytest.hookimpl(optionalhook=True)  # before 1.4 pytest-asyncio has no such hook
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], PatientLoop]]:
    """Every test's loop is a patient one."""
    return {"patient": PatientLoop}


def _tier_of(path: Path) -> str:
    folder = path.relative_to(ROOT).parts[0]
    if folder not in FOLDERS:
        raise pytest.UsageError(f"{path} belongs to no tier: put it below tests/{{{','.join(FOLDERS)}}}")
    return FOLDERS[folder]


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """The real API server with our CRDs and the garbage collector, one per session."""
    binaries = find()
    if binaries is None:
        reason = "no real kube-apiserver: run `make testbin` (it needs Go)"
        if "apiserver" in os.environ.get("VAULTBIND_REQUIRE_TIERS", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    manifests = sorted((ROOT.parent / "crds").glob("*.yaml"))
    with RealCluster.start(
        binaries, tmp_path_factory.mktemp("cluster") / "0", manifests=manifests
    ) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster."""
    path = find_helm()
    if path is None:
        reason = "no helm: run `make testbin` (it needs Go)"
        if "chart" in os.environ.get("VAULTBIND_REQUIRE_TIERS", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    return Helm(path=path, home=tmp_path_factory.mktemp("helm"))


@pytest.fixture
def apiserver_namespace(apiserver: RealCluster) -> Iterator[str]:
    """A fresh namespace of the real API server; its end is asked for, not waited for."""
    name = f"test-{secrets.token_hex(4)}"
    apiserver.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    apiserver.call("DELETE", f"/api/v1/namespaces/{name}")
