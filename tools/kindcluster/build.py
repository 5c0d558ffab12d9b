"""kind, built from Go source in the release whose node image is pinned; and whether Docker runs.

Run it to build (`python3 -m tools.kindcluster.build`); it prints the path.
"""

import shutil
import subprocess
from pathlib import Path

from tools.gobuild import GoModule, GoProgram, has_go

MODULE = GoModule(
    folder=Path(__file__).resolve().parent,
    packages={"kind": "sigs.k8s.io/kind"},
    version_of="sigs.k8s.io/kind",
    version_in="sigs.k8s.io/kind/pkg/cmd/kind/version.gitCommit",
    estimate="1 minute",
)
KIND = GoProgram(module=MODULE, name="kind")
SECONDS = 20


def why_not() -> str:
    """Why there can be no cluster of kind here, or an empty text."""
    docker = shutil.which("docker")
    if docker is None:
        return "no docker on PATH"
    if not has_go() and KIND.find() is None:
        return "no Go compiler to build kind with"
    return "" if _answers(docker) else "no Docker engine answers"


def _answers(docker: str) -> bool:
    try:
        done = subprocess.run([docker, "info"], capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    raise SystemExit(KIND.main())
