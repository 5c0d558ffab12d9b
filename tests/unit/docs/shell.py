"""Blocks of commands, run as a reader would."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

SECONDS = 300
"""An API server may take more than a minute to let go of a kind."""


def run_block(script: str, folder: Path, environ: Mapping[str, str]) -> None:
    """Run a block; the first command that fails ends it, and the test."""
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
