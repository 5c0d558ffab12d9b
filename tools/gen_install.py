"""Write `deploy/install.yaml`, the chart's plain form, with helm: `python -m tools.gen_install`."""

import os
import re
import subprocess
from pathlib import Path

from tools.gen_chart import CHART, ROOT
from tools.gobuild import BuildError
from tools.helm.build import ensure

TARGET = ROOT / "deploy" / "install.yaml"
NAMESPACE = "vaultbind-system"
OF_HELM = re.compile(r"^ *(?:app\.kubernetes\.io/managed-by: Helm|helm\.sh/[a-z-]+: .*)\n", re.MULTILINE)
EMPTY = re.compile(r"^ *annotations:\n(?=\S)", re.MULTILINE)
HEAD = f"""# vaultbind with the default values, for kubectl apply -k deploy/, or -f deploy/install.yaml.
# Made from charts/vaultbind by `make verify`.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def render(helm: Path) -> str:
    """The file's text."""
    command = [str(helm), "template", "vaultbind", str(CHART), "--namespace", NAMESPACE]
    environ = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return HEAD + strip(done.stdout)


def strip(rendered: str) -> str:
    """Take out what only Helm reads; where each object comes from stays."""
    return EMPTY.sub("", OF_HELM.sub("", rendered))


def main() -> None:
    try:
        helm = ensure()
    except BuildError as error:
        print(f"gen_install: SKIPPED, {TARGET.name} may be stale: {error}")
        return
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(render(helm), encoding="utf-8")


if __name__ == "__main__":
    main()
