"""Names of the context at hand, for whoever has to warn people."""

from pathlib import Path

import pytest

from vaultbind.kube.access import fetch_context_names
from vaultbind.kube.errors import KubeConfigError

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: {current}
contexts:
- {{name: blue, context: {{cluster: east, user: me, namespace: shop}}}}
- {{name: green, context: {{cluster: west, user: me}}}}
"""


@pytest.mark.parametrize(
    ("current", "names"), [("blue", ("blue", "east", "shop")), ("green", ("green", "west"))]
)
def test_context_cluster_and_namespace_are_named(
    tmp_path: Path, current: str, names: tuple[str, ...]
) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG.format(current=current), encoding="utf-8")
    assert fetch_context_names({"KUBECONFIG": str(path)}) == names


def test_a_pod_has_no_context() -> None:
    assert fetch_context_names({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == ("the pod's own cluster",)


@pytest.mark.parametrize("text", [KUBECONFIG.format(current="red"), "", "]["])
def test_no_such_context_and_broken_files_are_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KubeConfigError):
        fetch_context_names({"KUBECONFIG": str(path)})
