"""Where tests of pods run, and what kind is told, by a stand-in for kind: there may be no Docker here."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tools import podcluster
from tools.gobuild import BuildError
from tools.kindcluster.cluster import NODE_IMAGE, READY, KindCluster, run_command
from tools.realcluster import ClusterError


def place(name: str, why_not: str = "", lacks: str = "") -> podcluster.Place:
    return podcluster.Place(
        name=name,
        why_not=lambda: why_not,
        lacks=lambda: lacks,
        prepare=lambda: None,
        start=lambda folder: nullcontext(),  # type: ignore[arg-type, return-value]
    )


CHOICES = [
    pytest.param("", "", {}, "kind", id="both: kind"),
    pytest.param("no engine", "", {}, "local", id="no Docker"),
    pytest.param("", "no root", {}, "kind", id="no root"),
    pytest.param("no engine", "no root", {}, "local", id="neither: the last tells why"),
    pytest.param("", "", {podcluster.CHOICE: "local"}, "local", id="asked for"),
    pytest.param("no engine", "", {podcluster.CHOICE: "kind"}, "kind", id="asked for, although it cannot be"),
]


@pytest.mark.parametrize(("kind", "local", "environ", "chosen"), CHOICES)
def test_the_place(
    monkeypatch: pytest.MonkeyPatch, kind: str, local: str, environ: Mapping[str, str], chosen: str
) -> None:
    places = {"kind": place("kind", kind), "local": place("local", local, "not built")}
    monkeypatch.setattr(podcluster, "PLACES", places)
    assert podcluster.choose(environ).name == chosen
    reasons = {"kind": kind, "local": local or "not built"}
    assert podcluster.why_not(environ) == reasons[chosen]


def test_an_unknown_place_is_told_with_those_that_there_are() -> None:
    environ = {podcluster.CHOICE: "minikube"}
    with pytest.raises(BuildError, match="VAULTBIND_PODS_ON is kind or local, not minikube"):
        podcluster.choose(environ)
    assert "minikube" in podcluster.why_not(environ)


@dataclass
class Kind:
    """Notes what it is told; fails at one command."""

    fails_at: str = ""
    told: list[list[str]] = field(default_factory=list)
    kubeconfigs: set[str] = field(default_factory=set)

    def __call__(self, command: Sequence[str], environ: Mapping[str, str]) -> str:
        self.told.append(list(command[1:]))
        self.kubeconfigs.add(environ["KUBECONFIG"])
        if self.fails_at in command[1:]:
            raise ClusterError("as told")
        return ""


def test_a_cluster_of_kind_comes_with_our_images_and_goes(tmp_path: Path) -> None:
    kind = Kind(fails_at="never")
    with KindCluster.start(Path("kind"), Path("kubectl"), tmp_path, images=["a:b"], run=kind) as cluster:
        assert cluster.kubeconfig.parent == tmp_path, "not the user's own"
        named = ["--name", cluster.name]
    assert kind.told == [
        ["create", "cluster", "--image", NODE_IMAGE, "--wait", READY, *named],
        ["load", "docker-image", "a:b", *named],
        ["delete", "cluster", *named],
    ]
    assert kind.kubeconfigs == {str(tmp_path / "kubeconfig")}


@pytest.mark.parametrize("command", ["create", "load"])
def test_a_cluster_that_fails_half_way_goes_too(tmp_path: Path, command: str) -> None:
    kind = Kind(fails_at=command)
    with (
        pytest.raises(ClusterError, match="as told"),
        KindCluster.start(Path("kind"), Path("kubectl"), tmp_path, images=["a:b"], run=kind),
    ):
        pytest.fail("it has not failed")
    assert kind.told[-1][:2] == ["delete", "cluster"]


def test_what_a_command_complains_of_is_told() -> None:
    assert run_command(["sh", "-c", "echo $A"], {"A": "b"}) == "b\n"
    with pytest.raises(ClusterError, match="no such node"):
        run_command(["sh", "-c", "echo no such node >&2; exit 1"], {})


def test_all_that_etcd_holds_is_read_by_its_own_tool(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(
        '#!/bin/sh\necho "$@" > "$0.told"\necho \'{"kvs":[{"value":"YQ=="},{"value":"Yg=="}]}\'\n'
    )
    kubectl.chmod(0o755)
    cluster = KindCluster(kind=Path("kind"), kubectl_path=kubectl, folder=tmp_path, run=Kind(), name="x")
    assert list(cluster.stored()) == [b"a", b"b"]
    told = (tmp_path / "kubectl.told").read_text()
    assert "exec etcd-x-control-plane -- etcdctl" in told
    assert f"--kubeconfig {tmp_path}/kubeconfig" in told
