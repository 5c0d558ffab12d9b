"""kubectl as tests use it, whatever cluster is behind it."""

import subprocess
from pathlib import Path

from tools.realcluster.processes import ClusterError

SECONDS = 170


def run_kubectl(
    program: Path,
    kubeconfig: Path,
    folder: Path,
    arguments: tuple[str, ...],
    *,
    input: str | None,
    check: bool,
) -> subprocess.CompletedProcess[str]:
    """Run kubectl with its cache in `folder`; with `check`, raise ClusterError with its complaint."""
    command = [str(program), "--kubeconfig", str(kubeconfig), "--cache-dir", str(folder / "kubectl-cache")]
    done = subprocess.run(
        [*command, *arguments], input=input, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if check and done.returncode != 0:
        raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done
