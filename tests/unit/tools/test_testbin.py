"""Where the real binaries are looked for, and what is said when they cannot be had."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tools.gobuild import BuildError, GoModule
from tools.helm import build as helm
from tools.promrules import build as promrules
from tools.testbin import build as testbin
from tools.testbin.build import ensure, find


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


@pytest.mark.parametrize(
    "module", [testbin.MODULE, helm.MODULE, promrules.MODULE], ids=["testbin", "helm", "promrules"]
)
def test_the_cache_depends_on_the_module_files(
    module: GoModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / module.folder.name, "go.mod", "go.sum")
    monkeypatch.setattr(GoModule, "go", lambda *arguments: "go1.26.0")
    moved, environ = replace(module, folder=folder), {"XDG_CACHE_HOME": str(tmp_path)}
    before = moved.cache_folder(environ)
    (folder / "go.sum").write_text("changed")
    assert before.is_relative_to(tmp_path / "vaultbind" / module.folder.name)
    assert moved.cache_folder(environ) != before


@pytest.mark.parametrize("module", [testbin.MODULE, helm.MODULE], ids=["testbin", "helm"])
def test_each_program_has_its_tool_line(module: GoModule) -> None:
    text = (module.folder / "go.mod").read_text()
    assert module.version().startswith("v")
    tools = set(re.findall(r"^(?:tool |\t)(\S+)$", text, re.MULTILINE))
    assert set(module.packages.values()) <= tools


def test_the_cache_depends_on_a_program_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fill(tmp_path / "promrules", "go.mod", "go.sum", "main.go")
    monkeypatch.setattr(GoModule, "go", lambda *arguments: "go1.26.0")
    moved, environ = replace(promrules.MODULE, folder=folder), {"XDG_CACHE_HOME": str(tmp_path)}
    before = moved.cache_folder(environ)
    (folder / "main.go").write_text("package main")
    assert moved.cache_folder(environ) != before


def test_helm_of_the_cache_wins_over_that_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = fill(tmp_path / "path", "helm"), fill(tmp_path / "cache")
    environ = {"PATH": str(path)}
    monkeypatch.setattr(GoModule, "cache_if_known", lambda *arguments: cache)
    assert helm.find(environ) == path / "helm"
    (cache / "helm").touch(mode=0o755)
    assert helm.find(environ) == cache / "helm"


def test_without_helm_and_go_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no Go compiler and no helm"):
        helm.ensure({"PATH": str(tmp_path)})
