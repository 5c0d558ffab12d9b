"""What the node of our own is told, without starting it."""

import json
from pathlib import Path

import pytest

from tools.localcluster.cgroups import find_hierarchies
from tools.localcluster.configuration import (
    HOST,
    NODE,
    PODS,
    find_clash,
    render_apiserver_flags,
    render_containerd,
    render_kubelet,
)


@pytest.mark.parametrize(
    ("routes", "clash"),
    [
        (["default", "192.0.2.0/24"], ""),
        ([], ""),
        (["default", "198.18.0.0/15"], "198.18.0.0/15"),
        (["10.0.0.0/8", f"{NODE}/32"], f"{NODE}/32"),
        ([PODS], PODS),
    ],
)
def test_networks_of_the_machine_are_left_alone(routes: list[str], clash: str) -> None:
    """Taking the address of its gateway would cut the machine off."""
    assert find_clash(routes) == clash


def test_cgroups_of_both_versions_are_found() -> None:
    mounts = (
        "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
        "proc /proc proc rw 0 0\n"
    )
    assert find_hierarchies(mounts) == [Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup/unified")]


def test_nothing_of_the_node_is_in_places_of_the_machine() -> None:
    folder = Path("/somewhere")
    text = render_containerd(folder, Path("/bin-of-runtime"), Path("/runc"))
    paths = [part for part in text.split('"') if part.startswith("/")]
    assert paths
    assert [
        path for path in paths if not path.startswith(("/somewhere", "/run/", "/bin-of-runtime", "/runc"))
    ] == []


def test_the_kubelet_lets_nobody_in_whom_the_cluster_does_not_know() -> None:
    config = json.loads(render_kubelet(Path("/pki"), "own"))
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}
    assert (config["readOnlyPort"], config["cgroupRoot"], config["address"]) == (0, "/own", NODE)
    assert f"--advertise-address={HOST}" in render_apiserver_flags(Path("/pki"))
