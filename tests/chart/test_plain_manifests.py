"""The plain manifests are the chart's default objects, without Helm's marks."""

import pytest
import yaml

from tests.chart.release import Helm, Rendered
from tools import gen_install

FILE = gen_install.TARGET
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
