"""Where the real binaries are looked for, and what is said when they cannot be had."""

from pathlib import Path

import pytest

from tools.testbin import build
from tools.testbin.build import BuildError, ensure, find


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch(mode=0o755)
    return folder


def test_kubebuilder_assets_win(tmp_path: Path) -> None:
    assets = fill(tmp_path / "assets", "etcd", "kube-apiserver", "kubectl")
    path = fill(tmp_path / "path", "etcd", "kube-apiserver", "kubectl", "kube-controller-manager")
    found = find({"KUBEBUILDER_ASSETS": str(assets), "PATH": str(path)})
    assert found is not None
    assert (found.origin, found.etcd) == ("KUBEBUILDER_ASSETS", assets / "etcd")
    assert found.kube_controller_manager is None


def test_path_is_next(tmp_path: Path) -> None:
    path = fill(tmp_path / "path", "etcd", "kube-apiserver", "kubectl", "kube-controller-manager")
    found = find({"PATH": str(path)})
    assert found is not None
    assert (found.origin, found.kube_controller_manager) == ("PATH", path / "kube-controller-manager")


def test_a_kubectl_alone_is_nothing(tmp_path: Path) -> None:
    assert find({"PATH": str(fill(tmp_path / "path", "kubectl"))}) is None


def test_without_go_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no Go compiler"):
        ensure({"PATH": str(fill(tmp_path / "path", "kubectl"))})


def test_the_cache_depends_on_the_module_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = fill(tmp_path / "module", "go.mod", "go.sum")
    monkeypatch.setattr(build, "HERE", module)
    monkeypatch.setattr(build, "_go", lambda *arguments: "go1.26.0")
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    before = build.cache_folder(environ)
    (module / "go.sum").write_text("changed")
    assert before.is_relative_to(tmp_path / "vaultbind" / "testbin")
    assert build.cache_folder(environ) != before
