"""The plain manifests are the chart's default objects, without Helm's marks."""

import ast
import sys
from pathlib import Path

import pytest
import yaml

from tests.chart.release import Helm, Object, Rendered
from tools import gen_install

FILE = gen_install.TARGET
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
IMAGE = "registry.example:5000/team/vaultbind"
OBJECTS = list(yaml.safe_load_all(FILE.read_text()))


def test_they_are_fresh(helm: Helm) -> None:
    assert gen_install.render(helm.path) == FILE.read_text(), "run `make verify`"


def test_they_are_the_charts_objects_in_a_namespace_of_their_own(default: Rendered) -> None:
    namespace, *rest = OBJECTS
    assert (namespace["kind"], namespace["metadata"]["name"]) == ("Namespace", gen_install.NAMESPACE)
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert Rendered(objects=rest).names() == default.names()
    assert [item.get("spec") for item in rest if item["kind"] != "Deployment"] == [
        item.get("spec") for item in default.objects if item["kind"] != "Deployment"
    ]


def test_they_do_not_speak_of_helm() -> None:
    found = [
        key
        for item in OBJECTS
        for part in ("labels", "annotations")
        for key, value in (item["metadata"].get(part) or {}).items()
        if "helm" in f"{key}={value}".lower()
    ]
    assert found == []


def test_a_release_names_its_image_by_digest_and_changes_nothing_else(helm: Helm, tmp_path: Path) -> None:
    """As the release workflow calls it."""
    written = tmp_path / "install.yaml"
    assert gen_install.main(["--image", f"{IMAGE}@{DIGEST}", "--to", str(written)]) == 0
    former = {container["image"] for container in containers(OBJECTS)}
    released = list(yaml.safe_load_all(written.read_text()))
    assert {container["image"] for container in containers(released)} == {f"{IMAGE}@{DIGEST}"}
    (image,) = former
    assert written.read_text() == FILE.read_text().replace(image, f"{IMAGE}@{DIGEST}")


def containers(objects: list[Object]) -> list[Object]:
    """All containers of the operator's pods."""
    return [
        container
        for item in objects
        if item["kind"] == "Deployment"
        for container in item["spec"]["template"]["spec"]["containers"]
    ]


@pytest.mark.parametrize(
    "image", ["", "vaultbind:1.0.0", f"vaultbind@{DIGEST[:-1]}", f"@{DIGEST}", f"a,b=c@{DIGEST}", DIGEST]
)
def test_what_is_no_image_by_digest_is_refused(
    image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        gen_install.main(["--image", image, "--to", str(tmp_path / "install.yaml")])
    assert "is not REPOSITORY@sha256:DIGEST" in capsys.readouterr().err
    assert not (tmp_path / "install.yaml").exists()


def test_it_runs_where_nothing_is_installed() -> None:
    """The job that publishes has a Python and no packages."""
    seen, waiting = set(), ["tools.gen_install"]
    while waiting:
        module = waiting.pop()
        if module.startswith("tools.") and module not in seen:
            waiting += imports(module)
        seen.add(module)
    others = {name.partition(".")[0] for name in seen} - {"tools"}
    assert others <= sys.stdlib_module_names


def imports(module: str) -> list[str]:
    """Modules that one of ours imports."""
    tree = ast.parse((gen_install.ROOT / f"{module.replace('.', '/')}.py").read_text())
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found.append(str(node.module))
        elif isinstance(node, ast.Import):
            found += [name.name for name in node.names]
    return found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:\n  annotations:\n    helm.sh/resource-policy: keep\nspec: 1\n", "a:\nspec: 1\n"),
        ("  annotations:\n    helm.sh/x: y\n    a/b: c\n", "  annotations:\n    a/b: c\n"),
        ("    helm.sh/chart: vaultbind-0.1.0\n    app: a\n", "    app: a\n"),
        ("    # helm.sh/chart is a label\n", "    # helm.sh/chart is a label\n"),
    ],
)
def test_only_helms_own_marks_go(before: str, after: str) -> None:
    assert gen_install.strip(before) == after
