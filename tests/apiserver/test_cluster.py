"""The fixture itself: what later tests of this tier rely on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.realcluster import ClusterError, RealCluster


def test_it_is_the_version_that_go_mod_names(apiserver: RealCluster) -> None:
    assert apiserver.call("GET", "/version").body["gitVersion"] == "v1.37.2"


def test_owned_objects_are_collected(apiserver: RealCluster, apiserver_namespace: str) -> None:
    maps = f"/api/v1/namespaces/{apiserver_namespace}/configmaps"
    owner = apiserver.call("POST", maps, {"metadata": {"name": "owner"}}).body["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner}
    apiserver.call("POST", maps, {"metadata": {"name": "owned", "ownerReferences": [reference]}})
    apiserver.call("DELETE", f"{maps}/owner")
    deadline = time.monotonic() + 60
    while apiserver.call("GET", f"{maps}/owned").status != 404:
        assert time.monotonic() < deadline, apiserver.logs()
        time.sleep(0.05)


def test_a_service_account_has_exactly_its_rights(apiserver: RealCluster, apiserver_namespace: str) -> None:
    kubeconfig = apiserver.service_account_kubeconfig(
        apiserver_namespace, "reader", context_namespace=apiserver_namespace
    )
    with pytest.raises(ClusterError, match="cannot list resource"):
        apiserver.kubectl("get", "configmaps", kubeconfig=kubeconfig)
    apiserver.grant(
        apiserver_namespace, "reader", [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    )
    deadline = time.monotonic() + 60  # RBAC reads its rules from a watch
    while apiserver.kubectl("get", "configmaps", kubeconfig=kubeconfig, check=False).returncode != 0:
        assert time.monotonic() < deadline
    with pytest.raises(ClusterError, match="cannot list resource"):
        apiserver.kubectl("get", "secrets", kubeconfig=kubeconfig)


def test_an_outage_keeps_the_objects(tmp_path: Path, apiserver: RealCluster) -> None:
    with RealCluster.start(apiserver.binaries, tmp_path / "cluster", controllers=False) as cluster:
        cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": "kept"}})
        cluster.stop_apiserver()
        with pytest.raises(ConnectionRefusedError):
            cluster.call("GET", "/api/v1/namespaces/kept")
        cluster.start_apiserver()
        assert cluster.call("GET", "/api/v1/namespaces/kept").status == 200


SLEEPER = """
import subprocess, sys, time
from tools.realcluster.processes import Reaper
reaper, sleeper = Reaper(), subprocess.Popen(["sleep", "60"])
reaper.watch([sleeper.pid])
print(sleeper.pid, flush=True)
time.sleep(60)
"""


def test_nothing_outlives_a_killed_test_run() -> None:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], cwd=root, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        sleeper = int(run.stdout.readline())
        run.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30  # it would sleep for a minute
    while _is_alive(sleeper):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    """Whether it runs; where there is no /proc one that has ended is cleared away at once."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return stat.read_text().split()[2] != "Z" if Path("/proc/self").exists() else True
    except (ProcessLookupError, FileNotFoundError):  # it may go between the two questions
        return False
