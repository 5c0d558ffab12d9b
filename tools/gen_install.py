"""Write `deploy/install.yaml`, the chart's plain form, with helm: `python -m tools.gen_install`.

A release names its image by digest: `--image REPOSITORY@sha256:DIGEST --to FILE`. Standard library only: the
job that publishes a release installs nothing.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.gobuild import BuildError
from tools.helm.build import ensure

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "vaultbind"
TARGET = ROOT / "deploy" / "install.yaml"
NAMESPACE = "vaultbind-system"
OF_HELM = re.compile(r"^ *(?:app\.kubernetes\.io/managed-by: Helm|helm\.sh/[a-z-]+: .*)\n", re.MULTILINE)
EMPTY = re.compile(r"^ *annotations:\n(?=\S)", re.MULTILINE)
IMAGE = re.compile(r"([a-z0-9][a-z0-9./:_-]*)@(sha256:[0-9a-f]{64})")
HEAD = f"""# vaultbind with the default values, for kubectl apply -k deploy/, or -f deploy/install.yaml.
# Made from charts/vaultbind by `make verify`.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def render(helm: Path, image: tuple[str, str] | None = None) -> str:
    """The file's text; `image` is a repository and a digest."""
    command = [str(helm), "template", "vaultbind", str(CHART), "--namespace", NAMESPACE]
    for name, value in zip(("repository", "digest"), image or (), strict=False):
        command += ["--set-string", f"image.{name}={value}"]
    environ = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return HEAD + strip(done.stdout)


def strip(rendered: str) -> str:
    """Take out what only Helm reads; where each object comes from stays."""
    return EMPTY.sub("", OF_HELM.sub("", rendered))


def parse_image(text: str) -> tuple[str, str]:
    """Repository and digest. Raises ArgumentTypeError, for a tag, too: it may lead elsewhere tomorrow."""
    found = IMAGE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not REPOSITORY@sha256:DIGEST, with 64 digits")
    return found[1], found[2]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(",")[0])
    parser.add_argument("--image", type=parse_image, help="image by digest; default: the chart's own")
    parser.add_argument("--to", type=Path, default=TARGET, help="the file")
    asked = parser.parse_args(arguments)
    try:
        helm = ensure()
    except BuildError as error:
        if asked.image is not None:
            print(f"gen_install: {error}", file=sys.stderr)
            return 1
        print(f"gen_install: SKIPPED, {TARGET.name} may be stale: {error}")
        return 0
    asked.to.parent.mkdir(exist_ok=True)
    asked.to.write_text(render(helm, asked.image), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
